"""MNIST from its folder to tested predictions, against a script written by hand: `python -m benchmarks.whole`.

Ours is `dvc repro` in a fresh project with the recipe mnist-cnn: it lists, checks, splits, packs, trains with augmentation,
predicts every image, tries each operation of augment and writes the report. The script reads the same folder with Keras' own
loader, trains the same network for the same number of epochs without augmentation and measures its test accuracy. They take
turns, for about ten minutes.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.real_images import unpacked
from pipelines.params import read_params
from tests.end_to_end.conftest import Project, copy_project

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
network.compile(keras.optimizers.Adam(0.002), "categorical_crossentropy", ["accuracy"])
network.fit(train.cache().prefetch(2), epochs=epochs, validation_data=validation.cache(), verbose=0)
print(network.evaluate(test, verbose=0)[1])
"""


def main() -> None:
    ours, by_hand = [], []
    with unpacked("mnist") as source, TemporaryDirectory(prefix="darkroom-bench-") as folder:
        for number in range(ROUNDS):
            project = fresh_project(Path(folder) / f"project-{number}", source)
            ours.append(seconds_of(["dvc", "repro"], project)[0])
            by_hand.append(run_by_hand(project, source))
            print(f"round {number + 1}: ours {ours[-1]:.1f} s, by hand {by_hand[-1]:.1f} s", flush=True)
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, by_hand, strict=True))
    print(f"whole line / script by hand: {ratio:.2f} of its time (bar 1.00){'' if ratio <= 1 else '  ABOVE'}")


def fresh_project(root: Path, source: Path) -> Project:
    project = copy_project(root)
    seconds_of(["darkroom", "recipe", "mnist-cnn", "--source", str(source)], project)
    return project


def run_by_hand(project: Project, source: Path) -> float:
    """Seconds that the script takes for as many epochs as ours ran, with its start."""
    epochs = project.read("artifacts/history.csv").count("\n") - 1
    batch_size = read_params(project.root / "params.yaml").train.batch_size
    script = project.root / "by_hand.py"
    script.write_text(BY_HAND)
    arguments = [str(source), "artifacts/model.keras", str(epochs), str(batch_size)]
    seconds, output = seconds_of([sys.executable, str(script), *arguments], project)
    accuracy = json.loads(project.read("reports/metrics.json"))["test"]["accuracy"]
    print(f"test accuracy after {epochs} epochs: ours {accuracy:.4f}, by hand {float(output.split()[-1]):.4f}")
    return seconds


def seconds_of(command: list[str], project: Project) -> tuple[float, str]:
    began = time.monotonic()
    ended = project.run(*command)
    if ended.exit_code:
        sys.exit(ended.output)
    return time.monotonic() - began, ended.output


if __name__ == "__main__":
    main()
