"""The learning rate of each epoch: a pure function of the settings, the epoch's number, and the epochs before it.

Because it has no state of its own, a training that goes on after a kill has the rates that it would have had.
"""

import math
from collections.abc import Sequence

from models.config.train import (
    ConstantConfig,
    CosineConfig,
    ExponentialConfig,
    InverseRootConfig,
    InverseTimeConfig,
    PlateauConfig,
    TrainConfig,
)


def rate_of_epoch(config: TrainConfig, epoch: int, costs: Sequence[float]) -> float:
    """The learning rate of one epoch.

    Args:
        config: the first rate, the schedule, and how many epochs there are.
        epoch: its number, 1 and up.
        costs: of the epochs before it, from `early_stopping.costs_of`; only `plateau` reads them.
    """
    first, schedule = config.optimizer.learning_rate, config.schedule
    match schedule:
        case ConstantConfig():
            return first
        case InverseTimeConfig():
            return first / (1 + schedule.decay * epoch)
        case ExponentialConfig():
            return first * schedule.decay**epoch
        case InverseRootConfig():
            return first * schedule.factor / math.sqrt(epoch)
        case CosineConfig():
            return first * _cosine(schedule, epoch, config.epochs)
        case PlateauConfig():
            return first * schedule.factor ** _num_plateaus(schedule, costs)


def _cosine(schedule: CosineConfig, epoch: int, num_epochs: int) -> float:
    """The part of the rate: rises by 1 / (warm-up + 1) an epoch, is 1 in the epoch after it, and final_fraction in the last."""
    first_full = schedule.warm_up_epochs + 1
    if epoch < first_full or num_epochs == first_full:
        return min(epoch / first_full, 1.0)
    done = (epoch - first_full) / (num_epochs - first_full)
    return schedule.final_fraction + (1 - schedule.final_fraction) * (1 + math.cos(math.pi * done)) / 2


def _num_plateaus(schedule: PlateauConfig, costs: Sequence[float]) -> int:
    """How often `patience` epochs passed without a gain of more than `min_change`."""
    best, waited, found = math.inf, 0, 0
    for cost in costs:
        if cost < best - schedule.min_change:
            best, waited = cost, 0
        else:
            waited += 1
            if waited == schedule.patience:
                waited, found = 0, found + 1
    return found
