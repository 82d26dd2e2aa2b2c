"""The sections of params.yaml that concern the network, its training and the reading of its errors."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from dataprep.config import Fraction, Section, Seed

Positive = Annotated[int, Field(gt=0)]
Weight = Annotated[float, Field(ge=0.0)]


class NormaliseConfig(Section):
    """What the first layers make of gray levels."""

    method: Literal["standard", "scale", "log", "none"]


class ModelConfig(Section):
    """The network: normalisation, blocks of convolution and pooling, then dense layers."""

    normalise: NormaliseConfig
    input_noise: Fraction  # Keras takes no more
    filters: Annotated[tuple[Positive, ...], Field(strict=False)]
    kernel_size: Positive
    pooling: Literal["max", "average"]
    dense_units: Annotated[tuple[Positive, ...], Field(strict=False)]
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


class TrainConfig(Section):
    """How the network is fitted."""

    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"]
    learning_rate: Annotated[float, Field(gt=0.0)]
    batch_size: Positive
    epochs: Positive
    patience: Positive
    memory_gib: Annotated[float, Field(ge=0.0)]
    seed: Seed


class EvaluateConfig(Section):
    """How predictions are made, and on how many images each operation of the menu is tried."""

    batch_size: Positive
    images_per_operation: Annotated[int, Field(ge=0)]


class DiagnoseConfig(Section):
    """What the report shows and when it is content."""

    split: Literal["validation", "test"]
    target_accuracy: Fraction
    worst_images: Annotated[int, Field(ge=0)]
    images_per_cell: Annotated[int, Field(ge=0)]
    thumbnail_px: Annotated[int, Field(gt=0)]
    seed: Seed
