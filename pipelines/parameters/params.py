"""params.yaml, read once, checked as a whole and frozen."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError, model_validator

from dataprep.config.augment import AugmentConfig
from dataprep.config.base import Section
from dataprep.config.execute import ExecuteConfig
from dataprep.config.ingest import IngestConfig
from dataprep.config.prepare import PrepareSection
from dataprep.config.split import SplitConfig
from dataprep.config.statistics import StatisticsConfig
from dataprep.core.errors import ParamsError, shortened
from models.config.diagnose import DiagnoseConfig
from models.config.evaluate import EvaluateConfig
from models.config.gate import GateConfig
from models.config.model import ModelConfig
from models.config.predict import PredictConfig
from models.config.publish import PublishConfig
from models.config.train import TrainConfig
from models.layers.memory_estimate import check_memory
from pipelines.parameters.params_errors import dotted, explain_first
from pipelines.parameters.yaml_reading import load_yaml, read_text

PARAMS_FILE = Path("params.yaml")

_INVISIBLE_TO_DVC = {"size": "image_size", "nfiles": "num_files"}


class Params(Section):
    """All sections of params.yaml: one per stage, `model` and `execute`, which stages share, and three that no stage reads."""

    ingest: IngestConfig
    split: SplitConfig
    prepare: PrepareSection
    statistics: StatisticsConfig
    augment: AugmentConfig
    model: ModelConfig
    train: TrainConfig
    evaluate: EvaluateConfig
    diagnose: DiagnoseConfig
    predict: PredictConfig
    gate: GateConfig
    publish: PublishConfig
    execute: ExecuteConfig

    @model_validator(mode="after")
    def _network_can_be_held(self) -> "Params":
        shape = (*self.prepare.image_size, 3 if self.prepare.color == "rgb" else 1)
        check_memory(self.model, shape, train_batch=self.train.batch_size, evaluate_batch=self.evaluate.batch_size)
        return self

    @model_validator(mode="after")
    def _a_batch_has_a_variance(self) -> "Params":
        if self.train.batch_size == 1 and getattr(self.model.network, "batch_normalisation", False):
            raise ValueError(
                "train.batch_size must be at least 2 for model.network.batch_normalisation true, since one image has no "
                "variance; got 1. Enlarge it, or set model.network.batch_normalisation to false"
            )
        return self

    @model_validator(mode="after")
    def _compiled_steps_are_not_deterministic(self) -> "Params":
        if self.train.devices.xla and self.train.deterministic:
            raise ValueError(
                "train.devices.xla must be false for train.deterministic true, since XLA has no deterministic form of some "
                "operations; got true. Set it to false, or train.deterministic to false"
            )
        return self

    @model_validator(mode="after")
    def _operations_suit_the_images(self) -> "Params":
        shuffle, grid = self.augment.channel_shuffle, self.augment.grid_distortion
        if shuffle.probability > 0 and self.prepare.color != "rgb":
            raise ValueError(
                f"augment.channel_shuffle must have probability 0 for prepare.color {self.prepare.color!r}, which has one "
                f"channel; got {shuffle.probability:g}. Set it to 0, or prepare.color to rgb"
            )
        if grid.probability > 0 and grid.num_cells > min(self.prepare.image_size):
            raise ValueError(
                f"augment.grid_distortion.num_cells must be at most {min(self.prepare.image_size)}, so that a cell of "
                f"prepare.image_size {list(self.prepare.image_size)} has a pixel; got {grid.num_cells}. Lower it"
            )
        return self

    @model_validator(mode="after")
    def _union_of_labels_has_a_head(self) -> "Params":
        probability = self.augment.superpose.probability
        if probability > 0 and self.model.head != "sigmoid":
            raise ValueError(
                f"model.head must be 'sigmoid' for augment.superpose.probability {probability:g}, since an image then has "
                f"several labels; got {self.model.head!r}. Set model.head to sigmoid, or the probability to 0"
            )
        return self

    @model_validator(mode="after")
    def _given_splits_are_in_the_paths(self) -> "Params":
        table = self.ingest.labels
        has_split = "{split}" in self.ingest.pattern or "(?P<split>" in self.ingest.pattern
        if self.split.method == "given" and table is not None and table.split is None:
            raise ValueError(
                "split.method 'given' must have a column of the table in ingest.labels.split; it is empty. Name the column, or "
                "set split.method to stratified"
            )
        if self.split.method == "given" and table is None and not has_split:
            raise ValueError(
                f"split.method 'given' must have {{split}} in ingest.pattern; got {shortened(self.ingest.pattern)}. "
                "Put {split} where the paths say train or test, or set split.method to stratified"
            )
        return self


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Reads and checks params.yaml.

    Raises:
        ParamsError: the file is missing or no YAML, a key is unknown or missing, or a value cannot be.
    """
    return check_params(read_text(path), path)


def check_params(text: str, path: Path) -> Params:
    """Checks the text of a params.yaml.

    Args:
        text: YAML.
        path: the file that an error names.

    Raises:
        ParamsError: no YAML, a key is unknown or missing, or a value cannot be.
    """
    document = load_yaml(text, path)
    if not isinstance(document, Mapping):
        raise ParamsError(f"{path} must hold sections; got {shortened(document)}. Restore it: git checkout {path}")
    return check_document(document, path)


def check_document(document: Mapping[object, object], path: Path) -> Params:
    """Checks what a params.yaml says.

    Raises:
        ParamsError: a key is unknown or missing, or a value cannot be.
    """
    for keys, value in _values(document):
        _check_key(keys, path)
        if isinstance(value, set | frozenset):
            raise ParamsError(f"{path}: {dotted(keys)} must not be a set (!!set), which has no order. Write a list")
    try:
        return Params.model_validate(document)
    except ValidationError as error:
        raise ParamsError(f"{path}: {explain_first(error, Params)}") from error


def _check_key(keys: tuple[str, ...], path: Path) -> None:
    match keys:
        case ("split", "pin", field, name) | ("train", "weights", field, name) if name in _INVISIBLE_TO_DVC:
            raise ParamsError(
                f"{path}: {dotted(keys[:-1])} cannot name {name!r}, since DVC ignores keys of that name and would not see it "
                f"change (its issue 10296). Give that {field.removeprefix('per_')} another name, or take it out"
            )
        case ("split", "pin", _):
            return  # it is origin, group or label, or refused as none of them
        case (*_, name) if name in _INVISIBLE_TO_DVC:
            raise ParamsError(
                f"{path}: {dotted(keys)} cannot be a key, since DVC would not see it change (its issue 10296). "
                f"Rename it, for example to {_INVISIBLE_TO_DVC[name]}"
            )


def _values(node: object, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """All that stands below a node, with its keys; of a list, the number of the entry."""
    if isinstance(node, Mapping):
        entries = [(key if isinstance(key, str) else shortened(key), value) for key, value in node.items()]
    elif isinstance(node, list):
        entries = [(str(number), value) for number, value in enumerate(node)]
    else:
        return
    for key, value in entries:
        yield (*above, key), value
        yield from _values(value, (*above, key))
