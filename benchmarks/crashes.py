"""A hundred kills during prepare, a hundred during the whole of `dvc repro`, ten in each of two trainings.

    python -m benchmarks.crashes             all of them, about an hour and a half
    python -m benchmarks.crashes training    one of them: prepare, everything, training

After those of prepare comes `dvc repro`, after the others what `make repro` does.
"""

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from dataprep.core.rng import rng_for
from tests.conftest import write_striped_tree
from tests.end_to_end.conftest import SHORT, copy_project
from tests.end_to_end.kills import at_random, kill_again_and_again, kill_training, kill_whole_runs

KILLS = 100
TRAIN_EACH = 4
TRAININGS = 10
TRAINED: dict[str, dict[str, object]] = {
    "cnn, embedded digits": {},
    "transfer, 60 images": {
        **SHORT,
        "prepare.color": "rgb",
        "augment.online": False,
        "model.normalise.method": "none",
        "model.network": {
            "kind": "transfer",
            "backbone": "efficientnet_lite0",
            "weights": "imagenet",
            "image_side": 64,
            "interpolation": "bilinear",
            "dense_units": [],
            "dropout": 0.2,
            "varied_copies": 0,
            "fine_tune": {"layers": 20, "epochs": 4, "learning_rate": 0.0001},
        },
        "train.epochs": 6,
    },
}


def main() -> None:
    kinds = {"prepare": kill_prepare, "everything": kill_everything, "training": kill_trainings}
    for name in sys.argv[1:] or kinds:
        kinds[name]()


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


def kill_trainings() -> None:
    """One kill in each tenth of the epochs of a training."""
    for name, values in TRAINED.items():
        with TemporaryDirectory(prefix="darkroom-bench-") as folder:
            project = copy_project(Path(folder) / "project")
            write_striped_tree(project.root / "raw/tiny", classes=3, images=20)
            project.set(values)
            project.repro("statistics", "augment")
            kills = []
            for kill in kill_training(project, TRAININGS, rng_for(0, "kills of training", name)):
                kills.append(kill)
                print(f"  {name}, {len(kills)}: {kill}", flush=True)
        whole = [kill for kill in kills if kill.exit_code == 0 and not kill.wrong]
        epochs = [kill.epochs for kill in kills]
        print(
            f"{name}: {len(kills)} kills of train, {sum(kill.in_time for kill in kills)} before it had ended, after "
            f"{min(epochs)} to {max(epochs)} complete epochs; identical bytes and no stray file {len(whole)} of {len(kills)}"
        )


if __name__ == "__main__":
    main()
