"""`darkroom files`: files of the manifest with what is known of them."""

from collections.abc import Sequence
from typing import Annotated

import typer


def files(
    status: Annotated[str | None, typer.Option(help="ok, quarantined or skipped.")] = None,
    reason: Annotated[str | None, typer.Option(help="For example undecodable; the table of ingest names them.")] = None,
    issue: Annotated[str | None, typer.Option(help="For example dark; the table of ingest names them.")] = None,
    corrections: Annotated[bool, typer.Option("--corrections", help="What a person corrected, by ingest.corrections.")] = False,  # noqa: FBT002  # a flag
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Exact copies: the same pixels in several files.")] = False,  # noqa: FBT002
    near_duplicates: Annotated[bool, typer.Option("--near-duplicates", help="Clusters of near duplicates.")] = False,  # noqa: FBT002
) -> None:
    """Lists files of the manifest with what is known of them; by default those that are not used."""
    import polars as pl

    from dataprep.core.errors import on_one_line
    from dataprep.ingest.build_manifest import ALL_ISSUES
    from dataprep.store.manifest import REASONS, STATUSES, find_copies, read_manifest
    from pipelines.workspace.dvc_graph import output_path
    from pipelines.workspace.other_source import other_source

    _check_known("--status", status, STATUSES)
    _check_known("--reason", reason, REASONS)
    _check_known("--issue", issue, ALL_ISSUES)
    rows = read_manifest(output_path("ingest", "manifest.parquet"))
    firsts = dict(find_copies(rows).select("id", "first").rows()) if duplicates else {}
    asked = [
        (status, pl.col("status") == pl.lit(status)),
        (reason, pl.col("reason") == pl.lit(reason)),
        (issue, pl.col("issues").list.contains(issue)),
        (corrections, pl.col("correction").is_not_null()),
        (near_duplicates, pl.col("near_duplicate").is_not_null()),
        (duplicates, pl.col("id").is_in(list(firsts))),
    ]
    chosen = [holds for wanted, holds in asked if wanted] or [pl.col("status") != "ok"]
    corrected = pl.format("label {}, corrected from {}", "label", pl.col("given_label").fill_null("none"))
    remark = pl.when(correction="wrong_label").then(corrected).when(correction="fine").then(pl.lit("found fine by a person"))
    listed = rows.filter(*chosen).with_columns(
        first=pl.col("id").replace_strict(firsts, default=None, return_dtype=pl.String), corrected=remark
    )
    order = [name for name, asked in (("first", duplicates), ("near_duplicate", near_duplicates)) if asked]
    listed = listed.sort(*order, "id")
    for row in listed.iter_rows(named=True):
        notes = [f"{row['status']}: {row['reason']}" if row["reason"] else row["status"], row["message"]]
        notes += [", ".join(row["issues"] or []), row["near_duplicate"] and f"near duplicate of {row['near_duplicate']}"]
        notes.append(row["corrected"])
        if row["first"]:
            notes.append("first of its copies" if row["first"] == row["id"] else f"same picture as {row['first']}")
        print("\t".join(on_one_line(text) for text in [row["id"], *filter(None, notes)]))
    print(f"{listed.height:,} of {rows.height:,} files")
    if note := other_source():
        print(f"note: {note}")


def _check_known(option: str, value: str | None, known: Sequence[str]) -> None:
    from dataprep.core.errors import DarkroomError, closest, shortened

    if value is None or value in known:
        return
    close = closest(value, known)
    fix = f"Did you mean {close}?" if close else "Correct it"
    raise DarkroomError(f"{option} must be one of {', '.join(known)}; got {shortened(value)}. {fix}")
