"""What augmentation gains on few train images: `python -m benchmarks.gain`. About twenty minutes.

MNIST with 1,000 train images and CIFAR-10 with 5,000; 1,000 and 2,000 more decide when to stop, the test sets are whole. The
same network, epochs and patience with augmentation and without, three seeds each; the whole line runs with `dvc repro`.
"""

import json
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.real_images import files_of, unpacked
from dataprep.config.augment import OPERATIONS
from dataprep.core.rng import rng_for
from tests.end_to_end.conftest import Project, copy_project

SEEDS = 3


@dataclass(frozen=True, slots=True)
class Case:
    """A set of images, how many of them train and validate, the bar in points, and what is changed in params.yaml."""

    name: str
    num_train: int
    num_validation: int
    bar: float
    params: Mapping[str, object]
    operations: Mapping[str, object]


CASES = [
    Case(
        "mnist",
        1000,
        1000,
        1.5,
        {
            "train.epochs": 80,
            "train.early_stopping.patience": 15,
            "train.batch_size": 32,
            "train.optimizer.learning_rate": 0.001,
        },
        {
            "augment.rotation": {"probability": 0.7, "degrees": [-12.0, 12.0]},
            "augment.shift": {"probability": 0.7, "fraction": [-0.08, 0.08]},
            "augment.zoom": {"probability": 0.5, "factor": [0.88, 1.12]},
            "augment.shear": {"probability": 0.5, "degrees": [-12.0, 12.0]},
            "augment.elastic": {"probability": 0.5, "strength": [15.0, 40.0], "smoothness_px": 4.0},
            "augment.pen_width": {"probability": 0.3, "px": [-0.4, 0.8], "ink": "light"},
        },
    ),
    Case(
        "cifar",
        5000,
        2000,
        3.0,
        {
            "train.epochs": 45,
            "train.early_stopping.patience": 10,
            "train.batch_size": 64,
            "train.optimizer.learning_rate": 0.001,
        },
        {
            "augment.horizontal_flip": {"probability": 0.5},
            "augment.shift": {"probability": 0.7, "fraction": [-0.1, 0.1]},
            "augment.zoom": {"probability": 0.5, "factor": [0.9, 1.2]},
            "augment.rotation": {"probability": 0.3, "degrees": [-10.0, 10.0]},
            "augment.brightness": {"probability": 0.3, "fraction": [-0.12, 0.12]},
            "augment.contrast": {"probability": 0.3, "factor": [0.75, 1.25]},
            "augment.erasing": {"probability": 0.3, "fraction": [0.02, 0.12]},
        },
    ),
]


def link_some(source: Path, target: Path, case: Case) -> None:
    """Links train images, as many of each class, into train and validation, and all test images."""
    rng = rng_for(0, "gain", case.name)
    classes = sorted(path.name for path in (source / "train").iterdir())
    for name in classes:
        files = files_of(source / "train" / name)
        ends = case.num_train // len(classes), (case.num_train + case.num_validation) // len(classes)
        chosen = [files[number] for number in rng.permutation(len(files))[: ends[1]]]
        parts = {"train": chosen[: ends[0]], "validation": chosen[ends[0] :], "test": files_of(source / "test" / name)}
        for split, paths in parts.items():
            folder = target / split / name
            folder.mkdir(parents=True)
            for path in paths:
                (folder / path.name).hardlink_to(path)


def accuracy(project: Project) -> float:
    """Test accuracy in percent after the whole line."""
    project.repro()
    return 100 * float(json.loads(project.read("reports/metrics.json"))["test"]["accuracy"])


def main() -> None:
    asked = sys.argv[1:] or [case.name for case in CASES]
    for case in (case for case in CASES if case.name in asked):
        with unpacked(case.name) as source, TemporaryDirectory(prefix="darkroom-bench-", dir=source.parent) as folder:
            link_some(source, Path(folder) / "raw", case)
            project = copy_project(Path(folder) / "project")
            project.run("darkroom", "recipe", f"{case.name}-cnn")
            project.set({"ingest.source": str(Path(folder) / "raw"), "split.method": "given", **case.params})
            found: dict[str, list[float]] = {"without": [], "with": []}
            for seed in range(SEEDS):
                for name, operations in (("without", {}), ("with", case.operations)):
                    off = {f"augment.{operation}.probability": 0.0 for operation in OPERATIONS}
                    project.set({**off, "train.seed": seed, "augment.seed": seed, **operations})
                    found[name].append(accuracy(project))
                    print(f"{case.name} seed {seed} {name}: {found[name][-1]:.2f}", flush=True)
            means = {name: statistics.mean(values) for name, values in found.items()}
            gain = means["with"] - means["without"]
            print(
                f"{case.name}, {case.num_train:,} train images, test accuracy, mean of {SEEDS} seeds: "
                f"{means['without']:.2f} without, {means['with']:.2f} with; {gain:+.2f} points (bar {case.bar:+g})"
                f"{'' if gain >= case.bar else '  BELOW'}\n"
            )


if __name__ == "__main__":
    main()
