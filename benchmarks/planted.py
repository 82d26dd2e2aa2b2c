"""Planted faults, what the report says first, and what its first proposal gains.

`python -m benchmarks.planted [--find] [CASE ...]`. Each case is a project of its own: a cut of MNIST or CIFAR-10 and one fault.
It is run, its findings are read from diagnosis.json, and the first command of the first finding is run as it stands there;
`--find` leaves that out. Validation decides; the test accuracy stands beside it, and nothing is chosen by it. Healthy cases
must have nothing above a result. All take about an hour.
"""

import json
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks import planting
from benchmarks.real_images import files_of, unpacked
from dataprep.store.split_table import encode_split, read_split
from models.diagnose.label_suspects import find_suspects
from tests.end_to_end.conftest import Project, copy_project


@dataclass(frozen=True, slots=True)
class Planted:
    """One case.

    Attributes:
        data: mnist | cifar.
        one_in: of so many files one is kept.
        finding: the id that must come first; "" where nothing above a result may be said.
        changes: keys of params.yaml, on the defaults.
        classes: the folders that are kept; none = all.
        plant: changes the folder of images.
        meddle: changes the project after its first run.
    """

    data: str
    one_in: int
    finding: str
    changes: Mapping[str, object]
    classes: tuple[str, ...] = ()
    plant: Callable[[Path], None] = planting.nothing
    meddle: Callable[[Project], None] | None = field(default=None)


def _tear_copies_apart(project: Project) -> None:
    """Moves every other image that has a copy in train to test, in the split table itself."""
    path = project.root / "data/split.parquet"
    split = read_split(path)
    torn = split.filter(pl.col("id").str.contains("-copy") & (pl.col("split") == "train"))["id"].to_list()[::2]
    moved = split.with_columns(split=pl.when(pl.col("id").is_in(torn)).then(pl.lit("test")).otherwise(pl.col("split")))
    path.unlink()
    path.write_bytes(encode_split(moved))
    project.run("dvc", "commit", "-f", "split")
    project.repro("prepare", "--downstream")


DIGITS = {
    "train.epochs": 15,
    "prepare.image_size": [28, 28],
    "split.fractions": [0.6, 0.2, 0.2],
    "diagnose.target_accuracy": 0.99,
}
_CALM = DIGITS | {"diagnose.target_accuracy": 0.95}
_GIVEN = DIGITS | {"ingest.pattern": "{split}/{label}/{name}", "split.method": "given"}
_WRITERS = DIGITS | {"ingest.pattern": "*/{label}/{group}/{name}"}
PHOTOGRAPHS = {
    "prepare.image_size": [32, 32],
    "prepare.color": "rgb",
    "augment.label_safe": ["vertical_flip", "inversion"],
    "augment.horizontal_flip.probability": 0.5,
    "augment.noise.probability": 0.0,
    "diagnose.target_accuracy": 0.95,
}
_BARE = {"augment.online": False, "model.network.dropout": 0.0}

CASES = {
    "too small a network": Planted(
        "mnist", 20, "high_bias", DIGITS | {"model.network.filters": [2], "model.network.dense_units": [8], "train.epochs": 40}
    ),
    "no regularisation on 500 images": Planted("mnist", 84, "high_variance", DIGITS | _BARE),
    "rate 100 times too high": Planted(
        "mnist", 20, "high_learning_rate", DIGITS | {"train.optimizer.learning_rate": 0.2, "train.epochs": 12}
    ),
    "rate 100 times too low": Planted(
        "mnist", 20, "low_learning_rate", DIGITS | {"train.optimizer.learning_rate": 0.00002, "train.epochs": 12}
    ),
    "too few epochs": Planted("mnist", 20, "unfinished_training", DIGITS | {"train.epochs": 2}),
    "10% wrong labels": Planted("mnist", 20, "label_suspects", DIGITS, plant=planting.wrong_labels),
    "inverted test images": Planted("mnist", 20, "validation_test_mismatch", _GIVEN, plant=planting.inverted_test),
    "one writer with another pen": Planted(
        "mnist", 20, "systematic_errors", _WRITERS | {"split.pin": {"group": {"w07": "validation"}}}, plant=planting.another_pen
    ),
    "a class at 2%": Planted("mnist", 20, "imbalance", DIGITS, plant=planting.rare_class),
    "copies torn apart": Planted("mnist", 20, "shared_images", DIGITS, plant=planting.copies, meddle=_tear_copies_apart),
    "thick strokes only": Planted("mnist", 20, "validation_test_mismatch", _GIVEN, plant=planting.thick_strokes),
    "a colored corner": Planted("mnist", 20, "shortcut", _CALM | {"prepare.color": "rgb"}, plant=planting.colored_corner),
    "stored too small": Planted(
        "cifar", 30, "small_pictures", PHOTOGRAPHS | {"prepare.image_size": [8, 8], "prepare.color": "gray"}
    ),
    "few photographs": Planted("cifar", 12, "untrained_backbone", PHOTOGRAPHS, classes=("cat", "dog")),
    "healthy digits": Planted("mnist", 20, "", _CALM),
    "healthy digits of writers": Planted(
        "mnist", 20, "", _WRITERS | {"diagnose.target_accuracy": 0.95}, plant=planting.writers
    ),
    "healthy few digits": Planted("mnist", 50, "", DIGITS | {"diagnose.target_accuracy": 0.9}),
    "healthy perceptron": Planted(
        "mnist", 20, "", DIGITS | {"model.network": {"kind": "perceptron"}, "diagnose.target_accuracy": 0.85}
    ),
    "healthy photographs": Planted(
        "cifar", 6, "", PHOTOGRAPHS | {"diagnose.target_accuracy": 0.8}, classes=("frog", "ship", "automobile")
    ),
}


