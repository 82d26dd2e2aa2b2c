"""The same graph under Prefect, which owns when, retry and see: one task per stage, each `dvc repro --single-item`.

`darkroom flow`, or `python -m pipelines.flows`, runs it once; `darkroom serve` on a schedule. Without this file, those that
import it, and their two verbs, the schedule is lost and nothing else.
"""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipelines.schedule import prefect_settings  # noqa: F401  # before Prefect, which reads settings when it is imported

# isort: split
from prefect import flow, get_run_logger, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import FlowRun, State
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.tasks import exponential_backoff

from dataprep.core.errors import DarkroomError
from models.compare.gate import Judgement
from models.config.publish import PublishConfig
from pipelines.parameters.params import read_params
from pipelines.repair.doctor import mend_troubles
from pipelines.run.os_errors import os_error_line
from pipelines.schedule.killed_runs import enter, entered
from pipelines.schedule.prefect_artifacts import end_killed_runs, publish_artifacts, tell
from pipelines.schedule.prefect_server import server_key
from pipelines.versions.compare_with_published import Run
from pipelines.versions.model_versions import published_version
from pipelines.versions.publish import need_publishable, number_of_next, publish_version, push
from pipelines.workspace.dvc_graph import busy_holder, dvc, error_of, out_of_date, read_stages, stage_order
from pipelines.workspace.lock import in_turn

Outcome = Literal["ran", "cached", "unchanged"]
Trigger = Literal["by hand", "schedule", "source changed"]

_LOOKED_AFTER = "prepare"
"""The stage after which the published model can look at the images of today."""

TURN = Path(".darkroom/flow.lock")
_RETRIES = 3

_HINT = re.compile(r"|To (track the changes with git|enable auto staging), run:|git add .*|dvc config core.*|Use `dvc push` .*")
"""What DVC says after each stage to a person at a terminal."""

_has_turn: ContextVar[bool] = ContextVar("has_turn", default=False)
_is_entered: ContextVar[bool] = ContextVar("is_entered", default=False)


@contextlib.contextmanager
def turn(say: Callable[[str], None]) -> Iterator[None]:
    """Lets one flow run at a time in this folder; the next ones wait and say for whom."""
    if _has_turn.get():
        yield
        return
    with in_turn(TURN, say):
        token = _has_turn.set(True)
        try:
            yield
        finally:
            _has_turn.reset(token)


@contextlib.contextmanager
def entered_before() -> Iterator[None]:
    """Enters the run that begins within this before the server hears of it, so that no kill can leave it open for ever."""
    with entered(server_key()) as tag, tags(tag):
        token = _is_entered.set(True)
        try:
            yield
        finally:
            _is_entered.reset(token)


def enter_once(run: str) -> None:
    """Enters a run that has begun, unless `entered_before` has."""
    if not _is_entered.get():
        enter(run, server_key())


@task(task_run_name="{stage}")
def run_stage(stage: str, *, force: bool = False, known_unchanged: bool = False) -> State:
    """Brings one stage up to date; the state's name says whether it ran, came from DVC's cache or was unchanged."""
    if known_unchanged:
        return Completed(name="Unchanged", message=f"{stage}: unchanged", data="unchanged")
    words = ["repro", "--single-item", *(["--force"] if force else []), stage]
    say = get_run_logger().info
    finished = dvc(*words, on_line=lambda line: None if _HINT.fullmatch(line.strip()) else say(line))
    if finished.exit_code:
        return Failed(message=f"{stage}: {reason_of(finished.output)}")
    outcome = outcome_of(finished.output)
    return Completed(name=outcome.capitalize(), message=f"{stage}: {outcome}", data=outcome)


@task(task_run_name="look", cache_policy=NO_CACHE)
def look(run: Run) -> str:
    """Lets the published model look at new images; returns why a rebuild is called for, or nothing."""
    reason = run.reason_to_rebuild
    if run.earlier and not run.other_kind:
        get_run_logger().info(run.drift.in_words)
    get_run_logger().info("A rebuild starts: %s", reason) if reason else None
    return reason


@task(task_run_name="judge", cache_policy=NO_CACHE)
def judge_run(run: Run) -> Judgement:
    """Compares the model with the published one, and its data with those of that."""
    judgement = run.judged()
    for check in judgement.checks:
        get_run_logger().info("%s: %s", "passed" if check.passed else "refused", check.sentence)
    if run.earlier:
        get_run_logger().info(run.drift.in_words)
    return judgement


@task(
    task_run_name="push", retries=_RETRIES, retry_delay_seconds=exponential_backoff(backoff_factor=5), retry_jitter_factor=0.3
)
def push_outputs(config: PublishConfig) -> None:
    """Pushes to the DVC remote: the only step that crosses a network, and the only one that is tried again."""
    get_run_logger().info(push(config))


@task(task_run_name="publish", cache_policy=NO_CACHE)
def publish_run(run: Run, judgement: Judgement, config: PublishConfig) -> str:
    """Makes the run the published version."""
    return publish_version(run.version(number_of_next(), judgement), config, run.earlier.version if run.earlier else None)


