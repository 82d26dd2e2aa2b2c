"""Outputs of an earlier run: of a commit, branch, tag or experiment, from DVC's cache; or of a folder."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dataprep.core.errors import ArtifactError, DarkroomError, in_short
from pipelines.workspace.dvc_graph import cache_folder
from pipelines.workspace.dvc_lock_backup import DVC_LOCK

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """Where the outputs of a run are.

    Attributes:
        name: as the user called it.
        files: the place of each output, by its path in dvc.yaml; those that are at hand.
    """

    name: str
    files: dict[Path, Path]

    def need(self, output: Path) -> Path:
        """The place of an output.

        Raises:
            ArtifactError: it is not at hand.
        """
        if output in self.files:
            return self.files[output]
        raise ArtifactError(
            f"{self.name}: {output} must be in that folder or in DVC's cache; it is not. "
            f"Run: git checkout {self.name} && dvc pull, or dvc repro there"
        )


def find_run(name: str, outputs: list[Path]) -> EarlierRun:
    """Finds outputs of a run.

    Args:
        name: a folder, or what Git or DVC calls a commit: a hash, a branch, a tag, HEAD~1, an experiment.
        outputs: paths in dvc.yaml.

    Raises:
        DarkroomError: it is neither, or has no dvc.lock that can be read.
    """
    folder = Path(name)
    if folder.is_dir():
        return EarlierRun(name, {output: folder / output for output in outputs if (folder / output).is_file()})
    locked = _locked(commit_of(name), name)
    cache = cache_folder() / "files/md5"
    places = {output: cache / md5[:2] / md5[2:] for output in outputs if (md5 := locked.get(output.as_posix()))}
    return EarlierRun(name, {output: place for output, place in places.items() if place.is_file()})


def commit_of(name: str) -> str:
    """The hash of a commit, by a name of Git or of an experiment.

    Raises:
        DarkroomError: there is none of that name.
    """
    found = _git("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
    if found is not None:
        return found.strip()
    listed = _git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps") or ""
    for line in listed.splitlines():
        reference, _, commit = line.rpartition(" ")
        if reference.rpartition("/")[2] == name:
            return commit
    raise DarkroomError(
        f"{name!r} must be a folder with the outputs of a run, a revision of Git or an experiment of DVC; it is none. "
        "See: git log --oneline, dvc exp list"
    )


def _locked(commit: str, name: str) -> dict[str, str]:
    """MD5 of each output in the dvc.lock of a commit, by its path."""
    text = _git("show", f"{commit}:./{DVC_LOCK}")
    if text is None:
        raise DarkroomError(f"{name}: that commit must hold {DVC_LOCK}; it does not. Name one that was made after dvc repro")
    try:
        stages = YAML(typ="safe").load(text)["stages"]
        found = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", []) if "md5" in out}
    except (YAMLError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise DarkroomError(f"{name}: its {DVC_LOCK} cannot be read ({in_short(error)}). Name another revision") from error
    return {path: md5 for path, md5 in found.items() if isinstance(md5, str) and _MD5.fullmatch(md5)}


def _git(*arguments: str) -> str | None:
    """What Git answers; None where it refuses, or is not there."""
    try:
        ended = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607  # the user's Git
    except OSError:
        return None
    return ended.stdout.decode("utf-8", "replace") if ended.returncode == 0 else None
