"""The images are stored so small, or without their color, that what the classes differ in may be lost."""

from models.diagnose.facts import FROM_SCRATCH, Facts
from models.diagnose.finding import Finding, Value, by_hand, experiment, in_points
from models.diagnose.tiny_images import SIDE_PX

LITTLE = 0.25
"""Part of the values below which a larger image is worth a try: half of the height and of the width."""
_LARGEST_SIDE = 224
"""Pixels; above it a network from scratch takes hours, and few classes differ in more."""


def find(facts: Facts) -> Finding | None:
    """Stands where the target is missed and less than a quarter of the values of the files is stored.

    How much of the miss that explains is not known before the next size was tried: the interval begins at 0.
    """
    pictures, kind = facts.pictures, facts.settings.network
    if facts.stands != "missed" or pictures.detail.fraction >= LITTLE:
        return None
    if kind in FROM_SCRATCH and pictures.are_few_photographs:
        return None  # a pretrained network is proposed, with the size that it takes
    changes = larger(pictures.prepare.image_size, (pictures.detail.height, pictures.detail.width))
    if pictures.detail.color == "RGB" and pictures.prepare.color == "gray" and pictures.prepare.saturate.method == "off":
        changes["prepare.color"] = "rgb"
    if not changes:
        return None
    points, interval = in_points(facts.missing, 0.0, facts.missing)
    share = f"{100 * pictures.detail.fraction:.2g}%"
    return Finding(
        id="small_pictures",
        severity="problem",
        points=points,
        interval=interval,
        headline=f"Too little of the picture: {share} of what the files hold is stored.",
        evidence=f"The median file: {pictures.detail.sentence}. "
        f"{_probe(facts)}A larger size tells whether the classes differ in what is lost.",
        causes=["an image size far below that of the files", "color that was thrown away"],
        actions=[
            experiment("Store more of each image.", changes)
            if kind in (*FROM_SCRATCH, "transfer")
            else by_hand("Store more of each image (prepare.image_size, prepare.color), and fit the network to it."),
            by_hand("Look at what is left: darkroom preview prepare."),
        ],
    )


def _probe(facts: Facts) -> str:
    """What halving the size costs a nearest-neighbour probe, where that compares about the stored size."""
    height, width = facts.pictures.prepare.image_size
    if min(height, width) > 2 * SIDE_PX:
        return ""
    own, halved = facts.evidence.baselines.nearest_neighbour, facts.evidence.baselines.halved
    side = min(SIDE_PX, height, width)
    figures = f"{halved.accuracy:.1%} of validation images at {side // 2} pixels a side and {own.accuracy:.1%} at {side}"
    is_certain = halved.accuracy_interval[1] < own.accuracy_interval[0]
    return f"A nearest-neighbour probe reads {figures}: {'size still matters' if is_certain else 'that may be chance'}. "


def larger(stored: tuple[int, int], files: tuple[int, int]) -> dict[str, Value]:
    """The next size, at most twice as high and wide, in the same proportion, and on no side above the files' own.

    Args:
        stored: height and width in pixels.
        files: the median height and width of the files.

    >>> larger((16, 16), (100, 90)), larger((16, 64), (20, 400)), larger((28, 28), (28, 28))
    ({'prepare.image_size': [32, 32]}, {'prepare.image_size': [20, 80]}, {})
    """
    most = min(_LARGEST_SIDE / max(stored), *(own / side for own, side in zip(files, stored, strict=True)))
    height, width = (int(side * max(min(2.0, most), 1.0)) for side in stored)
    return {} if (height, width) == stored else {"prepare.image_size": [height, width]}
