"""`darkroom history`: the versions of the model, with their scores and what changed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.versions.model_versions import Version


def history() -> None:
    """Lists the versions that were published, the last first, with their scores and what changed since the one before."""
    from pipelines.versions.model_versions import published_version, read_versions, scores_in_words
    from pipelines.versions.version_commit import tag_dates
    from pipelines.workspace.dvc_graph import output_path

    output_path("train", "model.keras")  # outside a project it says so
    versions, published, dates = read_versions(), published_version(), tag_dates()
    if not versions:
        print("history: nothing was published yet. Run: darkroom flow")
    for own in reversed(versions):
        is_current = published is not None and published.version.number == own.number
        notes = [note for note in (dates.get(own.tag, "not tagged"), "published" if is_current else "") if note]
        print(f"version {own.number} ({', '.join(notes)}): {scores_in_words(own)}")
        print(f"  {'; '.join(_changes(own))}")


def _changes(version: "Version") -> list[str]:
    """What changed in data and scores, in words."""
    found = version.judgement.difference
    points = [f"{100 * found.difference:+.1f} points on the same {found.images:,} images"] if found else []
    drift = [version.drift.headline] if version.drift.is_certain else []
    return [f"{version.changes.images:,} images: {version.changes.in_words}", *points, *drift]
