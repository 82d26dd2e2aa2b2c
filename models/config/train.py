"""The section `train` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from dataprep.config.base import ByKind, Positive, Section, Seed

LearningRate = Annotated[float, Field(ge=1e-12, le=1000.0)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]


class AdamConfig(Section):
    """Adam (Kingma, Ba: Adam: A Method for Stochastic Optimization, 2015)."""

    kind: Literal["adam"]
    learning_rate: LearningRate
    beta_1: Decay
    beta_2: Decay


class AdamwConfig(Section):
    """Adam with decoupled weight decay (Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2019)."""

    kind: Literal["adamw"]
    learning_rate: LearningRate
    beta_1: Decay
    beta_2: Decay
    weight_decay: Annotated[float, Field(ge=0.0, le=1000.0)]


class SgdConfig(Section):
    """Stochastic gradient descent, with momentum where it is above 0."""

    kind: Literal["sgd"]
    learning_rate: LearningRate
    momentum: Decay
    nesterov: bool


class RmspropConfig(Section):
    """RMSprop (Hinton: Neural Networks for Machine Learning, lecture 6, 2012)."""

    kind: Literal["rmsprop"]
    learning_rate: LearningRate
    rho: Decay
    momentum: Decay


OptimizerConfig: TypeAlias = AdamConfig | AdamwConfig | SgdConfig | RmspropConfig


class TrainConfig(Section):
    """How the network is fitted."""

    renamed: ClassVar[Mapping[str, str]] = {"learning_rate": "train.optimizer.learning_rate"}

    optimizer: Annotated[OptimizerConfig, ByKind]
    batch_size: Positive
    epochs: Positive
    patience: Positive
    memory_gib: Annotated[float, Field(ge=0.0, le=2.0**20)]
    threads: Annotated[int, Field(ge=0, le=1024)]
    seed: Seed
