"""Versions that a test makes up, and a project in which they can be published."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from models.compare.data_changes import DataCounts
from models.compare.drift import Drift, Shifted
from models.compare.gate import Check, Judgement
from models.diagnose.metrics import Accuracy
from pipelines.versions.model_versions import KEPT, Version
from tests.closure import ROOT, SHIPPED


def version(number: int, accuracy: float = 0.9, *, drifted: bool = False, new: int = 5) -> Version:
    shifts = [Shifted(fact="brightness", distance=0.5, p_value=0.001, medians=(100.0, 150.0))] if drifted else []
    scores = Accuracy(images=100, clusters=100, effective_images=100.0, accuracy=accuracy, accuracy_interval=(0.5, 1.0))
    return Version(
        number=number,
        model=f"{number:032x}",
        data=f"{number:032x}",
        scores={"train": scores, "validation": scores, "test": scores},
        changes=DataCounts(images=100, new=new, removed=1, relabelled=0, quarantined=2),
        drift=Drift(new=new, unlike=0, looked_at=new, shifts=shifts),
        judgement=Judgement(
            checks=[Check(name="not worse", passed=True, sentence="against the published model +0.1 points")],
            difference=None,
            left_out=0,
        ),
    )


def write_outputs(root: Path, content: str) -> None:
    """The files that a version keeps, each with its name and this content."""
    paths: Mapping[str, str] = {
        "train": "artifacts",
        "evaluate": "artifacts",
        "ingest": "data",
        "split": "data",
        "diagnose": "reports",
    }
    for stage, name in KEPT:
        path = root / paths[stage] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} {content}")


def write_project(root: Path) -> None:
    """The graph, the parameters, and outputs of a run."""
    shutil.copy(ROOT / "dvc.yaml", root)
    shutil.copy(SHIPPED, root)
    shutil.copy(ROOT / ".gitignore", root)
    (root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    write_outputs(root, "one")
