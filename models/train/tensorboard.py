"""Loss and accuracy of each epoch as TensorBoard reads them."""

from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree

import keras
import tensorflow as tf

_VALIDATION = "val_"


def tensorboard_callbacks(folder: Path, *, asked: bool) -> list[keras.callbacks.Callback]:
    """What writes the log of a training, if one is asked for. That of the training before is removed in any case."""
    rmtree(folder, ignore_errors=True)
    return [TensorBoardLog(folder)] if asked else []


class TensorBoardLog(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Writes two runs, so that TensorBoard draws training and validation of one metric in one chart."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._runs = {name: tf.summary.create_file_writer(str(folder / name)) for name in ("train", "validation")}
        self._epoch = 0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002  # as Keras calls it
        self._epoch += 1  # Keras counts from 0 again in a second phase
        for name, value in (logs or {}).items():
            with self._runs["validation" if name.startswith(_VALIDATION) else "train"].as_default():
                tf.summary.scalar(name.removeprefix(_VALIDATION), value, step=self._epoch)
        for run in self._runs.values():
            run.flush()  # a page that looks on shows it now
