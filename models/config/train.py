"""The section `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from dataprep.config.base import Positive, Section, Seed


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
