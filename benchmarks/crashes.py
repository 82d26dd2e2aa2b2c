"""A hundred kills during prepare, each followed by `dvc repro`: `python -m benchmarks.crashes`. About ten minutes."""

from pathlib import Path
from tempfile import TemporaryDirectory

from dataprep.rng import rng_for
from tests.end_to_end.conftest import copy_project
from tests.end_to_end.kills import kill_again_and_again

KILLS = 100


def main() -> None:
    with TemporaryDirectory(prefix="darkroom-bench-") as folder:
        project = copy_project(Path(folder) / "project")
        project.set({"prepare.images_per_shard": 32, "execute.workers": 2})
        kills = list(kill_again_and_again(project, KILLS, rng_for(0, "kills")))
    whole = [kill for kill in kills if kill.exit_code == 0 and kill.same_bytes and not kill.strays]
    print(f"{len(kills)} kills with SIGKILL, {sum(kill.in_time for kill in kills)} of them before the run had ended by itself")
    left = [kill.finished_before for kill in kills]
    print(f"finished shards that a killed run left: {min(left)} to {max(left)}")
    print(f"identical bytes and no stray file after the next dvc repro: {len(whole)} of {len(kills)}")
    for kill in kills:
        if kill not in whole:
            print(f"  not whole: {kill}")


if __name__ == "__main__":
    main()
