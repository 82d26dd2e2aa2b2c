"""`darkroom iterate`: what the report proposes, tried as experiments, and what helped."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.compare.difference import Difference
    from models.compare.proposal_loop import Iteration, Outcome


def iterate(
    n: Annotated[int, typer.Option("--n", min=1, max=20, help="How many proposals of a report are tried.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, max=10, help="After each round, go on with what its winner proposes.")] = 1,
    seeds: Annotated[
        int, typer.Option(min=1, max=3, help="Trainings of each, at most, while the difference may be chance.")
    ] = 3,
    apply: Annotated[bool, typer.Option("--apply", help="Writes the winner into params.yaml.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Runs the report's proposals as experiments and says what helped; it goes on where it was stopped."""
    from pipelines.environment_variables import settle

    settle()  # before any library reads it
    from dataprep.core.artifacts import write_document
    from models.compare.proposal_loop import iterate as run_rounds
    from pipelines.experiments.proposal_experiments import (
        RECORD,
        apply_changes,
        folder_of_state,
        need_up_to_date,
        run_in_workspace,
        train_experiment,
        with_seed,
    )
    from pipelines.parameters.params import read_params
    from pipelines.versions.kept_workspace import need_copies, put_back_after_a_kill
    from pipelines.workspace.dvc_graph import out_of_date

    put_back_after_a_kill()
    need_up_to_date(out_of_date())
    need_copies()
    seed, folder = read_params().train.seed, folder_of_state()
    done = run_rounds(
        run_in_workspace(),
        lambda name, changes, moved: train_experiment(name, with_seed(changes, seed, moved), folder),
        first_seed=seed,
        most_proposals=n,
        most_seeds=seeds,
        most_rounds=rounds,
        ended=_print_ended,
    )
    write_document(RECORD, done)
    _print_table(done)
    print(f"iterate: {_conclusion(done)}")
    print(f"record: {RECORD}")
    if apply and done.experiment:
        apply_changes(done.changes)
        print("iterate: the winner stands in params.yaml. Next: dvc repro")


def _print_ended(number: int, outcome: "Outcome") -> None:
    what = outcome.failure or _in_points(outcome.difference)
    print(f"round {number}, proposal {outcome.number}, {outcome.in_words}: {outcome.verdict}; {what}", flush=True)


def _print_table(done: "Iteration") -> None:
    """A table on a terminal; else columns of text, which a file keeps whole."""
    from pipelines.run.printed_names import print_table

    rows = [("round", "proposal", "before", "after", "difference in points (95%)", "seeds", "verdict")]
    for own in done.rounds:
        for outcome in own.outcomes:
            found = outcome.difference
            scores = (f"{found.before:.4f}", f"{found.after:.4f}", _interval(found), str(found.seeds)) if found else ("-",) * 4
            rows.append((str(own.number), outcome.in_words, *scores, outcome.verdict))
    if sys.stdout.isatty() and len(rows) > 1:
        print_table(rows[0], rows[1:])
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if len(rows) > 1 else []:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _conclusion(done: "Iteration") -> str:
    if not done.rounds[0].outcomes:
        return "the report proposes nothing that a command can change; darkroom show says what it found"
    if done.test is None:
        return "nothing helped beyond the interval on validation; test was not looked at"
    return (
        f"{done.experiment} helped most; on test, looked at for it alone: {done.test.before:.4f} -> {done.test.after:.4f}, "
        f"{_in_points(done.test)}. To take it: darkroom iterate --apply, or dvc exp apply {done.experiment}"
    )


def _in_points(found: "Difference | None") -> str:
    return f"{_interval(found)} points on {found.images:,} {'of the same ' if found.paired else ''}images" if found else ""


def _interval(found: "Difference") -> str:
    """For example `+2.1 (+0.4 to +3.8)`."""
    low, high = found.interval
    return f"{100 * found.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