def main() -> None:
    finds_only = "--find" in sys.argv
    names = [name for name in sys.argv[1:] if name != "--find"] or list(CASES)
    print(
        "| planted | first finding | rank | others above a result | validation | test | its first command | validation | test |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for data in sorted({CASES[name].data for name in names}):
        with unpacked(data) as source:
            for name in [own for own in names if CASES[own].data == data]:
                with TemporaryDirectory(prefix="darkroom-bench-") as folder:
                    print(row(name, CASES[name], source, Path(folder), finds_only=finds_only), flush=True)


def run_case(case: Planted, source: Path, folder: Path) -> Project:
    """The project of a case after its first run, committed."""
    images = folder / "images"
    _cut(source, images, case)
    case.plant(images)
    project = copy_project(folder / "project")
    project.set({"ingest.source": str(images), "ingest.pattern": "*/{label}/{name}", **case.changes})
    project.repro()
    if case.meddle:
        case.meddle(project)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "as planted")
    return project


def row(name: str, case: Planted, source: Path, folder: Path, *, finds_only: bool) -> str:
    """Runs a case and what is proposed first; a row of the table."""
    project = run_case(case, source, folder)
    findings = json.loads(project.read("reports/diagnosis.json"))["findings"]
    grave = [finding["id"] for finding in findings if finding["severity"] in ("blocker", "problem")]
    rank = str(grave.index(case.finding) + 1) if case.finding in grave else "-"
    before = _accuracies(project)
    first = findings[0]
    command = next((action["command"] for action in first["actions"] if action["command"]), None)
    if command and not finds_only:
        ended = project.run(*shlex.split(command))
        if ended.exit_code:
            sys.exit(ended.output)
        after = f"`{command}` | {_accuracies(project)}"
    else:
        after = f"{f'`{command}`' if command else '-'} | - | -"
    note = f" {_recall(project)}" if case.plant is planting.wrong_labels else ""
    others = ", ".join(f"`{own}`" for own in grave if own != case.finding) or "-"
    return f"| {name}{note} | `{first['id']}` | {rank} | {others} | {before} | {after} |"


def _recall(project: Project) -> str:
    """How many of the images whose label was changed stand among as many first suspects."""
    rows = pl.read_parquet(project.root / "artifacts/predictions.parquet")
    planted = set(rows.filter(pl.col("id").str.contains(planting.WRONG))["id"])
    first = set(find_suspects(rows)["id"].head(len(planted)))
    return f"({len(planted & first)} of {len(planted)} among the first {len(planted)} suspects)"


def _cut(source: Path, images: Path, case: Planted) -> None:
    """Copies the files of a case."""
    for number, path in enumerate(files_of(source)):
        if number % case.one_in == 0 and (not case.classes or path.parent.name in case.classes):
            target = images / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def _accuracies(project: Project) -> str:
    metrics = json.loads(project.read("reports/metrics.json"))
    low, high = metrics["validation"]["accuracy_interval"]
    validation, test = (metrics[split]["accuracy"] for split in ("validation", "test"))
    return f"{validation:.3f} ({low:.3f} - {high:.3f}) | {test:.3f}"


if __name__ == "__main__":
    main()
