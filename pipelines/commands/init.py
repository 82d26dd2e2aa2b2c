"""`darkroom init`: a project of its own from a folder of images."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataprep.survey.dataset_survey import DatasetSurvey
    from models.start.first_parameters import Proposal


def init(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder of images, or its URL.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Of the project; by default <SOURCE>-darkroom, in this folder.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="A CSV, TSV or Parquet of labels; else the paths say them.")] = None,
    pattern: Annotated[str | None, typer.Option(help="As in ingest.pattern; without it one is proposed.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Asks nothing.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Looks at a folder of images, proposes parameters with their reasons, and makes a project of it. Overwrites nothing."""
    from dataprep.core.errors import DarkroomError
    from pipelines.project.new_project import check_free, write_project
    from pipelines.project.proposed_params import check_source, default_folder, propose, proposed_params, survey_folder

    if labels is not None and pattern is not None:
        raise DarkroomError("--labels and --pattern exclude each other: labels stand in a table or in the paths. Leave one out")
    if not yes and not has_terminal():
        raise DarkroomError("init asks whether its proposals are right, and nobody is there to answer. Say --yes to take them")
    where = folder or default_folder(source)
    check_source(source, where)
    check_free(where)
    try:
        survey = survey_folder(source, pattern=pattern, table=labels)
        _show(survey, proposals := propose(survey))
        if not yes and survey.labelled.table is None:
            other = typer.prompt("Where the label stands in a path", default=survey.labelled.pattern)
            if other != survey.labelled.pattern:
                survey = survey_folder(source, pattern=other, table=None)
                _show(survey, proposals := propose(survey))
    except DarkroomError as error:
        raise type(error)(_as_asked(str(error))) from error
    if not yes and not typer.confirm(f"Make a project of this in {where}?", default=True):
        print("init: nothing was written. Run it again with --pattern or --labels")
        return
    files = write_project(where, proposed_params(proposals), source=str(survey.source))
    print(f"init: {where} with {', '.join(files)}, under Git and DVC\nNext: cd {where} && dvc repro")


def has_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty()


def _as_asked(message: str) -> str:
    """The functions below this command name the keys of params.yaml; here they stand on the command line."""
    names = {"ingest.source": "SOURCE", "ingest.pattern": "--pattern", "ingest.labels.file": "--labels"}
    for key, option in names.items():
        message = message.replace(f"params.yaml: {key}", option)
    return message


def _show(survey: "DatasetSurvey", proposals: "Sequence[Proposal]") -> None:
    from pipelines.run.printed_names import print_table, shown

    rows = [(proposal.topic, shown(proposal.chosen), shown(proposal.reason)) for proposal in proposals]
    print_table(("what", "proposed", "why"), rows)
    for warning in survey.labelled.warnings:
        print(f"warning: {warning.encode('utf-8', 'backslashreplace').decode()}")
