"""Training from the project's stream, against a `model.fit` written by hand: `python -m benchmarks.training`. Ten minutes.

The network and the batches of the recipe mnist-cnn on every fourth image of MNIST, without augmentation. Ours is what the
stage does: shuffled anew from the shards, checked at each step, with a checkpoint after the epoch, bit for bit repeatable; and
the same with `train.deterministic: false`. By hand the same images are one array in memory, and nothing is repeatable. An epoch
is training and validation. Contenders take turns, each in a process of its own; images/s of the second epoch, medians of the
rounds.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.ingest_stage import ROOT
from benchmarks.real_images import files_of, unpacked
from benchmarks.whole import fresh_project
from pipelines.environment_variables import settle

ROUNDS = 5
CONTENDERS = ("stream", "not deterministic", "by hand")
ONE_IN = 4
BAR = 0.95


def train(name: str, root: Path) -> float:
    """Train images per second of the second epoch."""
    settle()
    import keras

    from dataprep.feed.batches import find_train_set
    from dataprep.store.shards import read_index
    from dataprep.store.statistics import read_statistics
    from models.train.keras_environment import settle_keras
    from pipelines.parameters.params import read_params

    params = read_params(root / "params.yaml")
    config = params.train.model_copy(update={"epochs": 2, "deterministic": name == "stream"})
    prepared = root / "data/prepared"
    train_set = find_train_set(prepared, root / "data/augmented")
    measured = read_statistics(root / "data/statistics.json", read_index(prepared, stage="prepare"))
    settle_keras(config.threads)
    times: list[float] = []

    def note(*_: object) -> None:
        times.append(time.perf_counter())

    clock = keras.callbacks.LambdaCallback(on_epoch_begin=note)
    if name != "by hand":
        from models.train.checkpoints import Checkpoints, fingerprint_of
        from models.train.compiled_network import compile_network
        from models.train.two_phases import fit_in_phases

        network = compile_network(params.model, config, train_set, measured, augment=params.augment)
        kept = Checkpoints(root / "checkpoints", fingerprint_of(network, config))
        fit_in_phases(
            network,
            train_set,
            model=params.model,
            prepared=prepared,
            config=config,
            augment=params.augment,
            workers=0,
            callbacks=[clock],
            checkpoints=kept,
        )
    else:
        import numpy as np

        from dataprep.feed.batches import one_hot, ordered_batches
        from models.layers.whole_network import build_network

        mean, divisor = measured.scaling()
        network = build_network(
            params.model, shape=train_set.shape, num_classes=train_set.num_classes, mean=mean, divisor=divisor, momentum=0.99
        )
        network.compile(keras.optimizers.Adam(0.002), "categorical_crossentropy", metrics=["accuracy"])
        images, targets = {}, {}
        for split in ("train", "validation"):
            batches = list(ordered_batches(prepared, split, config.batch_size))
            images[split] = np.concatenate([pixels for pixels, _, _ in batches])
            targets[split] = one_hot(np.concatenate([labels for _, labels, _ in batches]), train_set.num_classes)
        network.fit(
            images["train"],
            targets["train"],
            batch_size=config.batch_size,
            epochs=config.epochs,
            validation_data=(images["validation"], targets["validation"]),
            callbacks=[clock],
            verbose=2,
        )
    seconds = time.perf_counter() - times[1]
    if name != "by hand":
        kept.remove()
    return train_set.num_images / seconds


def run(name: str, root: Path) -> float:
    """Trains in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.training", name, str(root)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ))
    return float(done.stdout.split()[-1])


def main() -> None:
    if len(sys.argv) > 1:
        print(train(sys.argv[1], Path(sys.argv[2])))
        return
    speeds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with unpacked("mnist") as source, TemporaryDirectory(prefix="darkroom-bench-") as folder:
        for number, path in enumerate(files_of(source)):
            if number % ONE_IN:
                path.unlink()
        project = fresh_project(Path(folder) / "project", source)
        project.set({"augment.online": False})
        project.repro("statistics", "augment")
        for _ in range(ROUNDS):
            for name in CONTENDERS:
                speeds[name].append(run(name, project.root))
    for name, measured in speeds.items():
        print(f"  {name:17} {statistics.median(measured):8,.0f} images/s ({min(measured):,.0f} - {max(measured):,.0f})")
    ratio = statistics.median(speeds["stream"]) / statistics.median(speeds["by hand"])
    print(f"stream / by hand: {ratio:.2f} of its images/s (bar {BAR}){'' if ratio >= BAR else '  BELOW'}")


if __name__ == "__main__":
    main()
