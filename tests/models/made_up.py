"""Predictions with accuracies that a test chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dataprep.config.augment import AugmentConfig
from dataprep.prepare.kept_detail import measure_detail
from dataprep.store.shards import ShardReader, read_index
from models.diagnose.baselines import Baseline, Baselines
from models.diagnose.evidence import Evidence
from models.diagnose.facts import Facts, Pictures, Settings, gather
from models.diagnose.label_suspects import find_suspects
from models.diagnose.leakage_estimate import LeakageEstimate
from models.diagnose.metrics import Metrics
from models.diagnose.shared_images import Shared
from models.evaluate.calibration import calibrate
from models.evaluate.predictions import predictions_frame
from models.evaluate.robustness import Robustness
from pipelines.parameters.params import Params

CLASSES = ["a", "b", "c"]


def predictions(accuracies: Mapping[str, tuple[float, int]]) -> pl.DataFrame:
    """Rows of each split with the given accuracy and count; what is wrong is read as one of the others, ever surer."""
    parts = []
    for split, (accuracy, count) in accuracies.items():
        numbers = np.arange(count)
        labels = numbers % 3
        wrong = numbers >= round(accuracy * count)
        chosen = np.where(wrong, (labels + 1 + (numbers % 4 == 0)) % 3, labels)
        sure = (0.5 + 0.49 * numbers / count).astype(np.float32)
        probabilities = np.repeat(((1 - sure) / 2)[:, np.newaxis], 3, axis=1).astype(np.float32)
        probabilities[numbers, chosen] = sure
        ids = [f"{CLASSES[label]}/{split}{number:04d}.png" for number, label in enumerate(labels)]
        parts.append(predictions_frame(ids, split, labels, probabilities, CLASSES))
    return pl.concat(parts).with_columns(cluster="id")


def answers(true: Sequence[str], predicted: Sequence[str], split: str, clusters: Sequence[str] | None = None) -> pl.DataFrame:
    """Rows of one split with the given classes, each answer as sure as the next."""
    names = sorted({*true, *predicted})
    probabilities = np.full((len(true), len(names)), 0.01, dtype=np.float32)
    probabilities[np.arange(len(true)), [names.index(name) for name in predicted]] = 0.9
    ids = [f"{split}{number:04d}.png" for number in range(len(true))]
    labels = np.array([names.index(name) for name in true])
    rows = predictions_frame(ids, split, labels, probabilities, names)
    return rows.with_columns(cluster=pl.Series(clusters or ids))


def facts_of(
    metrics: Metrics,
    params: Params,
    target: float | None = None,
    *,
    running: float | None = None,
    augment: AugmentConfig | None = None,
    batch_normalisation: bool = True,
    leakage: LeakageEstimate | None = None,
    pictures: Pictures | None = None,
    losses: Mapping[str, Sequence[float]] | None = None,
    network: str = "cnn",
    learning_rate: float | None = None,
    layers: Mapping[str, object] | None = None,
    evidence: Evidence | None = None,
) -> Facts:
    """Facts of a training.

    Args:
        metrics: its scores.
        params: its settings, but for those that are given here.
        target: of the accuracy.
        running: train accuracy while it trained; as evaluated, if not given.
        augment: another section of params.yaml.
        batch_normalisation: whether its network has it.
        leakage: what a random split would have gained.
        pictures: its images; stored as they are, if not given.
        losses: loss, val_loss and val_accuracy of all its epochs; of one that was waited for in vain, if not given.
        network: its kind.
        learning_rate: another one.
        layers: other keys of `model.network`.
        evidence: what was measured beside the scores; nothing that asks for attention, if not given.
    """
    accuracy = metrics.train.accuracy if running is None else running
    curves = losses or {"loss": [0.4, 0.3], "val_loss": [0.5, 0.9], "val_accuracy": [0.8, 0.8]}  # the first is the best one
    epochs = len(curves["loss"])
    history = pl.DataFrame({"epoch": list(range(1, epochs + 1)), "accuracy": [accuracy] * epochs, **curves})
    wanted = params.diagnose.target_accuracy if target is None else target
    settings = replace(
        settings_of(params, target_accuracy=wanted, batch_normalisation=batch_normalisation),
        augment=augment or params.augment,
        network=network,
        epochs=epochs if losses else params.train.epochs,
        layers=layers or params.model.network.model_dump(mode="json"),
        learning_rate=learning_rate or params.train.optimizer.learning_rate,
    )
    return gather(metrics, history, pictures or pictures_of(params), leakage, evidence or quiet_evidence(), settings)


def quiet_evidence() -> Evidence:
    """Measurements of a network that knows its images, of which nothing is to be said."""
    rows = predictions({"train": (1.0, 30), "validation": (1.0, 30), "test": (1.0, 30)})
    return Evidence(
        robustness=robustness_of(None),
        baselines=baselines(0.9, 0.3),
        slices=[],
        calibration=calibrate(rows.with_columns(confidence=pl.lit(1.0, pl.Float32)), seed=0),
        suspects=find_suspects(rows),
        contradicted=find_suspects(rows),
        has_folds=False,
        shifts=[],
        shared=Shared(images=0, held_out=60, groups=0, pictures=0, clusters=0, ids=()),
    )


def robustness_of(accuracy: float | None, **tried: list[Any]) -> Robustness:
    """What was tried under changes; nothing was, where there is no accuracy."""
    count = 0 if accuracy is None else 300
    lists: dict[str, Any] = {"operations": [], "levels": [], "regions": [], **tried}
    return Robustness(images=count, clusters=count, accuracy=accuracy, superposed={}, denoised={}, **lists)


def baselines(accuracy: float, shuffled: float, *, at_half: float = 0.1) -> Baselines:
    """Cheap classifiers of this accuracy, their control, and what half the size costs."""

    def baseline(name: str, images: int, reached: float) -> Baseline:
        return Baseline(
            name=name,
            train_images=images,
            accuracy=reached,
            accuracy_interval=(max(reached - 0.02, 0.0), min(reached + 0.02, 1.0)),
        )

    growth = [baseline("nearest neighbour", count, accuracy - lost) for count, lost in ((250, 0.06), (500, 0.03), (1000, 0.0))]
    return Baselines(
        nearest_neighbour=growth[-1],
        perceptron=baseline("perceptron", 1000, accuracy - 0.01),
        shuffled=baseline("nearest neighbour", 1000, shuffled),
        growth=growth,
        halved=baseline("nearest neighbour", 1000, accuracy - at_half),
    )


def pictures_of(
    params: Params,
    *,
    height: int = 16,
    width: int = 16,
    color: str = "gray",
    image_size: tuple[int, int] = (16, 16),
    entropy: float | None = 3.0,
    train_images: int = 4000,
) -> Pictures:
    """Files of one size, and what is stored of them, in gray."""
    prepare = params.prepare.pixels.model_copy(update={"image_size": image_size})
    images = pl.DataFrame({"height": [height], "width": [width], "mode": ["RGB" if color == "RGB" else "L"]})
    return Pictures(measure_detail(images, prepare), prepare, entropy, train_images)


def settings_of(params: Params, *, target_accuracy: float, batch_normalisation: bool = True) -> Settings:
    train = params.train
    return Settings(
        target_accuracy=target_accuracy,
        augment=params.augment,
        epochs=train.epochs,
        batch_size=train.batch_size,
        optimizer=train.optimizer.kind,
        learning_rate=train.optimizer.learning_rate,
        early_stopping=train.early_stopping,
        batch_normalisation=batch_normalisation,
        network=params.model.network.kind,
        layers=params.model.network.model_dump(mode="json"),
        l1=params.model.l1,
        l2=params.model.l2,
        fine_tunes=False,
        head_classifies=True,
    )


def split_of(prepared: Path) -> pl.DataFrame:
    """The split of prepared images which share nothing: id, split, cluster."""
    rows = []
    index = read_index(prepared, stage="prepare")
    for entry in index.shards:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            rows += [(image_id, entry.split, image_id) for image_id in shard.ids()]
    return pl.DataFrame(rows, schema=["id", "split", "cluster"], orient="row")
