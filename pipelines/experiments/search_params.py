"""A search in this project: its space file, its trials, and the runs of the best through the whole line."""

import copy
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from dataprep.core.errors import DarkroomError, ParamsError
from models.config.search import SearchConfig, Value
from models.search.space import value_at
from pipelines.parameters.commented_params import load_commented, set_values, write_commented
from pipelines.parameters.params import PARAMS_FILE, Params, check_document
from pipelines.parameters.params_errors import explain_first
from pipelines.parameters.yaml_reading import load_yaml, read_text

FOLDER = Path(".darkroom/search")
PAGES = Path("reports/search")

_FROM_TRAINING_ON = ("train", "evaluate", "diagnose")


def read_space(path: Path) -> SearchConfig:
    """Reads and checks the file of a search space.

    Raises:
        ParamsError: it is missing or no YAML, a key is unknown or missing, or a value cannot be.
    """
    if not path.is_file():
        raise ParamsError(f"{path} must be the file of a search space; there is none. docs/search.md shows one")
    document = load_yaml(read_text(path), path)
    if not isinstance(document, Mapping):
        raise ParamsError(f"{path} must hold trials, epochs, space and so on; docs/search.md shows one. Correct it")
    try:
        return SearchConfig.model_validate(document)
    except ValidationError as error:
        raise ParamsError(f"{path}: {explain_first(error, SearchConfig)}") from error


def need_prepared(stale: list[str]) -> None:
    """Refuses to search on images that are not those which params.yaml asks for.

    Args:
        stale: the stages that are out of date.

    Raises:
        DarkroomError: a stage before training is among them.
    """
    before = [stage for stage in stale if stage not in _FROM_TRAINING_ON]
    if before:
        raise DarkroomError(
            f"the prepared images must be up to date; {', '.join(before)} would run first. Run: dvc repro statistics augment"
        )


def check_keys(params: Mapping[object, object], config: SearchConfig, path: Path) -> None:
    """Refuses a space that names keys which params.yaml does not hold.

    Raises:
        ParamsError: with the first of them.
    """
    for key, dimension in config.space.items():
        *above, last = key.split(".")
        section: Mapping[object, object] = params
        for name in above:
            found = section.get(name)
            section = found if isinstance(found, Mapping) else {}
        if last not in section:
            raise ParamsError(
                f"{path}: space has the key {key}, which {PARAMS_FILE} does not hold, for example to be "
                f"{value_at(dimension, 0)!r}. Correct it, or choose the kind that has it in {PARAMS_FILE} first"
            )


def with_values(params: Mapping[object, object], values: Mapping[str, Value]) -> dict[object, object]:
    """A copy of the document of params.yaml with other values of these keys."""
    changed: dict[object, object] = copy.deepcopy(dict(params))
    set_values(changed, values)
    return changed


def params_of_trial(params: Mapping[object, object], values: Mapping[str, Value], *, epochs: int) -> Params:
    """The parameters of one trial.

    Raises:
        ParamsError: values that are each within their bounds cannot be together.
    """
    return check_document(with_values(params, {**values, "train.epochs": epochs}), PARAMS_FILE)


def apply_values(values: Mapping[str, Value]) -> None:
    """Writes values into params.yaml, whose other lines and comments stay.

    Raises:
        ParamsError: they cannot be together.
    """
    params = load_commented(read_text(PARAMS_FILE))
    set_values(params, values)
    write_commented(params, PARAMS_FILE)
