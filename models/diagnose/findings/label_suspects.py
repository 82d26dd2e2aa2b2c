"""Many labels are probably wrong."""

import polars as pl

from dataprep.core.confidence_intervals import wilson_interval
from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, in_points

LEAST = 0.02
"""Part of the images that are suspects; fewer are looked at among the worst mistakes."""
CLEAR = 0.1
"""Probability that the network gives a wrong label at most."""
MOSTLY = 0.5
"""Part of the mistakes on train images that are clear suspects, from which on labels explain the mistakes."""
_SHOWN = 12


def find(facts: Facts) -> Finding | None:
    """Stands where the network contradicts the labels of many train images, which it was trained to repeat, and of others.

    A network that is too weak is not so sure of its mistakes, and one that learnt its train images by heart makes none there.
    """
    if facts.gap or facts.stands != "missed":
        return None
    clear = facts.evidence.suspects.filter(pl.col("likelihood") < CLEAR)
    train, metrics = clear.filter(pl.col("split") == "train").height, facts.metrics
    held_out = clear.height - train
    images = metrics.validation.images + metrics.test.images
    share, total = clear.height / (images + metrics.train.images), images + metrics.train.images
    low, high = wilson_interval(share, total)
    if low < LEAST or train < max(MOSTLY * metrics.train.mistakes, LEAST * metrics.train.images) or held_out < LEAST * images:
        return None
    points, interval = in_points(share, low, high)
    first = clear.row(0, named=True)
    return Finding(
        id="label_suspects",
        severity="blocker",
        points=points,
        interval=interval,
        headline=f"Labels: about {share:.1%} of them are probably wrong, {clear.height:,} images.",
        evidence=(
            f"Of {metrics.train.mistakes:,} mistakes on train images, which the network was trained to repeat, it is sure of "
            f"another class in {train:,}; so it is in {held_out:,} of {images:,} images that it was not trained on. For "
            f"example {first['id']}: label {first['label']!r}, probably {first['suggested']!r}."
        ),
        causes=["labels given in error", "labels from the wrong level of the folders"],
        actions=[by_hand("Look at the suspects below, and mark what is wrong; export the marks for ingest.corrections.")],
        images=clear["id"].head(_SHOWN).to_list(),
    )
