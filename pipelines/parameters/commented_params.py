"""params.yaml as a person wrote it: values are changed, and every other line and comment stays."""

import io
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dataprep.core.artifacts import write_text
from dataprep.core.errors import ParamsError
from pipelines.parameters.params import PARAMS_FILE, check_params


def load_commented(text: str) -> MutableMapping[Any, Any]:
    """Reads YAML together with its comments."""
    commented: MutableMapping[Any, Any] = _yaml().load(text)
    return commented


def set_values(params: MutableMapping[Any, Any], values: Mapping[str, object]) -> None:
    """Sets keys such as `train.epochs`; a section is replaced as a whole.

    >>> params = {"train": {"epochs": 40, "seed": 0}}
    >>> set_values(params, {"train.epochs": 80})
    >>> params
    {'train': {'epochs': 80, 'seed': 0}}

    Raises:
        ParamsError: a key lies in no section.
    """
    for key, value in values.items():
        *above, last = key.split(".")
        section = params
        for name in above:
            below = section.get(name)
            if not isinstance(below, MutableMapping):
                raise ParamsError(f"{PARAMS_FILE}: {key} must lie in a section; {name} is none. Correct that key")
            section = below
        section[last] = list(value) if isinstance(value, tuple) else value


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
    text = text_of(params)
    check_params(text, blamed)
    write_text(PARAMS_FILE, text)
    return text


def text_of(params: MutableMapping[Any, Any]) -> str:
    """Parameters as text, with their comments.

    Args:
        params: from `load_commented`, changed.
    """
    buffer = io.StringIO()
    _yaml().dump(params, buffer)
    return buffer.getvalue()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.default_flow_style = False  # as DVC writes, and as wide: else the next `dvc exp run -S` would write other lines anew
    return yaml
