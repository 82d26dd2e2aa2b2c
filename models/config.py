"""The sections of params.yaml that concern the network, its training and the reading of its errors."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from dataprep.config import Count, Fraction, Positive, Section, Seed

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


class TrainConfig(Section):
    """How the network is fitted."""

    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"]
    learning_rate: Annotated[float, Field(ge=1e-12, le=1000.0)]
    batch_size: Positive
    epochs: Positive
    patience: Positive
    memory_gib: Annotated[float, Field(ge=0.0, le=2.0**20)]
    threads: Annotated[int, Field(ge=0, le=1024)]
    seed: Seed


class EvaluateConfig(Section):
    """How predictions are made, and on how many images each operation of the menu is tried."""

    batch_size: Positive
    images_per_operation: Count


class DiagnoseConfig(Section):
    """What the report shows and when it is content."""

    split: Literal["validation", "test"]
    target_accuracy: Fraction
    worst_images: Count
    images_per_cell: Count
    thumbnail_px: Positive
    seed: Seed
