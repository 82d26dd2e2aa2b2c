"""`darkroom restore`: data, model and report of an earlier version."""

from typing import Annotated

import typer


def restore(
    revision: Annotated[str, typer.Argument(metavar="REV", help="The number of a version, its tag, or a revision of Git.")],
) -> None:
    """Brings parameters, data, model and report of an earlier version back; refuses where anything would be lost."""
    from pipelines.versions.restore_version import restore as bring_back

    print(f"restore: {bring_back(revision)}")
    print("Next: darkroom show. To keep it: git commit dvc.lock dvc.yaml params.yaml")
