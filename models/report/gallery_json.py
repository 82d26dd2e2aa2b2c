"""The images of the page as the data that its script reads: plain values, for a JSON script element."""

import hashlib
from typing import Any

from dataprep.config.base import SPLITS, SplitName
from models.report.content import Content
from models.report.gallery import Gallery, ShownImage


def encode_gallery(gallery: Gallery, shown_split: SplitName, key: str) -> dict[str, Any]:
    """The gallery as JSON values. Images refer to each other, to classes and to splits by number.

    Args:
        gallery: the images.
        shown_split: whose mistakes the page shows.
        key: under which a browser keeps the marks.
    """
    classes = {name: number for number, name in enumerate(gallery.class_names)}
    numbers = {image.id: number for number, image in enumerate(gallery.images)}
    return {
        "classes": gallery.class_names,
        "splits": list(SPLITS),
        "split": SPLITS.index(shown_split),
        "key": key,
        "stored": list(gallery.stored_px),
        "sheets": {
            "height": gallery.tile_px[0],
            "width": gallery.tile_px[1],
            "columns": gallery.columns,
            "tiles": gallery.per_sheet,
            "addresses": gallery.sheets,
        },
        "images": [_encode_image(image, classes) for image in gallery.images],
        "whole": {numbers[image_id]: address for image_id, address in gallery.whole.items()},
        "near": {numbers[image_id]: [numbers[other] for other in others] for image_id, others in gallery.near.items()},
        "heat": {numbers[image_id]: address for image_id, address in gallery.heat.items()},
        "points": [[numbers[image_id], *place] for image_id, place in gallery.places.items()],
    }


def _encode_image(image: ShownImage, classes: dict[str, int]) -> list[Any]:
    """id, split, true class, read class, probability of the true class, top classes with theirs, group, suggested class."""
    return [
        image.id,
        SPLITS.index(image.split),
        classes[image.label],
        classes[image.predicted],
        image.truth,
        [[classes[name], probability] for name, probability in image.top],
        image.group,
        None if image.suggested is None else classes[image.suggested],
    ]


def encode_raw(content: Content) -> dict[str, Any]:
    """Where the raw files lie: the folder as the page links to it, and the links of those that are not named as their ids."""
    numbers = {image.id: number for number, image in enumerate(content.gallery.images)}
    return {"raw": content.raw, "rawOf": {numbers[image_id]: link for image_id, link in content.raw_exceptions.items()}}


def encode_run(content: Content) -> dict[str, Any]:
    """What the page compares with the run before: accuracy by split, images, and findings."""
    return {
        "run": {
            "accuracy": {split: content.metrics.of_split(split).accuracy for split in SPLITS},
            "images": sum(content.data.images.values()),
            "findings": [finding.id for finding in content.diagnosis.findings],
        }
    }


def storage_key(content: Content) -> str:
    """Tells the marks of one data set from those of another: all pages of a folder may share one storage.

    Marks outlive a training, and not a change of the images: once the corrections are applied, they begin anew.
    """
    counts = [f"{split} {count}" for split, count in content.data.images.items()]
    digest = hashlib.sha256(repr([content.gallery.class_names, counts, content.num_files]).encode("utf-8", "surrogatepass"))
    return f"darkroom-marks-{digest.hexdigest()[:16]}"
