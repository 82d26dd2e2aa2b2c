"""Planted faults, what the report says first, and what its first proposal gains: `python -m benchmarks.planted [CASE ...]`.

Each case is a project of its own: a cut of MNIST or CIFAR-10 and one wrong setting. It is run, its first finding is read from
diagnosis.json, and the first command of that finding is run as it stands there. Validation decides; the test accuracy stands
beside it, and nothing is chosen by it. Healthy cases must have nothing above a result. All of them take about half an hour.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.real_images import files_of, unpacked
from tests.end_to_end.conftest import Project, copy_project


@dataclass(frozen=True, slots=True)
class Planted:
    """One case.

    Attributes:
        data: mnist | cifar.
        one_in: of so many files one is kept.
        classes: the folders that are kept; none = all.
        changes: keys of params.yaml, on the defaults.
        finding: the id that must come first.
    """

    data: str
    one_in: int
    classes: tuple[str, ...]
    changes: Mapping[str, object]
    finding: str


_DIGITS = {"prepare.image_size": [28, 28], "split.fractions": [0.6, 0.2, 0.2], "diagnose.target_accuracy": 0.99}
_PHOTOGRAPHS = {
    "prepare.image_size": [32, 32],
    "prepare.color": "rgb",
    "augment.label_safe": ["vertical_flip", "inversion"],
    "augment.horizontal_flip.probability": 0.5,
    "augment.noise.probability": 0.0,
    "diagnose.target_accuracy": 0.95,
}

CASES = {
    "healthy": Planted("mnist", 14, (), _DIGITS | {"diagnose.target_accuracy": 0.95}, "on_target"),
    "too few epochs": Planted("mnist", 14, (), _DIGITS | {"train.epochs": 2}, "unfinished_training"),
    "rate 100 times too high": Planted(
        "mnist", 14, (), _DIGITS | {"train.optimizer.learning_rate": 0.2, "train.epochs": 12}, "high_learning_rate"
    ),
    "rate 100 times too low": Planted(
        "mnist", 14, (), _DIGITS | {"train.optimizer.learning_rate": 0.00002, "train.epochs": 12}, "low_learning_rate"
    ),
    "stored too small": Planted(
        "cifar", 30, (), _PHOTOGRAPHS | {"prepare.image_size": [8, 8], "prepare.color": "gray"}, "small_pictures"
    ),
    "few photographs": Planted("cifar", 12, ("cat", "dog"), _PHOTOGRAPHS, "untrained_backbone"),
}


def main() -> None:
    names = sys.argv[1:] or list(CASES)
    print("| planted | first finding | as planted | validation | test | its first proposal | validation | test |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        with unpacked(CASES[name].data) as source, TemporaryDirectory(prefix="darkroom-bench-") as folder:
            print(row(name, CASES[name], source, Path(folder) / "project"), flush=True)


def row(name: str, case: Planted, source: Path, root: Path) -> str:
    """Runs a case and what is proposed first; a row of the table."""
    _cut(source, case)
    project = copy_project(root)
    project.set({"ingest.source": str(source), "ingest.pattern": "*/{label}/{name}", **case.changes})
    project.repro()
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", name)
    first = json.loads(project.read("reports/diagnosis.json"))["findings"][0]
    before = _accuracies(project)
    command = next((action["command"] for action in first["actions"] if action["command"]), None)
    ended = project.run(*shlex.split(command)) if command else None
    if ended and ended.exit_code:
        sys.exit(ended.output)
    after = _accuracies(project) if command else "- | -"
    found = "yes" if first["id"] == case.finding else f"no, {case.finding}"
    return f"| {name} | `{first['id']}` | {found} | {before} | `{command}` | {after} |"


def _cut(source: Path, case: Planted) -> None:
    for number, path in enumerate(files_of(source)):
        if number % case.one_in or (case.classes and path.parent.name not in case.classes):
            path.unlink()


def _accuracies(project: Project) -> str:
    metrics = json.loads(project.read("reports/metrics.json"))
    low, high = metrics["validation"]["accuracy_interval"]
    validation, test = (metrics[split]["accuracy"] for split in ("validation", "test"))
    return f"{validation:.3f} ({low:.3f} - {high:.3f}) | {test:.3f}"


if __name__ == "__main__":
    main()
