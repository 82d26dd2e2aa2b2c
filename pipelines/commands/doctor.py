"""`darkroom doctor`: what stops DVC in this folder, and mending it."""

from typing import Annotated

import typer


def doctor(
    mend: Annotated[bool, typer.Option("--mend", help="Mends what can be mended; what it replaces is kept.")] = False,  # noqa: FBT002  # a flag
    quick: Annotated[bool, typer.Option("--quick", help="Only what stops the next run; silent if nothing is.")] = False,  # noqa: FBT002
) -> None:
    """Finds what a kill, a merge or a copied folder left that stops DVC, explains it, and mends it if asked."""
    from pipelines.parameters.params import PARAMS_FILE, read_params
    from pipelines.repair.doctor import explain_troubles, mend_troubles
    from pipelines.versions.kept_workspace import KEPT, put_back_after_a_kill, was_killed

    count = 0
    for line in mend_troubles(deep=not quick) if mend else explain_troubles(deep=not quick):
        print(line, flush=True)  # the next one may take long, or fail
        count += 1
    if was_killed():
        count += 1
        if mend:
            put_back_after_a_kill()
        else:
            print(f"{KEPT}: a run was killed amid its experiments and has put nothing back. Run: darkroom doctor --mend")
    if PARAMS_FILE.exists():
        read_params()  # DVC says in words of its own what is wrong there, if it reads it first
    if not count and not quick:
        print("doctor: nothing is torn, foreign or left behind")
    raise typer.Exit(2 if count and not mend else 0)
