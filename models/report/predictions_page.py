"""The page about new images: the least sure first, with what is unlike the training images, and the files that were refused."""

from collections.abc import Sequence
from pathlib import Path

from models.predict.prediction import Prediction
from models.report.page import page_environment, policy_hash, read_style
from models.report.pictures import picture_address

LISTED = 200
"""Refused files that are listed, at most."""
_CARD_PX = 120
_CARD_QUALITY = 80  # of larger pictures, which are compressed with loss


def render_predictions(
    shown: Sequence[Prediction], refused: Sequence[Prediction], *, num_predicted: int, note: str | None
) -> str:
    """Renders the page as HTML; it needs no network and runs no script. Pictures are what the network saw.

    Args:
        shown: predictions, the least sure first.
        refused: those of files that were refused.
        num_predicted: images that were predicted, shown or not.
        note: why there is no comparison with the training images; None where there is one.
    """
    style = read_style()
    cards = [
        (own, picture_address(own.pixels, max_px=_CARD_PX, quality=_CARD_QUALITY)) for own in shown if own.pixels is not None
    ]
    return (
        page_environment(Path(__file__).parent / "templates")
        .get_template("predictions.html")
        .render(
            cards=cards,
            refused=refused[:LISTED],
            num_refused=len(refused),
            num_predicted=num_predicted,
            note=note,
            style=style,
            style_hash=policy_hash(style),
        )
    )
