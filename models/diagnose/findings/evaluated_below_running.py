"""The saved model is much worse on its train images than it was in training."""

from dataprep.config.augment import AugmentConfig
from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, Value, experiment, in_points, train_longer


def find(facts: Facts) -> Finding | None:
    """Stands where the gap is large and certain; no other finding reads the scores then."""
    gap, settings = facts.gap, facts.settings
    if gap is None:
        return None
    low, high = gap.evaluated.accuracy_interval
    points, interval = in_points(gap.running - gap.evaluated.accuracy, gap.running - high, gap.running - low)
    lower_rate = experiment("Lower the learning rate.", {"train.optimizer.learning_rate": settings.learning_rate / 2})
    if settings.batch_normalisation:
        causes = ["batch normalisation, whose averages need more or larger batches"]
        actions = [
            train_longer(settings.epochs, settings.early_stopping.patience),
            experiment("Train with larger batches.", {"train.batch_size": 2 * settings.batch_size}),
            lower_rate,
            experiment("Or turn batch normalisation off.", {"model.network.batch_normalisation": False}),
        ]
    else:
        causes = [
            "the last steps of the epoch, which may have spoilt the weights",
            "varied images that are easier than real ones",
        ]
        actions = [
            lower_rate,
            experiment("Train without variation, to see.", _unvaried(settings.augment)),
        ]
    return Finding(
        id="evaluated_below_running",
        severity="blocker",
        points=points,
        interval=interval,
        headline="The saved model is not the one that trained: on the train images it is much worse.",
        evidence=(
            f"In training {gap.running:.1%} of the train images were right (epoch {gap.epoch}, the one kept); evaluated, each "
            f"class counted as often as it was shown, {gap.evaluated.accuracy:.1%} are. Judge neither network nor data yet."
        ),
        causes=causes,
        actions=actions,
    )


def _unvaried(augment: AugmentConfig) -> dict[str, Value]:
    changes: dict[str, Value] = {}
    if augment.copies:
        changes["augment.copies"] = 0
    if augment.online:
        changes["augment.online"] = False
    return changes
