"""A project in a folder of its own, which runs the installed package: its files, under Git and DVC."""

import shutil
import subprocess
from pathlib import Path

from dataprep.core.artifacts import write_text
from dataprep.core.errors import DarkroomError, first_five
from models.config.network_kinds import SAVED_NETWORKS
from pipelines.parameters.params import PARAMS_FILE
from pipelines.project.code_record import encode_record, installed_record
from pipelines.project.derived_graph import RECORD, derive_graph
from pipelines.project.shipped_files import SHIPPED_GRAPH, installed_version
from pipelines.workspace.dvc_graph import DVC_FILE, last_line
from pipelines.workspace.repository_checks import run_git

# As dvc init writes it, which takes a second more.
_DVC_GITIGNORE = "/config.local\n/tmp\n/cache\n"

_DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n"

_GITIGNORE = (
    "/.darkroom/\n/raw/\n/data/\n/artifacts/\n/reports/\n/published/\n/dvc_plots/\n"
    "*.torn-[0-9]*\n*.foreign-[0-9]*\n__pycache__/\n"
)

_DVCIGNORE = "__pycache__/\n.venv/\n.darkroom/\nraw/\npublished/\n"

_SAVED = """\
Networks of your own: `<kind>.py`, a kind of network, or a `.keras` file, for the kinds that read one.
Any change in this folder trains anew. docs/networks.md of darkroom shows both.
"""

_README = """\
# {title}

A data set, a network and an error report of the images in `{source}`, by darkroom {version}.

    dvc repro        # rebuild what is out of date
    darkroom open    # the report in the browser
    darkroom status  # where the project stands, and the next command

`params.yaml` holds all that can be set, each key with a comment. `dvc.yaml` is the graph; `darkroom upgrade` writes it anew
when another version is installed. Networks of your own go into `saved_networks/`. Commit `dvc.lock` after a run.
"""


_FILES = (
    str(PARAMS_FILE),
    str(DVC_FILE),
    str(RECORD),
    ".gitignore",
    ".dvcignore",
    ".dvc/.gitignore",
    ".dvc/config",
    "README.md",
    f"{SAVED_NETWORKS}/README.md",
)


def write_project(folder: Path, params: str, *, source: str) -> list[str]:
    """Writes the files of a project, and makes its first commit.

    Args:
        folder: there or not; nothing that stands in it is overwritten.
        params: the text of params.yaml.
        source: the folder of the images, or its URL, as the README names it.

    Returns:
        The names of the files.

    Raises:
        DarkroomError: a file stands already, Git is missing, or Git refuses the folder.
    """
    files = project_files(folder.absolute().name, params, source)
    check_free(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        _git(folder, "init", "--quiet")
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write_text(folder / name, text)
    _git(folder, "add", "--", *files)
    _git(folder, *_author(folder), "commit", "--quiet", "--message", f"darkroom {installed_version()} init")
    return list(files)


def check_free(folder: Path) -> None:
    """Refuses a folder in which a project would overwrite something.

    Raises:
        DarkroomError: one of its files is there, or Git is not.
    """
    if folder.exists() and not folder.is_dir():
        raise DarkroomError(f"FOLDER must be a folder; {str(folder)!r} is a file. Name another")
    there = [name for name in (".dvc", *_FILES) if (folder / name).exists()]
    if there:
        raise DarkroomError(
            f"{folder}: init overwrites nothing; there stand {first_five(sorted(there))}. Name another, or move them away"
        )
    if shutil.which("git") is None:
        raise DarkroomError("Git must be installed; it is not found. Install it, for example: apt-get install git")


def project_files(title: str, params: str, source: str) -> dict[str, str]:
    """The files of a project by their relative paths."""
    texts = (
        params,
        derive_graph(SHIPPED_GRAPH.read_text(encoding="utf-8")),
        encode_record(installed_record()),
        _GITIGNORE,
        _DVCIGNORE,
        _DVC_GITIGNORE,
        _DVC_CONFIG,
        _README.format(title=title, source=source, version=installed_version()),
        _SAVED,
    )
    return dict(zip(_FILES, texts, strict=True))


def _author(folder: Path) -> list[str]:
    """Options of Git that name an author, where Git knows none: a first commit is needed, and it can be amended."""
    if run_git("-C", str(folder), "var", "GIT_AUTHOR_IDENT").returncode == 0:
        return []
    return ["-c", "user.name=darkroom", "-c", "user.email=darkroom@localhost"]


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ended = run_git("-C", str(folder), *arguments)
    if ended.returncode:
        raise DarkroomError(
            f"{folder}: git {arguments[0]} must succeed; it says: {last_line(ended.stderr)}. Mend that in this folder"
        )
    return ended
