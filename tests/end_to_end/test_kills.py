from collections.abc import Callable

from dataprep.rng import rng_for
from tests.end_to_end.conftest import Project
from tests.end_to_end.kills import kill_again_and_again


def test_ten_kills_in_prepare_leave_nothing_behind_and_change_nothing(make_project: Callable[[], Project]) -> None:
    project = make_project()
    project.set({"ingest.source": "embedded:digits", "prepare.images_per_shard": 32, "execute.workers": 2})
    kills = list(kill_again_and_again(project, 10, rng_for(0, "kills")))
    assert sum(kill.in_time for kill in kills) >= 8
    assert [kill for kill in kills if kill.exit_code or not kill.same_bytes or kill.strays] == []
    assert any(kill.finished_before for kill in kills)
