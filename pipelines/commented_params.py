"""params.yaml as a person wrote it: values are changed, and every other line and comment stays."""

import io
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dataprep.core.artifacts import write_text
from pipelines.params import PARAMS_FILE, check_params


def load_commented(text: str) -> MutableMapping[Any, Any]:
    """Reads YAML together with its comments."""
    commented: MutableMapping[Any, Any] = _yaml().load(text)
    return commented


def write_commented(params: MutableMapping[Any, Any], blamed: Path) -> str:
    """Writes params.yaml, if these parameters can be.

    Args:
        params: from `load_commented`, changed.
        blamed: the file that an error names.

    Raises:
        ParamsError: a key is unknown or missing, or a value cannot be. Nothing is written.

    Returns:
        The text that was written.
    """
    buffer = io.StringIO()
    _yaml().dump(params, buffer)
    check_params(buffer.getvalue(), blamed)
    write_text(PARAMS_FILE, buffer.getvalue())
    return buffer.getvalue()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.default_flow_style = False  # as DVC writes, and as wide: else the next `dvc exp run -S` would write other lines anew
    return yaml
