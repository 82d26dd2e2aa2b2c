"""The first parameters of a new project, proposed from what its folder holds: a pure function of the survey.

    survey of 600 scans, sides 95 to 100 px, ink on paper, 10 classes of 12 writers
        image size   96 x 96                       sides of 95 to 100 px
        color        gray                          ink on paper; color is no sign
        paper        made uniform (otsu)           its levels vary by 4.1
        ...

Each proposal has its reason in one line. What is not proposed keeps its default.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from dataprep.core.errors import first_five
from dataprep.survey.dataset_survey import DatasetSurvey, Look

DRAWINGS = 0.8
"""Share of the sample from which a data set is one of ink on paper."""

FEW = 20_000
"""Images up to which a pretrained network is worth its time."""

_STEPS = 3000
"""Of training, about; early stopping ends it before."""

_EVEN_PAPER = 1.5
"""Gray levels by which paper of one value may vary."""

_LAMP = 30.0
"""Gray levels by which light may fall over the paper; beyond, no one threshold parts it from ink.

Digits of MNIST on such paper were read no better after Sauvola's threshold for each pixel (`benchmarks/lamp.py`).
"""

_VARIED_ASPECT = 1.15
_SMALL_PX, _MIDDLE_PX = 36, 128


@dataclass(frozen=True, slots=True)
class Proposal:
    """One decision.

    Attributes:
        topic: what it is about.
        chosen: in words.
        reason: in one line.
        values: keys of params.yaml, as `section.key`.
    """

    topic: str
    chosen: str
    reason: str
    values: dict[str, object] = field(default_factory=dict)


def propose_parameters(survey: DatasetSurvey, *, has_pretrained: bool) -> list[Proposal]:
    """Proposes parameters.

    Args:
        survey: of the folder.
        has_pretrained: the weights of the pretrained network are installed.
    """
    drawn = survey.look.drawing_fraction >= DRAWINGS
    pretrained = not drawn and survey.num_files <= FEW and has_pretrained
    size = _image_size(survey.look, drawn=drawn, pretrained=pretrained)
    height, width = size
    return [
        _labels(survey),
        *_left_out(survey),
        _split(survey),
        _sides(survey.look, size, drawn=drawn),
        _color(survey.look, drawn=drawn),
        *_paper(survey.look, drawn=drawn),
        *_variation(survey, drawn=drawn),
        _network(survey, min(height, width), drawn=drawn, pretrained=pretrained),
        _training(survey, pretrained=pretrained),
    ]


def _labels(survey: DatasetSurvey) -> Proposal:
    labelled, count = survey.labelled, len(survey.labelled.class_files)
    files = sum(labelled.class_files.values())
    what = f"{files:,} images of {count:,} classes: {first_five(labelled.class_files)}"
    source: dict[str, object] = {"ingest.source": str(survey.source)}
    if labelled.table is None:
        return Proposal("labels", labelled.pattern, what, {**source, "ingest.pattern": labelled.pattern})
    table = labelled.table.model_dump()
    columns = ", ".join(f"{name} from {column!r}" for name, column in table.items() if name != "file" and column is not None)
    return Proposal("labels", f"{columns} of {table['file']}", what, {**source, "ingest.labels": table})


def _left_out(survey: DatasetSurvey) -> list[Proposal]:
    if not survey.skip:
        return []
    names = ", ".join(survey.skip)
    return [Proposal("left out", names, "repeats the files beside it", {"ingest.skip": list(survey.skip)})]


def _split(survey: DatasetSurvey) -> Proposal:
    labelled, given = survey.labelled, survey.labelled.given_splits
    if "train" in given and len(given) > 1 and not labelled.groups_straddle:
        counts = ", ".join(f"{name} {count:,}" for name, count in given.items())
        return Proposal(
            "split", "as given", f"names say so: {counts}", {"split.method": "given", "split.fractions": [0.8, 0.1, 0.1]}
        )
    large = survey.num_files >= 50_000
    fractions = [0.8, 0.1, 0.1] if large else [0.6, 0.2, 0.2]
    shares = " / ".join(f"{part:.0%}" for part in fractions)
    if labelled.num_groups > 1:
        why = f"{labelled.num_groups:,} groups; each stands in one split alone"
    else:
        why = "each class in these shares; copies stay together"
    return Proposal("split", f"stratified, {shares}", why, {"split.method": "stratified", "split.fractions": fractions})


def _image_size(look: Look, *, drawn: bool, pretrained: bool) -> tuple[int, int]:
    """Height and width: small images as they are, larger ones shrunk; the shape of most images is kept."""
    longest = max(look.height, look.width)
    if longest <= _SMALL_PX:
        target = longest
    elif longest <= _MIDDLE_PX:
        target = 16 * max(2, round(longest / 16))
    elif pretrained:
        target = 224
    else:
        target = 96 if drawn else 128
    target = min(target, 224)
    if pretrained or look.aspect_spread > _VARIED_ASPECT or 0.87 <= look.width / look.height <= 1.15:
        return target, target
    return tuple(max(8, 4 * round(side * target / longest / 4)) for side in (look.height, look.width))  # type: ignore[return-value]


def _sides(look: Look, size: tuple[int, int], *, drawn: bool) -> Proposal:
    height, width = size
    same_shape = height != width or 0.87 <= look.width / look.height <= 1.15
    if look.aspect_spread <= _VARIED_ASPECT and same_shape:
        mode, why = "stretch", "of one shape"
    elif drawn:
        mode, why = "pad", "of several shapes, with margins of the paper's level"
    else:
        shapes = "of one shape, not square" if look.aspect_spread <= _VARIED_ASPECT else "of several shapes"
        mode, why = "fit", f"{shapes}; what lies outside the middle is cut"
    sides = f"sides {look.shortest} px" if look.shortest == look.longest else f"sides {look.shortest}-{look.longest} px"
    values: dict[str, object] = {"prepare.image_size": [height, width], "prepare.resize.mode": mode}
    if mode == "pad":
        values["prepare.resize.pad_value"] = look.background
    return Proposal("image size", f"{height} x {width}, {mode}", f"{sides}, {why}", values)


def _color(look: Look, *, drawn: bool) -> Proposal:
    colored = look.colored_fraction > 0.1 and not drawn
    if drawn:
        why = "ink on paper" if look.dark_ink else "light ink on a dark ground"
    else:
        why = f"{look.colored_fraction:.0%} of a sample of {look.images:,} are in color"
    return Proposal("color", "rgb" if colored else "gray", why, {"prepare.color": "rgb" if colored else "gray"})


def _paper(look: Look, *, drawn: bool) -> list[Proposal]:
    if not drawn:
        return []
    ink = "dark" if look.dark_ink else "light"
    if look.light_fall > _LAMP:
        why = f"the light falls by {look.light_fall:.0f} levels over it, and one threshold would take ink for paper"
        return [Proposal("paper", "as it is", why, {"prepare.saturate.ink": ink})]
    if look.paper_noise < _EVEN_PAPER:
        return [Proposal("paper", "as it is", f"of one level, {look.background}", {"prepare.saturate.ink": ink})]
    values: dict[str, object] = {"prepare.saturate.method": "otsu", "prepare.saturate.ink": ink}
    return [Proposal("paper", "made uniform (otsu)", f"{ink} ink; the paper varies by {look.paper_noise:.0f} levels", values)]


def _variation(survey: DatasetSurvey, *, drawn: bool) -> list[Proposal]:
    """What train images are varied by, and what their labels forbid."""
    names = list(survey.labelled.class_files)
    if drawn:
        return _variation_of_drawings(survey.look, names)
    sided = [name for name in names if {"left", "right"} & set(name.lower().replace("-", "_").replace(" ", "_").split("_"))]
    signs = _signs(names)
    safe = signs or ["vertical_flip", "inversion", *(["horizontal_flip"] if sided else [])]
    sided = [*names] if signs else sided
    why = f"a mirror image would be another class: {first_five(sided)}" if sided else "photographs: mirror images are as likely"
    chosen = "scale, place, brightness" + ("" if sided else ", mirror images")
    values: dict[str, object] = {
        "augment.label_safe": safe,
        "augment.horizontal_flip.probability": 0.0 if sided else 0.5,
        "augment.zoom.probability": 0.5,
        "augment.shift.probability": 0.3,
        "augment.rotation.probability": 0.3,
        "augment.brightness.probability": 0.3,
        "augment.noise.probability": 0.0,
    }
    return [Proposal("augmentation", chosen, why, values)]


def _signs(names: Sequence[str]) -> list[str]:
    """What classes are whose names are numbers or single characters, as in `label_safe`; empty for words.

    >>> _signs(["0", "7"]), _signs(["a", "7"]), _signs(["cat", "7"])
    (['digits'], ['letters', 'digits'], [])
    """
    if all(name.isdecimal() for name in names):
        return ["digits"]
    return ["letters", "digits"] if all(len(name) == 1 for name in names) else []


def _variation_of_drawings(look: Look, names: Sequence[str]) -> list[Proposal]:
    signs = _signs(names)
    safe = signs or ["horizontal_flip", "vertical_flip", "inversion"]
    why = f"{signs[0]}: no mirror images, small angles" if signs else "drawings: a mirror image may be another class"
    made_uniform = look.paper_noise >= _EVEN_PAPER and look.light_fall <= _LAMP
    paper = (255 if look.dark_ink else 0) if made_uniform else look.background
    values: dict[str, object] = {
        "augment.label_safe": safe,
        "augment.fill": paper,
        "augment.pen_width.ink": "dark" if look.dark_ink else "light",
        "augment.rotation.probability": 0.7,
        "augment.shift.probability": 0.5,
        "augment.zoom.probability": 0.5,
        "augment.shear.probability": 0.3,
        "augment.noise.probability": 0.0,
    }
    return [Proposal("augmentation", "slant, angle, scale, place", why, values)]


def _network(survey: DatasetSurvey, side: int, *, drawn: bool, pretrained: bool) -> Proposal:
    if pretrained:
        transfer: dict[str, object] = {
            "kind": "transfer",
            "backbone": "efficientnet_lite0",
            "weights": "imagenet",
            "image_side": 224 if side > 64 else 160,
            "interpolation": "bilinear",
            "dense_units": [],
            "dropout": 0.2,
            "varied_copies": 2,
            "fine_tune": None,
        }
        values = {"model.network": transfer, "model.normalise.method": "none", "evaluate.batch_size": 32}
        return Proposal("network", "transfer (efficientnet_lite0)", f"{survey.num_files:,} photographs are few", values)
    blocks = max(2, min(5, round(math.log2(side / 4))))
    # The first layers see the most pixels: at 64 x 64 twice the filters there take three times as long.
    filters = [16, 32, 64, 64, 64] if side > _SMALL_PX else [32, 64, 64]
    why = "small drawings" if drawn else "photographs"
    if not drawn and survey.num_files <= FEW:
        why = f"{survey.num_files:,} photographs are few; a pretrained network does better: pip install 'darkroom[pretrained]'"
    values = {
        "model.network.filters": filters[:blocks],
        "model.network.dense_units": [256 if len(survey.labelled.class_files) > 50 else 128],
        "model.network.dropout": 0.4,
    }
    return Proposal("network", f"cnn, {blocks} blocks", why, values)


def _training(survey: DatasetSurvey, *, pretrained: bool) -> Proposal:
    train = survey.labelled.given_splits.get("train", 0.6 * survey.num_files)
    batch = 32 if train < 2_000 else 64 if train < 20_000 else 128
    steps = max(1, math.ceil(train / batch))
    epochs = max(12, min(60, math.ceil(_STEPS / steps)))
    values: dict[str, object] = {
        "train.batch_size": batch,
        "train.epochs": epochs,
        "train.early_stopping.patience": max(6, epochs // 4),
    }
    if not pretrained:
        values["train.schedule"] = {"kind": "cosine", "warm_up_epochs": 1, "final_fraction": 0.01}
    return Proposal("training", f"batches of {batch}, at most {epochs} epochs", f"about {round(train):,} train images", values)
