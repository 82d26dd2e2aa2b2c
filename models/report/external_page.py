"""The page about somebody else's model: figures, classes, confusions, calibration, doubtful labels and the worst mistakes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dataprep.config.decode import Decoding
from dataprep.core.artifacts import read_bytes
from dataprep.core.errors import ArtifactError
from dataprep.decode.image import Undecodable, decode
from models.diagnose.external_judgement import ExternalJudgement
from models.report.page import page_environment, policy_hash, read_style
from models.report.pictures import picture_address

SHOWN_MISTAKES = 48
SHOWN_SUSPECTS = 24
SHOWN_PAIRS = 20
LISTED = 200
"""Rows of a table, at most."""
_CARD_PX = 120
_CARD_QUALITY = 80  # of larger pictures, which are compressed with loss
_LARGEST = 2**28  # bytes of an image file


@dataclass(frozen=True, slots=True)
class ShownImages:
    """Rows of the table of predictions, of the images that have a card.

    Attributes:
        mistakes: of the judged split, the surest first.
        suspects: with `suggested`, another label.
    """

    mistakes: pl.DataFrame
    suspects: pl.DataFrame

    @property
    def paths(self) -> dict[str, str]:
        """By id."""
        return dict(pl.concat([self.mistakes.select("id", "path"), self.suspects.select("id", "path")]).rows())


def choose_images(rows: pl.DataFrame, judgement: ExternalJudgement) -> ShownImages:
    """Chooses the images that have a card on the page.

    Args:
        rows: from `read_external_predictions`.
        judgement: of them.
    """
    wrong = rows.filter(pl.col("split") == judgement.split, pl.col("label") != pl.col("predicted"))
    doubtful = judgement.suspects.select("id", "suggested").head(SHOWN_SUSPECTS)
    return ShownImages(
        mistakes=wrong.sort(["loss", "id"], descending=[True, False]).head(SHOWN_MISTAKES),
        suspects=doubtful.join(rows, on="id", how="left", maintain_order="left"),
    )


def read_cards(folder: Path, paths: Mapping[str, str], decoding: Decoding) -> dict[str, str]:
    """Reads images and encodes each as a data address; one that is missing or cannot be decoded is left out.

    Args:
        folder: of the images.
        paths: below the folder, by id.
        decoding: how files become pixels.
    """
    cards = {}
    for image_id, path in paths.items():
        try:
            image = decode(read_bytes(folder / path, most=_LARGEST), decoding).pixels
            cards[image_id] = picture_address(image, max_px=_CARD_PX, quality=_CARD_QUALITY)
        except (OSError, ArtifactError, Undecodable):
            continue
    return cards


def render_external(rows: pl.DataFrame, judgement: ExternalJudgement, shown: ShownImages, cards: Mapping[str, str]) -> str:
    """Renders the page as HTML; it needs no network and runs no script.

    Args:
        rows: from `read_external_predictions`.
        judgement: of them.
        shown: the images to show.
        cards: their data addresses by id, as far as there are any.
    """
    style = read_style()
    own = rows.filter(pl.col("split") == judgement.split, pl.col("label") != pl.col("predicted"))
    pairs = own.group_by("label", "predicted").len().sort(["len", "label", "predicted"], descending=[True, False, False])
    return (
        page_environment(Path(__file__).parent / "templates")
        .get_template("external.html")
        .render(
            judgement=judgement,
            pairs=pairs.head(SHOWN_PAIRS).rows(),
            listed=LISTED,
            mistakes=shown.mistakes.to_dicts(),
            suspects=shown.suspects.to_dicts(),
            cards=cards,
            lacking=len(shown.paths) - len(cards),
            style=style,
            style_hash=policy_hash(style),
        )
    )
