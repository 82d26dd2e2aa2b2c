"""What a flow shows of a run: rows and markdown, without Prefect."""

from collections.abc import Mapping

from dataprep.config.base import SPLITS
from models.compare.data_changes import DataCounts
from models.compare.drift import Drift
from models.compare.gate import Judgement
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.metrics import Metrics
from pipelines.versions.model_versions import Version


def score_rows(metrics: Metrics, earlier: Version | None) -> list[dict[str, object]]:
    """One row for each split: its scores, and the accuracy of the published version on the images of its own day."""
    rows: list[dict[str, object]] = []
    for split in SPLITS:
        own = metrics.of_split(split)
        low, high = own.accuracy_interval
        rows.append(
            {
                "split": split,
                "images": own.images,
                "accuracy": round(own.accuracy, 4),
                "95% interval": f"{low:.4f} - {high:.4f}",
                f"version {earlier.number}" if earlier else "published": (
                    round(earlier.scores[split].accuracy, 4) if earlier else "none"
                ),
                "macro F1": round(own.macro_f1, 4),
                "log loss": round(own.log_loss, 4),
            }
        )
    return rows


def diagnosis_page(diagnosis: Diagnosis) -> str:
    """All findings in markdown, with their evidence and actions."""
    parts = [f"# {diagnosis.first.headline}", " ".join(diagnosis.summary)]
    for number, finding in enumerate(diagnosis.findings):
        heading = [f"## {finding.headline}"] if number else []
        parts += [*heading, f"*{finding.severity}.* {finding.evidence}"]
        actions = [
            f"{place}. {action.text}" + (f"\n\n    ```\n    {action.command}\n    ```" if action.command else "")
            for place, action in enumerate(finding.actions, start=1)
        ]
        parts += ["\n".join(actions)] if actions else []
    return "\n\n".join(parts) + "\n"


def data_page(counts: DataCounts, drift: Drift, judgement: Judgement | None, earlier: Version | None) -> str:
    """What changed in the data, whether new images differ, and each check of the gate, in markdown."""
    since = f"since version {earlier.number}" if earlier else "before the first version"
    table = _table(
        {
            "in use": counts.images,
            "new": counts.new,
            "removed": counts.removed,
            "relabelled": counts.relabelled,
            "newly quarantined": counts.quarantined,
        }
    )
    parts = [f"# Images {since}", table, drift.in_words if earlier else ""]
    if judgement:
        marks = [f"- {'passed' if check.passed else '**refused**'}: {check.sentence}" for check in judgement.checks]
        parts += ["# Gate", "\n".join(marks)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(counts: Mapping[str, int]) -> str:
    return "\n".join(["| images | |", "|---|---:|", *(f"| {name} | {count:,} |" for name, count in counts.items())])
