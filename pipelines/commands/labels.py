"""`darkroom labels`: what the paths of a folder say, before any image is read."""

from pathlib import Path
from typing import Annotated

import typer


def labels(
    folder: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder of images, or its URL.")],
    pattern: Annotated[str | None, typer.Option(help="As in ingest.pattern; without it one is proposed.")] = None,
) -> None:
    """Shows what the paths of a folder say: classes, groups, splits, and what looks wrong. Reads no pixels."""
    from dataprep.core.errors import DarkroomError

    try:
        _survey(folder, pattern)
    except DarkroomError as error:
        raise type(error)(_as_asked(str(error))) from error


def _as_asked(message: str) -> str:
    """The functions below this command name the keys of params.yaml; here both stand on the command line.

    >>> _as_asked("params.yaml: ingest.source must be a folder of images; 'raw' does not exist. Correct the path")
    "SOURCE must be a folder of images; 'raw' does not exist. Correct the path"
    """
    return message.replace("params.yaml: ingest.source", "SOURCE").replace("params.yaml: ingest.pattern", "--pattern")


def _survey(folder: str, pattern: str | None) -> None:
    import polars as pl  # which takes longer than a help page should

    from dataprep.config.base import SPLITS
    from dataprep.core.errors import SourceError, first_five
    from dataprep.core.name_encoding import decode_name
    from dataprep.ingest.label_survey import survey_labels
    from dataprep.source.name_endings import likely_images
    from dataprep.source.other_files import counted_endings
    from dataprep.source.raw_folder import list_source, locate_folder
    from dataprep.source.unlisted_folders import UNKNOWN, check_folders, folder_warnings
    from pipelines.parameters.params import PARAMS_FILE, read_params
    from pipelines.run.printed_names import print_table, shown

    source = locate_folder(folder)
    listed = list_source(source, read_params().ingest.skip if PARAMS_FILE.exists() else ())
    found = listed.files.filter(pl.col("reason").ne_missing("skipped"))
    names = found.filter(~pl.col("reason").is_in(list(UNKNOWN)).fill_null(value=False))["path"].to_list()
    every = [decode_name(path) for path in names]
    paths = likely_images(every)
    if not paths:
        check_folders(found, pattern or "{label}/{name}")
    survey = survey_labels(paths, pattern)
    matched = sum(row.num_files for row in survey.classes)
    if not matched:
        raise SourceError(
            f"the pattern {survey.pattern!r} must match the paths below {str(source)!r}; it matches none of {len(paths):,}, "
            f"for example {first_five(map(shown, survey.unmatched[:2]))}. Leave --pattern out, and one is proposed"
        )
    given = [split for split in SPLITS if any(split in row.given_splits for row in survey.classes)]
    rows = []
    for row in survey.classes:
        splits = [f"{row.given_splits.get(split, 0):,}" for split in given]
        rows.append((shown(row.name), f"{row.num_files:,}", f"{row.num_groups:,}" if row.num_groups else "-", *splits))
    print_table(("class", "files", "groups", *given), rows)
    skipped = listed.files.height - found.height
    by_name = f"; {skipped:,} are skipped by name" if skipped else ""
    print(f"{matched:,} of {len(paths):,} files match the {'given' if pattern else 'proposed'} pattern{by_name}")
    others = sorted({*every} - {*paths})
    if others:
        print(
            f"{len(others):,} more have no image's ending ({counted_endings(others)}), for example "
            f"{first_five(map(shown, others[:2]))}; ingest skips those whose content is no image either"
        )
    if survey.unmatched:
        print(f"do not match: {first_five(map(shown, survey.unmatched))}")
    class_names = {shown(row.name) for row in survey.classes}
    for warning in [*folder_warnings(found, listed.empty_folders, survey.pattern, class_names), *survey.warnings]:
        print(f"warning: {warning.encode('utf-8', 'backslashreplace').decode()}")
    # Single quotes: in YAML, nothing within them has another meaning.
    quoted = survey.pattern.replace("'", "''")
    whole = source.resolve() if isinstance(source, Path) else source
    print(f"\nFor params.yaml:\ningest:\n  source: {whole}\n  pattern: '{quoted}'")