def _tell_end(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:
    say = flow_run_logger(flow_run, flow).warning
    tell(f"Darkroom: run {flow_run.name} ended as {state.name}", str(state.message), say)


@flow(name="rebuild", on_failure=[_tell_end], on_crashed=[_tell_end])
def rebuild(
    targets: list[str] | None = None,
    force: bool = False,  # noqa: FBT001, FBT002  # Prefect shows it as a parameter
    experiment: str | None = None,
    publish: bool = True,  # noqa: FBT001, FBT002
    trigger: Trigger | None = None,
    only_on_drift: bool = False,  # noqa: FBT001, FBT002
) -> State:
    """Brings stages up to date in DVC's order, judges the model, and publishes it if it passes.

    A served flow is pickled with what its own lines name: functions and classes, but no context variable.

    Args:
        targets: stages that are brought up to date, with what they depend on; all if none is named. Then nothing is published.
        force: runs them even where nothing changed.
        experiment: a name under which DVC keeps the run as an experiment. Then nothing is published.
        publish: whether a model that passes the gate becomes the published one.
        trigger: what started the run, for people; if it is not said, a schedule or a person.
        only_on_drift: ends after the stage prepare, unless new images differ from those of the published version.
    """
    say = get_run_logger().info
    try:
        enter_once(str(flow_run.get_id()))
        with turn(say):
            for line in [*end_killed_runs(server_key()), *mend_troubles(deep=False)]:
                say(line)
            options = Options(force, experiment, publish, trigger or _trigger(), only_on_drift)
            return _rebuild(targets or [], options)
    except DarkroomError as error:
        return Failed(message=str(error))
    except OSError as error:
        if (known := os_error_line(error)) is None:
            raise
        return Failed(message=known)


def _trigger() -> Trigger:
    """What started this run, as the server knows it."""
    context = FlowRunContext.get()
    return "schedule" if context and context.flow_run and context.flow_run.auto_scheduled else "by hand"


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of a run, as `rebuild` has them."""

    force: bool
    experiment: str | None
    publish: bool
    trigger: Trigger
    only_on_drift: bool


def _rebuild(targets: Sequence[str], options: Options) -> State:
    config = read_params().publish
    publishes = options.publish and not targets and options.experiment is None
    if publishes:
        need_publishable(config)
    run, start = Run(published_version()), "" if options.trigger == "by hand" else f"{options.trigger}: "
    outcomes: list[str] = []
    for stage, state in run_stages(stage_order(targets), force=options.force):
        if not state.is_completed():
            return Failed(message=state.message)
        outcomes.append(f"{stage} {str(state.name).lower()}")
        if options.only_on_drift and stage == _LOOKED_AFTER:
            if not (reason := look(run)):
                return Completed(message=f"{start}{', '.join(outcomes)}; no rebuild: {run.drift.in_words.removesuffix('.')}")
            start += f"{reason}: "
    line = f"{start}{', '.join(outcomes)}"
    if options.experiment is not None:
        line += f"; {save_experiment(options.experiment)}"
    return Completed(message=line) if targets else _finish(run, line, config, publishes=publishes)


def run_stages(order: Sequence[str], *, force: bool) -> Iterator[tuple[str, State]]:
    """Runs stages as tasks. Of those that DVC would skip it is asked once, until the first one has changed something.

    Yields:
        Each stage and its state, up to the first that failed.
    """
    always = {name for name, stage in read_stages().items() if stage.get("always_changed")}
    stale: set[str] | None = set(order) if force else None
    for stage in order:
        if stale is None and stage not in always:
            stale = set(out_of_date())
        unchanged = stage not in always and stale is not None and stage not in stale
        state = run_stage(stage, force=force, known_unchanged=unchanged, return_state=True)
        yield stage, state
        if not state.is_completed():
            return
        if stage not in always and state.name != "Unchanged":
            stale = set(order)  # what comes after may have changed too


def save_experiment(name: str) -> str:
    """Keeps the run as an experiment of DVC; one that has the name already is replaced.

    Raises:
        DarkroomError: DVC cannot.
    """
    ended = dvc("exp", "save", "--force", "--name", name)
    if ended.exit_code:
        raise DarkroomError(f"dvc exp save must keep the run as {name!r}; it says {error_of(ended.output)!r}")
    return f"experiment {name} is kept"


def _finish(run: Run, line: str, config: PublishConfig, *, publishes: bool) -> State:
    """Judges, shows and publishes what the stages made."""
    if run.is_published and run.earlier:
        return Completed(message=f"{line}; nothing new since version {run.earlier.version.number}")
    judgement = judge_run(run) if publishes else None
    publish_artifacts(run, judgement)
    if run.drift.is_certain:
        line = line if run.drift.headline in line else f"{line}; {run.drift.headline}"
        emit_event("darkroom.drift", {"prefect.resource.id": f"prefect.flow-run.{flow_run.get_id()}"})
        tell(f"Darkroom: new images differ in run {flow_run.get_name()}", run.drift.in_words, get_run_logger().warning)
    if judgement is None:
        return Completed(message=line)
    if not judgement.passed:
        stays = f"version {run.earlier.version.number} stays published" if run.earlier else "nothing is published"
        return Failed(message=f"gate: {judgement.reason}; {stays}")
    if config.push:
        push_outputs(config)
    return Completed(message=f"{line}; {publish_run(run, judgement, config)}")


def outcome_of(output: str) -> Outcome:
    """Reads from DVC's words what became of a stage."""
    if "Running stage" in output:
        return "ran"
    return "cached" if "is cached" in output else "unchanged"


def reason_of(output: str) -> str:
    """The line that says why: a stage's own error where there is one, else DVC's, which may take several lines."""
    if holder := busy_holder(output):
        return f"one run at a time: {holder}"
    own = [line.removeprefix("error: ") for line in output.splitlines() if line.startswith("error: ")]
    return own[-1] if own else error_of(output)


if __name__ == "__main__":
    from pipelines.cli import app
    from pipelines.run.program import run_program

    run_program(lambda: app(["flow", *sys.argv[1:]]))
