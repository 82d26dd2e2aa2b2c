"""A hundred kills during prepare and a hundred during the whole of `dvc repro`: `python -m benchmarks.crashes`.

After the former comes `dvc repro`, after the latter what `make repro` does. About an hour and a half.
"""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from dataprep.core.rng import rng_for
from tests.conftest import write_striped_tree
from tests.end_to_end.conftest import SHORT, copy_project
from tests.end_to_end.kills import at_random, kill_again_and_again, kill_whole_runs

KILLS = 100
TRAIN_EACH = 4


def main() -> None:
    kill_prepare()
    kill_everything()


def kill_prepare() -> None:
    with TemporaryDirectory(prefix="darkroom-bench-") as folder:
        project = copy_project(Path(folder) / "project")
        project.set({"prepare.images_per_shard": 32, "execute.workers": 2})
        kills = list(kill_again_and_again(project, [at_random(rng_for(0, "kills"))] * KILLS))
    whole = [kill for kill in kills if kill.exit_code == 0 and kill.same_bytes and not kill.strays]
    print(f"{len(kills)} kills with SIGKILL, {sum(kill.in_time for kill in kills)} of them before the run had ended by itself")
    left = [kill.finished_before for kill in kills]
    print(f"finished shards that a killed run left: {min(left)} to {max(left)}")
    print(f"identical bytes and no stray file after the next dvc repro: {len(whole)} of {len(kills)}")
    for kill in kills:
        if kill not in whole:
            print(f"  not whole: {kill}")


def kill_everything() -> None:
    kills = []
    with TemporaryDirectory(prefix="darkroom-bench-") as folder:
        project = copy_project(Path(folder) / "project")
        write_striped_tree(project.root / "raw/tiny", classes=3, images=20)
        project.set(SHORT)
        for kill in kill_whole_runs(project, KILLS, rng_for(0, "kills of the line"), train_each=TRAIN_EACH):
            kills.append(kill)
            print(f"  {len(kills)}: {kill}", flush=True)
    whole = [kill for kill in kills if kill.exit_code == 0 and not kill.wrong]
    torn = sum("dvc.lock" in kill.found for kill in kills)
    print(
        f"{len(kills)} kills of the whole run, {sum(kill.in_time for kill in kills)} before it had ended, {torn} tore dvc.lock"
    )
    print(f"last stage that had begun: {dict(Counter(kill.stage for kill in kills))}")
    print(f"identical bytes, no stray file after doctor --mend and dvc repro: {len(whole)} of {len(kills)}")


if __name__ == "__main__":
    main()
