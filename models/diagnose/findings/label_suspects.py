"""Many labels are probably wrong."""

import polars as pl

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, in_points
from models.diagnose.label_suspects import CLEAR

_SHOWN = 12


def find(facts: Facts) -> Finding | None:
    """Stands where the network contradicts the labels of many train images, which it was trained to repeat, and of others."""
    doubtful = facts.doubtful
    if doubtful is None:
        return None
    points, interval = in_points(doubtful.share, *doubtful.interval)
    surest = facts.evidence.suspects.filter(pl.col("likelihood") < CLEAR)
    surest = doubtful.clear if surest.is_empty() else surest
    first = surest.row(0, named=True)
    more = "" if facts.evidence.has_folds else " diagnose.label_folds: 5 finds those too that it learnt by heart."
    return Finding(
        id="label_suspects",
        severity="blocker",
        points=points,
        interval=interval,
        headline=f"Labels: about {doubtful.share:.1%} of them are probably wrong, {doubtful.clear.height:,} images.",
        evidence=(
            f"The network was trained to repeat the labels of train images. Yet in {doubtful.train:,} of its "
            f"{facts.metrics.train.mistakes:,} mistakes there it is sure of another class, and so it is in "
            f"{doubtful.held_out:,} images of validation and test. "
            f"For example {first['id']}: label {first['label']!r}, probably {first['suggested']!r}."
        ),
        causes=["labels given in error", "labels from the wrong level of the folders"],
        actions=[
            by_hand(f"Look at the suspects below, and mark what is wrong; export the marks for ingest.corrections.{more}")
        ],
        images=surest["id"].head(_SHOWN).to_list(),
    )
