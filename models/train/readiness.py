"""What is refused before training starts, since it would fail or teach nothing."""

import psutil

from dataprep.config.augment import AugmentConfig
from dataprep.core.errors import TrainError, first_five
from dataprep.feed.batches import TrainSet
from dataprep.store.shards import ShardIndex
from models.config.train import TrainConfig

_GIB = 2**30


def check_ready(train_set: TrainSet, index: ShardIndex, config: TrainConfig, augment: AugmentConfig) -> None:
    """Refuses a train set or settings with which training cannot end well.

    Raises:
        TrainError: a class has no train image, there is no validation image, memory is lacking, or there are fewer classes
            than a superposition wants.
    """
    absent = [name for name, count in zip(index.class_names, train_set.class_counts, strict=True) if not count]
    if absent:
        raise TrainError(
            f"train must have images of each class; it has none of {first_five(absent)}. "
            "Give train a larger part in split.fractions, or remove the class"
        )
    if not index.of_split("validation"):
        raise TrainError("validation must have images, by which the best epoch is chosen; it has none. Change split.fractions")
    if augment.superpose.probability > 0 and augment.superpose.num_images > train_set.num_classes:
        raise TrainError(
            f"params.yaml: augment.superpose.num_images must be at most the number of classes, {train_set.num_classes}; got "
            f"{augment.superpose.num_images}. Lower it"
        )
    wanted, free = train_set.num_bytes, available_bytes()
    if wanted <= config.memory_gib * _GIB and wanted > free:
        raise TrainError(
            f"train.memory_gib {config.memory_gib:g} holds all train images in memory, {wanted / _GIB:.2f} GiB; "
            f"{free / _GIB:.2f} GiB are free. Lower train.memory_gib below {wanted / _GIB:.2f}, then they are read in parts"
        )


def available_bytes() -> int:
    """Memory that a process can still take on this machine."""
    return int(psutil.virtual_memory().available)
