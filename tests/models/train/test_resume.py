"""A training that was killed goes on after its last complete epoch, and ends with the same bytes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import polars as pl
import pytest

from dataprep.feed.batches import find_train_set
from dataprep.store.shards import read_index
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import PlateauConfig, TrainConfig
from models.train.checkpoints import CheckpointFile, read_checkpoint
from models.train.compiled_network import compile_network
from models.train.fit import fit
from models.train.model_bytes import encode_model
from pipelines.parameters.params import Params
from tests.closure import ROOT


class KillError(Exception):
    pass


class Killed(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Ends the training as a kill would: at a step of an epoch, or before anything is kept of the epoch."""

    def __init__(self, epoch: int, step: int | None) -> None:
        super().__init__()
        self.epoch, self.step, self.current = epoch, step, 0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.current = epoch + 1

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if self.current == self.epoch and batch + 1 == self.step:
            raise KillError

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        if self.model and epoch + 1 == self.epoch and self.step is None:
            raise KillError


def train(
    tiny: Path,
    params: Params,
    model: ModelConfig,
    config: TrainConfig,
    checkpoint: CheckpointFile | None,
    *callbacks: keras.callbacks.Callback,
) -> tuple[bytes, pl.DataFrame]:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    index = read_index(tiny / "prepared", stage="prepare")
    network = compile_network(
        model, config, train_set, read_statistics(tiny / "statistics.json", index), augment=params.augment
    )
    history = fit(
        network,
        train_set,
        prepared=tiny / "prepared",
        config=config,
        augment=params.augment,
        workers=0,
        callbacks=list(callbacks),
        checkpoint=checkpoint,
    )
    return encode_model(network, recipe={}), history


@pytest.fixture
def noisy(small: ModelConfig) -> ModelConfig:
    """With all that has a state of its own: dropout, noise, and the averages of batch normalisation."""
    network = small.network.model_copy(update={"dropout": 0.3, "batch_normalisation": True})
    return small.model_copy(update={"input_noise": 0.1, "network": network})


@pytest.fixture
def falling(short: TrainConfig) -> TrainConfig:
    """Whose rate depends on all epochs before."""
    return short.model_copy(update={"schedule": PlateauConfig(kind="plateau", factor=0.5, patience=1, min_change=0.05)})


def test_a_killed_training_ends_with_the_bytes_of_one_that_was_not(
    tiny: Path, params: Params, noisy: ModelConfig, falling: TrainConfig, tmp_path: Path
) -> None:
    whole, history = train(tiny, params, noisy, falling, None)
    file = CheckpointFile(tmp_path / "below/checkpoint.npz", "this training")
    for epoch, step in ((1, 3), (3, 4), (5, None)):
        with pytest.raises(KillError):
            train(tiny, params, noisy, falling, file, Killed(epoch, step))
        kept = read_checkpoint(file)
        assert (len(kept.epochs) if kept else 0) == epoch - 1
    resumed, of_resumed = train(tiny, params, noisy, falling, file)
    assert resumed == whole
    assert of_resumed.equals(history)
    assert train(tiny, params, noisy, falling, file)[0] == whole  # killed before its model was written: nothing is left to fit


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_used(
    tiny: Path, params: Params, small: ModelConfig, short: TrainConfig, tmp_path: Path
) -> None:
    brief = short.model_copy(update={"epochs": 2})
    file = CheckpointFile(tmp_path / "checkpoint.npz", "this training")
    train(tiny, params, small, brief, file)
    content = file.path.read_bytes()
    assert read_checkpoint(file)
    assert read_checkpoint(CheckpointFile(file.path, "another")) is None
    for damaged in (b"", b"none", content[:-100], content[:1000] + bytes(200) + content[1200:]):
        file.path.write_bytes(damaged)
        assert read_checkpoint(file) is None


KILLED = """
from pathlib import Path
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pipelines.environment_variables import settle
settle()
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.train.checkpoints import CheckpointFile
from pipelines.parameters.params import read_params
from tests.models.train.test_resume import train
rename, count = Path.replace, 0
def rename_twice(path, target):
    global count
    count += 1
    if count == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(path, target)
Path.replace = rename_twice
model, config = ModelConfig.model_validate_json(sys.argv[2]), TrainConfig.model_validate_json(sys.argv[3])
tiny, kept = map(Path, sys.argv[4:])
train(tiny, read_params(Path(sys.argv[1]) / "params.yaml"), model, config, CheckpointFile(kept, "this training"))
"""


def test_a_training_whose_process_is_killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before(
    tiny: Path, params: Params, noisy: ModelConfig, falling: TrainConfig, tmp_path: Path
) -> None:
    config = falling.model_copy(update={"epochs": 4})
    file = CheckpointFile(tmp_path / "checkpoint.npz", "this training")
    settings = [noisy.model_dump_json(), config.model_dump_json(), str(tiny), str(file.path)]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(ROOT), *settings], env=os.environ, check=False, capture_output=True, timeout=120
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    kept = read_checkpoint(file)
    assert kept
    assert len(kept.epochs) == 2
    resumed, history = train(tiny, params, noisy, config, file)
    whole, of_whole = train(tiny, params, noisy, config, None)
    assert resumed == whole
    assert history.equals(of_whole)
