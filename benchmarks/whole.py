"""MNIST from its folder to the report, against a script written by hand: `python -m benchmarks.whole [EPOCHS]`.

Both train the network of the recipe mnist-cnn, for one epoch unless more are asked for, without augmentation. Ours is
`dvc repro` in a fresh project: it lists, checks, compares, splits, packs, trains, predicts every image of every split, tries
each operation of augment on 1,000 images and writes the report. The script reads the same folder with Keras' own loader, trains
on as many images in batches of the same size and measures the test accuracy. They take turns. Seconds of the clock decide;
those of the processors stand beside them, since they say more where a machine is shared.
"""

import json
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.real_images import unpacked
from pipelines.parameters.params import read_params
from tests.end_to_end.conftest import ENVIRONMENT, STAGES, Project, copy_project

ROUNDS = 3

BY_HAND = """
import sys
import keras

source, model, epochs, batch_size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
keras.utils.set_random_seed(0)
load = keras.utils.image_dataset_from_directory
read = dict(color_mode="grayscale", image_size=(28, 28), batch_size=batch_size, label_mode="categorical")
train, validation = load(source + "/train", validation_split=1 / 9, subset="both", seed=1, **read)
test = load(source + "/test", shuffle=False, **read)
network = keras.models.clone_model(keras.models.load_model(model))
network.compile(keras.optimizers.Adam(0.002), "categorical_crossentropy", metrics=["accuracy"])
network.fit(train.cache().prefetch(2), epochs=epochs, validation_data=validation.cache(), verbose=0)
print(network.evaluate(test, verbose=0)[1])
"""


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    ours, by_hand, processor_ratios = [], [], []
    with unpacked("mnist") as source, TemporaryDirectory(prefix="darkroom-bench-") as folder:
        for number in range(ROUNDS):
            project = fresh_project(Path(folder) / f"project-{number}", source)
            project.set({"augment.online": False, "train.epochs": epochs, "train.schedule": {"kind": "constant"}})
            before = processor_seconds()
            ours.append(seconds_of_stages(project))
            between = processor_seconds()
            by_hand.append(run_by_hand(project, source, epochs))
            mine, theirs = between - before, processor_seconds() - between
            processor_ratios.append(mine / theirs)
            clock = f"ours {sum(ours[-1].values()):.1f} s, by hand {by_hand[-1]:.1f} s"
            print(f"round {number + 1}: {clock}; of processors {mine:.1f} s and {theirs:.1f} s", flush=True)
    print(", ".join(f"{name} {statistics.median(one[name] for one in ours):.1f} s" for name in ours[0]))
    ratio = statistics.median(sum(mine.values()) / theirs for mine, theirs in zip(ours, by_hand, strict=True))
    print(f"whole line / script by hand, epochs {epochs}: {ratio:.2f} of its time (bar 1.00){'' if ratio <= 1 else '  ABOVE'}")
    print(f"of its processor time: {statistics.median(processor_ratios):.2f}")


def fresh_project(root: Path, source: Path) -> Project:
    """A project with the recipe mnist-cnn, before its first run."""
    project = copy_project(root)
    ended = project.run("darkroom", "recipe", "mnist-cnn", "--source", str(source))
    if ended.exit_code:
        sys.exit(ended.output)
    return project


def processor_seconds() -> float:
    """That all processes took which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds_of_stages(project: Project) -> dict[str, float]:
    """Seconds of each stage of `dvc repro`, with DVC's own work after it, and of DVC's start."""
    began, running = time.monotonic(), "DVC's start"
    seconds = dict.fromkeys([running, *STAGES], 0.0)
    output = ""
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project.root,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            output += line
            if found := re.search(r"Running stage '(\w+)'", line):
                now = time.monotonic()
                seconds[running] += now - began
                began, running = now, found[1]
    seconds[running] += time.monotonic() - began
    if process.returncode:
        sys.exit(output)
    return seconds


def run_by_hand(project: Project, source: Path, epochs: int) -> float:
    """Seconds that the script takes, with its start."""
    batch_size = read_params(project.root / "params.yaml").train.batch_size
    script = project.root / "by_hand.py"
    script.write_text(BY_HAND)
    began = time.monotonic()
    ended = project.run(sys.executable, str(script), str(source), "artifacts/model.keras", str(epochs), str(batch_size))
    seconds = time.monotonic() - began
    if ended.exit_code:
        sys.exit(ended.output)
    accuracy = json.loads(project.read("reports/metrics.json"))["test"]["accuracy"]
    print(f"test accuracy: ours {accuracy:.4f}, by hand {float(ended.output.split()[-1]):.4f}")
    return seconds


if __name__ == "__main__":
    main()
