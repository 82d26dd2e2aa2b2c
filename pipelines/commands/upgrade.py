"""`darkroom upgrade`: a project brought to the installed version."""

from typing import Annotated

import typer


def upgrade(
    replace: Annotated[bool, typer.Option("--replace", help="Also a dvc.yaml that was changed by hand.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Writes dvc.yaml and darkroom-version.yaml as the installed version has them, and says what that rebuilds."""
    from pipelines.project.upgrade import upgrade_project

    done = upgrade_project(replace=replace)
    for line in done.added:
        print(f"params.yaml: {line} is new, with its default and its comment")
    if done.changed:
        print(f"the code of {', '.join(done.changed)} changed: dvc repro runs them, and what follows from them")
    else:
        print("no stage has other code: nothing is rebuilt")
    print(f"upgrade: darkroom {done.old.version} -> {done.new.version}. Next: dvc repro")
