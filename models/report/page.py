"""Renders the report: one page that needs no network and no server, and runs no code but its own.

Class names and file names are other people's text: everything is escaped, the data stand as JSON in a script element that
is not executed, and a content security policy admits this page's own style and script by their hashes alone.
"""

import base64
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dataprep.config.base import SPLITS, SplitName
from dataprep.store.split_report import SplitMetrics
from models.diagnose.metrics import Confusion
from models.report.charts import svg_address
from models.report.content import Content, Example
from models.report.name_wrapping import breakable

_HERE = Path(__file__).parent
_SHADES = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the confusion matrix; shade 0 to 5 for the style."""

    count: int
    shade: int
    predicted: str


def render(content: Content) -> str:
    """Renders the page as HTML."""
    environment = page_environment(_HERE)
    style, script = read_style(), (_HERE / "script.js").read_text(encoding="utf-8")
    confusion = content.metrics.confusion[content.shown_split]
    scores = {split: content.metrics.of_split(split) for split in SPLITS}
    return environment.get_template("template.html").render(
        content=content,
        scores=scores,
        asked={split: _asked(content.data, split) for split in SPLITS},
        shown=scores[content.shown_split],
        scale=max(*(1 - own.accuracy_interval[0] for own in scores.values()), 1 - content.diagnosis.target_accuracy),
        matrix=_matrix(confusion),
        confusion=confusion,
        longest=max(map(len, confusion.class_names)),
        opened=_most_confused(confusion),
        examples=_by_class(content.correct),
        cell_examples=[
            [example.label, example.predicted, example.id, example.confidence, example.image] for example in content.cells
        ],
        most_shown=max((row.num_shown for row in content.balance), default=1) or 1,
        curves=svg_address(content.learning_curves),
        style=style,
        script=script,
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
    )


def _asked(data: SplitMetrics, split: SplitName) -> float | None:
    """The fraction asked of a split, which is the same for every class that was assigned."""
    return next((row.of_split(split).asked for row in data.classes if row.of_split(split).asked is not None), None)


def _matrix(confusion: Confusion) -> list[tuple[str, list[Cell], int]]:
    """Rows of (class name, cells, images); the darkest cell is the class that is most often read as one other."""
    totals = [max(sum(counts), 1) for counts in confusion.counts]
    shares = [
        [0.0 if row == column else count / totals[row] for column, count in enumerate(counts)]
        for row, counts in enumerate(confusion.counts)
    ]
    largest = max(map(max, shares)) or 1.0
    return [
        (
            name,
            [
                Cell(count, math.ceil(_SHADES * math.sqrt(share / largest)), predicted)
                for count, share, predicted in zip(counts, own, confusion.class_names, strict=True)
            ],
            sum(counts),
        )
        for name, counts, own in zip(confusion.class_names, confusion.counts, shares, strict=True)
    ]


def _most_confused(confusion: Confusion) -> tuple[str, str] | None:
    pairs = [
        (count, true, predicted)
        for true, counts in zip(confusion.class_names, confusion.counts, strict=True)
        for predicted, count in zip(confusion.class_names, counts, strict=True)
        if count and predicted != true
    ]
    return max(pairs, key=lambda pair: pair[0])[1:] if pairs else None


def _by_class(correct: list[Example]) -> dict[str, list[Example]]:
    grouped: dict[str, list[Example]] = {}
    for example in correct:
        grouped.setdefault(example.label, []).append(example)
    return grouped


def page_environment(folder: Path) -> Environment:
    """The templates of a folder; all that they show is escaped."""
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda fraction, digits=1: f"{100 * fraction:.{digits}f}%"
    environment.filters["breakable"] = breakable
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment


def read_style() -> str:
    """The style of all pages."""
    return (_HERE / "style.css").read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """Admits a style or script by its content, in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
