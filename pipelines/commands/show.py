"""`darkroom show`: the scores of the last run."""


def show() -> None:
    """Shows the scores, the verdict and where the report is."""
    from dataprep.config.base import SPLITS
    from dataprep.core.artifacts import read_document
    from dataprep.core.errors import ArtifactError
    from models.diagnose.diagnosis import Diagnosis  # scikit-learn takes a second, which a help page should not
    from models.diagnose.metrics import Metrics
    from pipelines.run.printed_names import print_table
    from pipelines.workspace.at_work import holder_now
    from pipelines.workspace.dvc_graph import output_path
    from pipelines.workspace.lock import LockError

    holder = holder_now()
    try:
        metrics = read_document(output_path("diagnose", "metrics.json"), Metrics, stage="diagnose")
        diagnosis = read_document(output_path("diagnose", "diagnosis.json"), Diagnosis, stage="diagnose")
    except ArtifactError as error:
        if holder is None:
            raise
        raise LockError(f"there are no scores to show yet: {holder}") from error
    rows = []
    for split in SPLITS:
        scores = metrics.of_split(split)
        low, high = scores.accuracy_interval
        interval = f"{low:.4f} - {high:.4f}"
        figures = (f"{scores.accuracy:.4f}", interval, f"{scores.macro_f1:.4f}", f"{scores.log_loss:.4f}")
        rows.append((split, f"{scores.images:,}", *figures))
    print_table(("split", "images", "accuracy", "95% interval", "macro F1", "log loss"), rows)
    for split in SPLITS:
        scores = metrics.of_split(split)
        if scores.worth < scores.images:
            print(f"{scores.images:,} {split} images, {scores.worth:,} independent (groups and copies go together)")
    baselines = " / ".join(f"{split} {metrics.of_split(split).majority_accuracy:.4f}" for split in SPLITS)
    print(f"answering {metrics.majority_class!r} for every image: {baselines}")
    print(*diagnosis.lines(), sep="\n")
    if note := _age(holder):
        print(f"note: these figures are of an earlier run; {note}")
    print(f"report: {output_path('diagnose', 'index.html')}")


def _age(holder: str | None) -> str | None:
    """Why figures are of an earlier run; None where they are of the last."""
    from pipelines.workspace.dvc_graph import out_of_date
    from pipelines.workspace.lock import LockError

    if holder is not None:
        return holder
    try:
        stale = out_of_date()
    except LockError as error:  # between two stages, DVC alone is at work
        return str(error)
    return f"out of date: {', '.join(stale)}. Run: dvc repro" if stale else None
