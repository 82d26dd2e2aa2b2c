"""The log for TensorBoard is one that TensorFlow's own reader reads, of this training alone."""

from pathlib import Path

import tensorflow as tf

from models.train.tensorboard import tensorboard_callbacks


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each metric in the event files of a folder."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in folder.iterdir():
        for record in tf.data.TFRecordDataset([str(path)]):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, round(float(tf.make_ndarray(value.tensor)), 6)))
    return found


def write(folder: Path, losses: list[float]) -> None:
    (callback,) = tensorboard_callbacks(folder, asked=True)
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"loss": loss, "accuracy": 0.5, "val_loss": 2 * loss, "val_accuracy": 0.25})


def test_training_and_validation_are_two_runs_with_the_same_metrics(tmp_path: Path) -> None:
    write(tmp_path / "log", [0.5, 0.25])
    assert scalars(tmp_path / "log/train") == {"loss": [(1, 0.5), (2, 0.25)], "accuracy": [(1, 0.5), (2, 0.5)]}
    assert scalars(tmp_path / "log/validation") == {"loss": [(1, 1.0), (2, 0.5)], "accuracy": [(1, 0.25), (2, 0.25)]}


def test_the_log_of_the_training_before_is_gone(tmp_path: Path) -> None:
    write(tmp_path / "log", [0.5, 0.25])
    write(tmp_path / "log", [0.75])
    assert scalars(tmp_path / "log/train")["loss"] == [(1, 0.75)]
    assert tensorboard_callbacks(tmp_path / "log", asked=False) == []
    assert not (tmp_path / "log").exists()
