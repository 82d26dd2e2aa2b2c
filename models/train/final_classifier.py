"""What classifies in the end: the head that was trained, or boosted trees that are fitted in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import keras
import polars as pl

from dataprep.core.artifacts import Place
from dataprep.core.errors import TrainError
from dataprep.feed.batches import ShardFile, TrainSet, files_of_split, num_stored_batches, one_hot, stored_batches
from models.config.model import ModelConfig, XgboostConfig
from models.config.train import TrainConfig
from models.layers.features import last_hidden_features
from models.train.early_stopping import best_epoch
from models.train.kept_features import keep_features
from models.train.model_file import LARGEST_TEXT, TREES
from models.train.progress import UNWATCHED, Progress
from models.train.saved_trees import import_xgboost

_THREADS = 1
"""XGBoost divides sums among its threads, and has no more of them than there are cores: two make other trees than one."""


@dataclass(frozen=True, slots=True)
class FittedClassifier:
    """What classifies.

    Attributes:
        members: of the model file, beside the network.
        scores: on the validation images: val_loss, val_accuracy.
        summary: what was fitted, and how well.
    """

    members: dict[str, bytes]
    scores: dict[str, float]
    summary: str


def check_classifier(network: keras.Model, model: ModelConfig) -> None:
    """Refuses, before training, a classifier that could not be fitted afterwards.

    Raises:
        ArtifactError: XGBoost is asked for and not installed.
        TrainError: the network has no last hidden layer.
    """
    if isinstance(model.classifier, XgboostConfig):
        import_xgboost()
        last_hidden_features(network)


def fit_classifier(
    network: keras.Model,
    train_set: TrainSet,
    history: pl.DataFrame,
    *,
    model: ModelConfig,
    prepared: Place,
    config: TrainConfig,
    progress: Progress = UNWATCHED,
) -> FittedClassifier:
    """Fits what params.yaml asks for in the place of the head that was trained; nothing, if it asks for the head.

    The trees see each train image once, with its weight, as it is stored, and the stored copies. Rounds end where the
    validation loss has had no gain for a while, and those up to the best are kept.

    Args:
        network: trained.
        train_set: what to fit on.
        history: one row per epoch of the network.
        model: the settings of the classifier.
        prepared: the folder with the validation shards.
        config: batch size of the network, seed.
        progress: shows how far it is.

    Raises:
        TrainError: the trees take more bytes than a model file may hold.
    """
    kept = best_epoch(config.early_stopping, history)
    summary = f"{history.height} epochs -> best epoch {kept['epoch']}, validation accuracy {kept['val_accuracy']:.4f}"
    if not isinstance(model.classifier, XgboostConfig):
        return FittedClassifier({}, kept, summary)
    xgboost, settings = import_xgboost(), model.classifier
    features = last_hidden_features(network)

    def quantised(files: Sequence[ShardFile], **options: object) -> object:
        batches = (
            (images, one_hot(labels, train_set.num_classes)) for images, labels, _ in stored_batches(files, config.batch_size)
        )
        count = num_stored_batches(files, config.batch_size)
        inputs, targets = keep_features(features, batches, num_batches=count, progress=progress).part(slice(None))
        return xgboost.QuantileDMatrix(inputs, targets.argmax(axis=1), nthread=_THREADS, **options)

    train = quantised(train_set.files, weight=train_set.weights)
    validation = quantised(files_of_split(prepared, "validation"), ref=train)
    scores: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        {
            "objective": "multi:softprob",
            "num_class": train_set.num_classes,
            "tree_method": "hist",
            "max_depth": settings.max_depth,
            "learning_rate": settings.learning_rate,
            "subsample": settings.subsample,
            "eval_metric": ["merror", "mlogloss"],  # the last one ends the rounds
            "seed": config.seed,
            "nthread": _THREADS,
        },
        train,
        settings.rounds,
        evals=[(validation, "validation")],
        early_stopping_rounds=settings.patience,
        evals_result=scores,
        verbose_eval=False,
        callbacks=[_round_progress(xgboost, progress, settings.rounds)],
    )
    best = booster.best_iteration
    content = bytes(booster[: best + 1].save_raw("json"))
    if len(content) > LARGEST_TEXT:
        raise TrainError(
            f"model.classifier: the trees must take at most {LARGEST_TEXT:,} bytes in the model file; {best + 1:,} rounds take "
            f"{len(content):,}. Reduce model.classifier.rounds or max_depth, or raise its learning_rate"
        )
    found = _scores(scores["validation"], best)
    summary += f"; trees on {features.output_shape[-1]:,} features, {best + 1:,} rounds, {found['val_accuracy']:.4f}"
    return FittedClassifier({TREES: content}, found, summary)


def _scores(of_rounds: Mapping[str, Sequence[float]], number: int) -> dict[str, float]:
    """What XGBoost measured on the validation images after a round, under the names of the history."""
    return {"val_loss": of_rounds["mlogloss"][number], "val_accuracy": 1 - of_rounds["merror"][number]}


def _round_progress(xgboost: ModuleType, progress: Progress, num_rounds: int) -> object:
    """Passes each round on to a `Progress`; its class can only be made when XGBoost is there."""

    class RoundProgress(xgboost.callback.TrainingCallback):  # type: ignore[misc, name-defined]  # a module found at run time
        def after_iteration(self, _: object, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[float]]]) -> bool:
            progress.round_ended(epoch + 1, num_rounds, _scores(evals_log["validation"], -1))
            return False

    return RoundProgress()
