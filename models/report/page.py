"""Renders the report: one page that needs no network and no server, and runs no code but its own.

Class names and file names are other people's text: everything is escaped, the data stand as JSON in a script element that
is not executed, and a content security policy admits this page's own style and script by their hashes alone.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dataprep.config.base import SPLITS, SplitName
from dataprep.store.split_report import SplitMetrics
from models.evaluate.robustness import Robustness
from models.report.charts import svg_address
from models.report.colors import LEGEND_CLASSES, class_colors
from models.report.confusion import lay_out_matrix, most_confused
from models.report.content import Content
from models.report.gallery_json import encode_gallery, encode_raw, encode_run, storage_key
from models.report.name_wrapping import breakable
from models.report.reliability_charts import calibration_chart, level_charts

LISTED_CLASSES = 200
"""Rows of a table of classes, at most."""

_HERE = Path(__file__).parent
_SCRIPTS = ("elements", "shown", "marks", "card", "viewer", "gallery", "matrix", "map", "since", "page")
"""In this order they are one script."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the map."""

    x: int
    y: int
    color: str
    is_mistake: bool


def render(content: Content) -> str:
    """Renders the page as HTML."""
    environment = page_environment(_HERE / "templates")
    style, script = read_style() + (_HERE / "report.css").read_text(encoding="utf-8"), _read_script()
    gallery, metrics = content.gallery, content.metrics
    confusion = metrics.confusion[content.shown_split]
    scores = {split: metrics.of_split(split) for split in SPLITS}
    colors = class_colors(gallery.class_names)
    most = most_confused(confusion, 1)
    points = _points(content, colors)
    absent = {place for place, is_there in (("map", points), ("suspects", content.suspects)) if not is_there}
    return environment.get_template("page.html").render(
        content=content,
        scores=scores,
        asked={split: _asked(content.data, split) for split in SPLITS},
        shown=scores[content.shown_split],
        scale=max(*(1 - own.accuracy_interval[0] for own in scores.values()), 1 - content.diagnosis.target_accuracy),
        matrix=lay_out_matrix(confusion),
        opened=(most[0].true, most[0].predicted) if most else None,
        examples=_by_class(content),
        correct_is_cut=len(content.correct) > sum(image_id in gallery.cards for image_id in content.correct),
        class_scores=sorted(metrics.classes[content.shown_split], key=lambda own: (own.f1, own.class_name))[:LISTED_CLASSES],
        num_classes=len(gallery.class_names),
        listed_classes=LISTED_CLASSES,
        numbers={image.id: number for number, image in enumerate(gallery.images)},
        has_suspects=any(image.suggested for image in gallery.images),
        points=points,
        legend=[(name, colors[name]) for name in gallery.class_names[:LEGEND_CLASSES]],
        legend_is_cut=len(gallery.class_names) > LEGEND_CLASSES,
        shown_images=encode_gallery(gallery, content.shown_split, storage_key(content))
        | {"corrections": content.corrections}
        | encode_run(content)
        | encode_raw(content),
        most_shown=max((row.num_shown for row in content.balance), default=1) or 1,
        curves=svg_address(content.learning_curves),
        calibration_chart=svg_address(calibration_chart(content.calibration)),
        level_charts=_level_charts(content.robustness),
        places=[(place, name) for place, name in _PLACES if place not in absent],
        style=style,
        script=script,
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
    )


_PLACES = (
    ("findings", "Findings"),
    ("errors", "Error"),
    ("confusion", "Confusion"),
    ("images", "Images"),
    ("map", "Map"),
    ("classes", "Classes"),
    ("right", "Right answers"),
    ("suspects", "Label suspects"),
    ("calibration", "Calibration"),
    ("slices", "Slices"),
    ("augmentation", "Augmentation"),
    ("operations", "Robustness"),
    ("data", "Data"),
    ("network", "Network"),
)


def _read_script() -> str:
    return '"use strict";\n' + "".join((_HERE / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)


def _asked(data: SplitMetrics, split: SplitName) -> float | None:
    """The fraction asked of a split, which is the same for every class that was assigned."""
    return next((row.of_split(split).asked for row in data.classes if row.of_split(split).asked is not None), None)


def _level_charts(robustness: Robustness) -> str | None:
    if robustness.accuracy is None or not robustness.levels:
        return None
    return svg_address(level_charts(robustness.levels, robustness.accuracy))


def _points(content: Content, colors: dict[str, str]) -> list[Point]:
    places = content.gallery.places
    return [Point(*places[image.id], colors[image.label], image.is_mistake) for image in content.gallery.of_ids(places)]


def _by_class(content: Content) -> dict[str, list[str]]:
    """The ids of right answers with a card, by class."""
    grouped: dict[str, list[str]] = {}
    for image in content.gallery.of_ids(content.correct):
        if image.id in content.gallery.cards:
            grouped.setdefault(image.label, []).append(image.id)
    return grouped


def page_environment(folder: Path) -> Environment:
    """The templates of a folder, and those of the report that pages share; all that they show is escaped."""
    environment = Environment(
        loader=FileSystemLoader([folder, _HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
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
