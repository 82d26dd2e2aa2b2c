"""The section `train` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from dataprep.config.base import ByKind, Fraction, Name, Positive, Section, Seed

LearningRate = Annotated[float, Field(ge=1e-12, le=1000.0)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
MinChange = Annotated[float, Field(ge=0.0, le=1000.0)]


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


class ConstantConfig(Section):
    """One rate for all epochs."""

    kind: Literal["constant"]


class InverseTimeConfig(Section):
    """rate / (1 + decay x epoch)."""

    kind: Literal["inverse_time"]
    decay: Annotated[float, Field(ge=0.0, le=1000.0)]


class ExponentialConfig(Section):
    """Decay ^ epoch x rate."""

    kind: Literal["exponential"]
    decay: Annotated[float, Field(gt=0.0, le=1.0)]


class InverseRootConfig(Section):
    """Factor x rate / sqrt(epoch)."""

    kind: Literal["inverse_root"]
    factor: Annotated[float, Field(gt=0.0, le=1000.0)]


class CosineConfig(Section):
    """Rises in even steps, then falls along half a cosine (Loshchilov, Hutter: SGDR, 2017)."""

    kind: Literal["cosine"]
    warm_up_epochs: Annotated[int, Field(ge=0, le=2**31 - 1)]
    final_fraction: Fraction


class PlateauConfig(Section):
    """Falls by a factor after some epochs without a gain in the metric of early stopping."""

    kind: Literal["plateau"]
    factor: Annotated[float, Field(gt=0.0, lt=1.0)]
    patience: Positive
    min_change: MinChange


ScheduleConfig: TypeAlias = (
    ConstantConfig | InverseTimeConfig | ExponentialConfig | InverseRootConfig | CosineConfig | PlateauConfig
)


class CrossEntropyConfig(Section):
    """-log of the probability of what an image shows, over all classes or, for head sigmoid, class by class."""

    kind: Literal["cross_entropy"]
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)]


class SquaredErrorConfig(Section):
    """Mean over the classes of (probability - target)^2."""

    kind: Literal["squared_error"]


class AbsoluteErrorConfig(Section):
    """Mean over the classes of |probability - target|."""

    kind: Literal["absolute_error"]


LossConfig: TypeAlias = CrossEntropyConfig | SquaredErrorConfig | AbsoluteErrorConfig


ImageWeight = Annotated[float, Field(gt=0.0, le=1000.0)]


class WeightsConfig(Section):
    """How much train images count in the loss: the product of these three."""

    per_class: Literal["none", "balanced"]
    per_origin: dict[Name, ImageWeight]
    per_group: dict[Name, ImageWeight]


class EarlyStoppingConfig(Section):
    """Which epoch is the best, and when no better one is waited for."""

    metric: Literal["val_loss", "val_accuracy", "loss", "accuracy"]
    patience: Positive
    min_change: MinChange


class DevicesConfig(Section):
    """What the network is fitted on, and how it computes there."""

    gpus: Annotated[int, Field(ge=0, le=64)]
    mixed_precision: bool
    xla: bool


class TrainConfig(Section):
    """How the network is fitted."""

    renamed: ClassVar[Mapping[str, str]] = {
        "learning_rate": "train.optimizer.learning_rate",
        "patience": "train.early_stopping.patience",
    }

    loss: Annotated[LossConfig, ByKind]
    weights: WeightsConfig
    optimizer: Annotated[OptimizerConfig, ByKind]
    schedule: Annotated[ScheduleConfig, ByKind]
    batch_size: Positive
    epochs: Positive
    max_minutes: Annotated[float, Field(ge=0.0, le=1e6)]
    early_stopping: EarlyStoppingConfig
    memory_gib: Annotated[float, Field(ge=0.0, le=2.0**20)]
    threads: Annotated[int, Field(ge=0, le=1024)]
    seed: Seed
    deterministic: bool
    devices: DevicesConfig
    tensorboard: bool

    @model_validator(mode="after")
    def _warm_up_ends(self) -> "TrainConfig":
        if isinstance(self.schedule, CosineConfig) and self.schedule.warm_up_epochs >= self.epochs:
            raise ValueError(
                f"schedule.warm_up_epochs must be below epochs {self.epochs}; got {self.schedule.warm_up_epochs}. Lower it"
            )
        return self
