"""The section `model` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from dataprep.config.base import ByKind, Fraction, Positive, Section
from models.config.network_kinds import Network

Head: TypeAlias = Literal["softmax", "binary", "sigmoid"]
"""One class of many, one of two by one output, or each class by itself."""

Threshold = Annotated[float, Field(ge=0.0, lt=1.0)]
"""The probability above which a class counts as found, where each is judged by itself."""

Weight = Annotated[float, Field(ge=0.0, le=1000.0)]


class NormaliseConfig(Section):
    """What the first layers make of gray levels."""

    method: Literal["standard", "scale", "log", "none"]


class HeadConfig(Section):
    """The network's own head classifies."""

    kind: Literal["head"]


class XgboostConfig(Section):
    """Gradient-boosted trees on what the head sees (Chen, Guestrin: XGBoost: A Scalable Tree Boosting System, 2016)."""

    kind: Literal["xgboost"]
    rounds: Annotated[int, Field(ge=1, le=10_000)]
    patience: Positive
    max_depth: Annotated[int, Field(ge=1, le=16)]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)]
    subsample: Annotated[float, Field(gt=0.0, le=1.0)]


class ModelConfig(Section):
    """What every model has: normalisation, one network of those in `models/networks/`, penalties, a head, what classifies."""

    renamed: ClassVar[Mapping[str, str]] = {
        key: f"model.network.{key}"
        for key in ("filters", "kernel_size", "pooling", "dense_units", "dropout", "batch_normalisation")
    }

    normalise: NormaliseConfig
    input_noise: Fraction  # Keras takes no more
    network: Network
    l1: Weight
    l2: Weight
    head: Head
    acceptance_threshold: Threshold
    classifier: Annotated[HeadConfig | XgboostConfig, ByKind]

    @model_validator(mode="after")
    def _trees_choose_one_class(self) -> "ModelConfig":
        if self.classifier.kind == "xgboost" and self.head == "sigmoid":
            raise ValueError(
                "must have head 'softmax' or 'binary' for classifier.kind 'xgboost', whose trees give an image one class; got "
                "'sigmoid'. Set model.classifier to {kind: head}, or model.head to softmax"
            )
        return self

    @model_validator(mode="after")
    def _normalised_once(self) -> "ModelConfig":
        if self.network.takes_gray_levels and self.normalise.method != "none":
            raise ValueError(
                f"must have normalise.method 'none' for network.kind {self.network.kind!r}, which normalises by itself; got "
                f"{self.normalise.method!r}. Set model.normalise.method to none"
            )
        return self

    @model_validator(mode="after")
    def _penalties_have_layers(self) -> "ModelConfig":
        if self.network.gives_probabilities and (self.l1 or self.l2):
            raise ValueError(
                f"must have l1 and l2 0 for network.kind {self.network.kind!r}, whose layers bring their own penalties; got "
                f"{self.l1:g} and {self.l2:g}. Set both to 0"
            )
        return self
