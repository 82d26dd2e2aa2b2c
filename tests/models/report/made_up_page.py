"""Content of a page from predictions that a test chooses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dataprep.decode.image import Pixels
from dataprep.decode.value_range import with_levels
from dataprep.store.shards import ShardContent, ShardIndex, ShardKey, write_index, write_shard
from dataprep.store.split_report import ClassPortions, Counts, Portion, Shared, SplitMetrics
from models.diagnose.diagnosis import diagnose
from models.diagnose.label_suspects import find_suspects
from models.diagnose.leakage_estimate import LeakageEstimate, ProbeScore
from models.diagnose.metrics import accuracy_of, measure
from models.diagnose.slices import Slice
from models.evaluate.accuracy_by_level import UnderLevel
from models.evaluate.calibration import calibrate
from models.evaluate.denoising import Denoised
from models.evaluate.predictions import class_names_of
from models.evaluate.robustness import Robustness, Superposed, UnderOperation
from models.evaluate.saliency_table import SALIENCY
from models.report.content import Content, Sources, collect
from models.train.network_sheet import Layer, NetworkSheet
from pipelines.parameters.params import Params
from tests.conftest import random_image
from tests.models.made_up import facts_of, pictures_of, predictions, quiet_evidence

HOSTILE = '<script>document.title="owned"</script>"\'&'
ROWS = predictions({"train": (0.99, 120), "validation": (0.8, 60), "test": (0.85, 60)}).with_columns(
    id=pl.when(pl.col("id") == "c/validation0059.png").then(pl.lit(f"c/{HOSTILE}.png")).otherwise("id")
)
VALIDATION = ROWS.filter(split="validation")
WRONG = VALIDATION.filter(pl.col("label") != pl.col("predicted")).sort("loss", descending=True)
UNUSUAL = VALIDATION.sort("confidence")["id"].head(2).to_list()
UNREADABLE = f"{HOSTILE}.jpg"
MANIFEST_IDS = [*UNUSUAL, "train.png", UNREADABLE, "Thumbs.db", WRONG["id"][0]]
HISTORY = pl.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [0.9, 0.5, 0.3],
        "accuracy": [0.6, 0.8, 1.0],
        "val_loss": [0.8, 0.6, 0.7],
        "val_accuracy": [0.7, 0.8, 0.8],
    }
)
WRONG_BYTES = b"a/\xe9.png"  # its name is no UTF-8
MANIFEST = pl.DataFrame(
    {
        "id": MANIFEST_IDS,
        "path": [WRONG_BYTES if name == WRONG["id"][0] else name.encode() for name in MANIFEST_IDS],
        "digest": ["1", "2", "3", None, None, "4"],
        "near_duplicate": [UNUSUAL[0], UNUSUAL[0], None, None, None, None],
        "group": [None, None, "w1", None, None, "w2"],
        "label": ["a", "b", "c", None, None, "a"],
        "correction": ["wrong_label", None, None, None, None, "fine"],
        "given_label": ["b", None, None, None, None, None],
        "status": ["ok"] * 3 + ["quarantined", "skipped", "ok"],
        "reason": [None] * 3 + ["empty", "skipped", None],
        "message": [None] * 3 + ["the file has 0 bytes", "its name is in ingest.skip", None],
        "issues": [["dark", "low_contrast"], ["dark"], [], None, None, []],
        "width": [100] * 3 + [None] * 2 + [100],
        "height": [120] * 3 + [None] * 2 + [120],
        "mode": ["RGB"] * 3 + [None] * 2 + ["RGB"],
    }
)
ROBUSTNESS = Robustness(
    images=60,
    clusters=40,
    accuracy=0.9,
    operations=[
        UnderOperation(operation="vertical_flip", probability=0.0, accuracy=0.1, accuracy_interval=(0.05, 0.2)),
        UnderOperation(operation="rotation", probability=0.5, accuracy=0.62, accuracy_interval=(0.5, 0.7)),
        UnderOperation(operation="noise", probability=0.5, accuracy=0.88, accuracy_interval=(0.8, 0.93)),
    ],
    levels=[
        UnderLevel(
            operation="rotation", level=level, images=60, small=True, accuracy=accuracy, accuracy_interval=(accuracy / 2, 0.95)
        )
        for level, accuracy in ((-20.0, 0.4), (-10.0, 0.7), (10.0, 0.8), (20.0, 0.5))
    ],
    regions=[],
    superposed={"validation": Superposed(images=60, exact_match=0.731, exact_match_interval=(0.6, 0.8))},
    denoised={"test": Denoised(images=60, noise_std=76.5, psnr_noisy=13.31, psnr_denoised=21.48)},
)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """What a page is made of, but for the predictions."""

    manifest: pl.DataFrame = field(default_factory=lambda: MANIFEST)
    shape: tuple[int, int, int] = (12, 12, 1)
    draw: Callable[[int, tuple[int, int, int]], Pixels] = random_image
    heat_of: Sequence[str] = ()


def made_up_content(rows: pl.DataFrame, params: Params, prepared: Path, made_up: MadeUp | None = None) -> Content:
    """All that a page shows of some predictions, of images that are noise."""
    made_up = made_up or MadeUp()
    names = class_names_of(rows)
    write_images(rows, params, prepared, made_up)
    metrics = measure(rows)
    leakage = LeakageEstimate(
        train_images=4000,
        held_out_images=1500,
        made=ProbeScore(accuracy=0.84, accuracy_interval=(0.82, 0.86)),
        random=ProbeScore(accuracy=0.97, accuracy_interval=(0.96, 0.98)),
        kept_apart="60 groups",
    )
    pictures = pictures_of(params, height=120, width=100, color="RGB")
    evidence = replace(
        quiet_evidence(),
        robustness=ROBUSTNESS,
        suspects=find_suspects(rows),
        contradicted=find_suspects(rows),
        has_folds=False,
        calibration=calibrate(rows.filter(split="validation"), seed=0),
        slices=[made_up_slice(rows)],
    )
    facts = facts_of(metrics, params, 0.99, leakage=leakage, pictures=pictures, evidence=evidence)
    diagnosis = diagnose(facts)
    test_image = rows.filter(split="test")["id"][0]
    first = diagnosis.first.model_copy(update={"images": [WRONG["id"][1], test_image, "no such image"]})
    sources = Sources(
        history=HISTORY,
        manifest=made_up.manifest,
        data=_split_metrics(names),
        prepared=prepared,
        features=features_of(rows),
        saliency=pl.DataFrame(
            [(image_id, 4, 3, bytes(range(0, 240, 20))) for image_id in sorted(made_up.heat_of)],
            schema=SALIENCY.columns,
            orient="row",
        ),
        network=NETWORK,
        default_settings=DEFAULTS,
        raw="../raw",
    )
    judged = diagnosis.model_copy(update={"findings": [first, *diagnosis.findings[1:]]})
    return collect(rows, facts, judged, sources, params.diagnose)


DEFAULTS: dict[str, dict[str, Any]] = {
    "augment": {"noise": {"probability": 0.5, "std": [0.0, 1.0]}, "label_safe": []},
    "train": {"optimizer": {"kind": "<i>sgd</i>"}, "weights": {}, "deterministic": True},
}
NETWORK = NetworkSheet(
    layers=[
        Layer(name="scale", kind="Rescaling", shape=[16, 16, 1], weights=0, trained=0),
        Layer(name="backbone", kind="Functional", shape=[1280], weights=3_000, trained=0),
        Layer(name="<b>head</b>", kind="Dense", shape=[3], weights=99, trained=99),
    ],
    versions={"python": "3.11.7", "keras": "3.15.1"},
    environment={"threads": 2, "instruction_set": "avx2", "device": "CPU"},
    settings={
        "augment": {"noise": {"probability": 0.0, "std": [0.0, 1.0]}, "label_safe": []},
        "train": {"optimizer": {"kind": "adam"}, "weights": {}, "deterministic": True},
    },
    pretrained={"source": "backbone.keras", "sha256": "0123456789abcdef0123"},
)


def made_up_slice(rows: pl.DataFrame) -> Slice:
    """The last class of validation against the others, which is certain."""
    own = rows.filter(split="validation")
    last = class_names_of(rows)[-1]
    return Slice(
        name="group 'w2'",
        kind="group",
        split="validation",
        seen=accuracy_of(own.filter(pl.col("label") == last)),
        others=accuracy_of(own.filter(pl.col("label") != last)),
        p_value=0.0001,
        ids=(own.filter(pl.col("label") == last)["id"][0],),
    )


def write_images(rows: pl.DataFrame, params: Params, prepared: Path, made_up: MadeUp) -> None:
    """One shard of noise."""
    names = class_names_of(rows)
    images = np.stack([made_up.draw(seed, made_up.shape) for seed in range(rows.height)])
    content = ShardContent(
        images=images,
        labels=np.array([names.index(label) for label in rows["label"]], dtype=np.int64),
        ids=rows["id"].to_list(),
        class_names=names,
        extra={},
    )
    entry = write_shard(prepared, ShardKey("train", 0, "f" * 32), content)
    index = ShardIndex(
        shape=made_up.shape,
        class_names=names,
        decode=with_levels(params.ingest.decode, {}),
        prepare=params.prepare.pixels,
        shards=[entry],
    )
    write_index(prepared, index)


def features_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Three features: classes lie apart, and mistakes among the class that they are read as."""
    names = class_names_of(rows)
    centre = np.array([names.index(name) for name in rows["predicted"]])
    noise = np.random.default_rng(0).normal(size=(rows.height, 3)).astype(np.float32)
    values = noise + 10 * np.stack([np.cos(centre), np.sin(centre), centre], axis=1).astype(np.float32)
    columns = {f"feature_{number:03d}": values[:, number] for number in range(3)}
    return pl.DataFrame({"id": rows["id"], **columns}).sort("id")


def _split_metrics(names: Sequence[str]) -> SplitMetrics:
    nothing = Counts(groups=0, duplicates=0, near_duplicates=0)
    train = Portion(images=40, clusters=40, asked=0.6, got=0.5)
    held_out = Portion(images=20, clusters=20, asked=0.2, got=0.25)
    return SplitMetrics(
        images={"train": 120, "validation": 60, "test": 60},
        shared=Shared(
            train_validation=Counts(groups=7, duplicates=11, near_duplicates=13), train_test=nothing, validation_test=nothing
        ),
        kept_together=Counts(groups=1234, duplicates=0, near_duplicates=0),
        warnings=[f"split.pin.origin names what no image has: '{HOSTILE}'"],
        classes=[ClassPortions(class_name=name, train=train, validation=held_out, test=held_out) for name in names],
    )
