"""Validation or test images that stand in another split as well."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, in_points


def find(facts: Facts) -> Finding | None:
    """Stands where splits share anything at all; scores are then of images that were trained on.

    How many points that is worth is not known before they are apart: the interval begins at 0.
    """
    shared = facts.evidence.shared
    if not shared.images:
        return None
    share = shared.images / shared.held_out
    points, interval = in_points(share, 0.0, share)
    counts = {
        "groups": shared.groups,
        "pictures pixel by pixel": shared.pictures,
        "clusters of near duplicates or groups": shared.clusters,
    }
    named = [f"{count:,} {what}" for what, count in counts.items() if count]
    return Finding(
        id="shared_images",
        severity="blocker",
        points=points,
        interval=interval,
        headline=f"Leak: {shared.images:,} held-out images have their group, or themselves, in another split.",
        evidence=f"Splits share {', '.join(named)}; the scores are too high.",
        causes=["data/split.parquet was changed by hand or by another program", "the manifest is newer than the split"],
        actions=[by_hand("Split anew, and run what follows: dvc repro --force split, then dvc repro.")],
        images=list(shared.ids),
    )
