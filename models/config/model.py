"""The section `model` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from dataprep.config.base import Fraction, Positive, Section

Layers = Annotated[tuple[Positive, ...], Field(strict=False, max_length=100)]
Weight = Annotated[float, Field(ge=0.0, le=1000.0)]


class NormaliseConfig(Section):
    """What the first layers make of gray levels."""

    method: Literal["standard", "scale", "log", "none"]


class ModelConfig(Section):
    """The network: normalisation, blocks of convolution and pooling, then dense layers."""

    normalise: NormaliseConfig
    input_noise: Fraction  # Keras takes no more
    filters: Layers
    kernel_size: Annotated[int, Field(gt=0, le=255)]
    pooling: Literal["max", "average"]
    dense_units: Layers
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    l1: Weight
    l2: Weight
    batch_normalisation: bool
    head: Literal["softmax", "sigmoid"]

    @field_validator("kernel_size")
    @classmethod
    def _centred(cls, kernel_size: int) -> int:
        if kernel_size % 2 == 0:
            raise ValueError(f"must be odd, so that a kernel has a centre; got {kernel_size}. Use {kernel_size + 1}")
        return kernel_size
