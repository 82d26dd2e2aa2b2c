from collections.abc import Callable

from dataprep.core.rng import rng_for
from tests.closure import ROOT
from tests.end_to_end.conftest import Project
from tests.end_to_end.kills import kill_again_and_again, kill_whole_runs, made_by, when_made


def test_kills_in_prepare_leave_nothing_behind_and_change_nothing(make_project: Callable[[], Project]) -> None:
    """At once, after the first shard, and in the midst of about 60; `python -m benchmarks.crashes` kills a hundred times."""
    project = make_project()
    project.set({"ingest.source": "embedded:digits", "prepare.images_per_shard": 32, "execute.workers": 2})
    kills = list(kill_again_and_again(project, [when_made(project.root / "data/prepared", count) for count in (0, 1, 20)]))
    assert all(kill.in_time for kill in kills)
    assert [kill for kill in kills if kill.exit_code or not kill.same_bytes or kill.strays] == []
    assert [kill.finished_before > 0 for kill in kills][1:] == [True, True]


def test_kills_of_whole_runs_and_an_emptied_lock_change_nothing(make_project: Callable[[], Project]) -> None:
    """Up to augment, since nothing before it loads TensorFlow; `python -m benchmarks.crashes` kills the whole line."""
    project = make_project()
    kills = list(kill_whole_runs(project, 2, rng_for(0, "kills of the line"), train_each=1, last="augment"))
    assert any(kill.in_time for kill in kills)
    assert [kill for kill in kills if kill.exit_code or kill.wrong] == []
    made = made_by(project)
    (project.root / "dvc.lock").write_bytes(b"")
    doctor = project.run("darkroom", "doctor", "--quick", "--mend")
    assert doctor.output.startswith("dvc.lock: empty: restored from .darkroom/dvc.lock, the copy of the last whole one;")
    project.repro("augment")
    assert made_by(project) == made


def test_make_repro_calls_the_doctor_first() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\nrepro:")[1].splitlines()[1:3]
    assert recipe == ["\t@darkroom doctor --quick --mend", "\tdvc repro"]
