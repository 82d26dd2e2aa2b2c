"""The section `model` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from dataprep.config.base import Fraction, Section
from models.config.network_kinds import Network

Head: TypeAlias = Literal["softmax", "binary", "sigmoid"]
"""One class of many, one of two by one output, or each class by itself."""

Threshold = Annotated[float, Field(ge=0.0, lt=1.0)]
"""The probability above which a class counts as found, where each is judged by itself."""

Weight = Annotated[float, Field(ge=0.0, le=1000.0)]


class NormaliseConfig(Section):
    """What the first layers make of gray levels."""

    method: Literal["standard", "scale", "log", "none"]


class ModelConfig(Section):
    """What every model has: normalisation, one network of those in `models/networks/`, penalties, a head."""

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
