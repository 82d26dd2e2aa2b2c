"""The raw folder, seen from where the stages run."""

from pathlib import Path

from dataprep.core.errors import SourceError
from dataprep.source.raw_folder import Source, locate_source

_COPIES = (".dvc", "tmp", "exps")


def locate_raw_folder(source: str, embedded_folder: Path) -> Source:
    """Locates the source as `locate_source` does, and explains why it is missing in a temporary copy of the project.

    Raises:
        ParamsError: `locate_source` refuses the source.
        SourceError: `dvc exp run --temp`, or a queue, made a copy of the project without the folder, which Git does not track.
    """
    located = locate_source(source, embedded_folder)
    here = Path.cwd()
    project = project_of_copy(here)
    if project is None or not isinstance(located, Path) or located.is_absolute() or located.exists():
        return located
    raise SourceError(
        f"params.yaml: ingest.source {source!r} is not in the temporary copy of the project for this run "
        f"({here.relative_to(project)}): it holds only what Git tracks. Write the whole path, {str(project / source)!r}, or "
        "run the experiment without --temp and --queue"
    )


def project_of_copy(folder: Path) -> Path | None:
    """The project of which DVC made a temporary copy in this folder; None where it is no such copy.

    >>> project_of_copy(Path("/home/me/scans/.dvc/tmp/exps/tmp1234"))
    PosixPath('/home/me/scans')
    """
    for copy in (folder, *folder.parents):
        if copy.parts[-4:-1] == _COPIES:
            return copy.parents[3]
    return None
