"""Whether the manifest lists the images of the source that params.yaml names now."""

from pipelines.parameters.params import read_params
from pipelines.workspace.dvc_lock_backup import locked_source


def other_source() -> str | None:
    """One line where the manifest was made of another source; None where it was not, or nobody knows."""
    made, now = locked_source(), read_params().ingest.source
    if made is None or made == now:
        return None
    return f"data/manifest.parquet lists the images of {made!r}; params.yaml names {now!r} now. Run: dvc repro ingest"
