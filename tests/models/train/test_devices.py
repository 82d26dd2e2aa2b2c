"""Graphics cards are asked for by number; several of them are tried with parts of the processor in their place."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dataprep.core.errors import TrainError
from dataprep.feed.batches import find_train_set, ordered_batches
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.train import devices
from models.train.compiled_network import compile_network
from models.train.devices import choose_gpus, device_line, settle_devices
from models.train.fit import fit
from pipelines.parameters.params import Params
from tests.closure import ROOT
from tests.models.train.test_fit import index_of

CARDS = [tf.config.PhysicalDevice(f"/physical_device:GPU:{number}", "GPU") for number in range(2)]


def with_devices(config: TrainConfig, **values: object) -> TrainConfig:
    return config.model_copy(update={"devices": config.devices.model_copy(update=values)})


def test_more_cards_than_there_are_is_one_line() -> None:
    with pytest.raises(TrainError, match=r"^params.yaml: train.devices.gpus must be at most the 0 GPUs .* got 3. Lower it"):
        choose_gpus(3)


def test_the_first_cards_stay_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[object] = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: CARDS)
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda found, _: chosen.append(found))
    choose_gpus(0)
    choose_gpus(2)
    choose_gpus(1)
    assert chosen == [CARDS[:1]]


def test_xla_on_several_cards_is_one_line(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: CARDS)
    with pytest.raises(TrainError, match=r"train.devices.xla must be false on several GPUs; here are 2. Set it"):
        settle_devices(with_devices(params.train, xla=True))


def test_it_says_what_it_trains_on(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    config = params.train.model_copy(update={"threads": 2})
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", lambda _: None)  # TensorFlow computed before
    cpu = settle_devices(config)
    assert device_line(cpu, config.devices) == "on CPU, 2 threads"
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: CARDS)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: {"device_name": "NVIDIA H100 80GB HBM3"})
    cards = settle_devices(config)
    mixed = with_devices(config, mixed_precision=True).devices
    assert device_line(cards, mixed) == "on 2 x NVIDIA H100 80GB HBM3, mixed precision"
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: CARDS[:1])
    xla = with_devices(config, xla=True).devices
    assert device_line(settle_devices(config), xla) == "on NVIDIA H100 80GB HBM3, XLA"


@pytest.mark.parametrize(
    ("kind", "batch_size", "words"),
    [
        ("autoencoder", 8, "train.devices.gpus must be 1 for model.network.kind 'autoencoder', which is trained in parts"),
        ("cnn", 3, "train.batch_size must be at least 2 for each of 2 GPUs; got 3"),
    ],
)
def test_what_several_cards_cannot_train_is_one_line(
    kind: str, batch_size: int, words: str, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_gpu_names", lambda: ["GPU:0", "GPU:1"])
    monkeypatch.setattr(devices, "autoencoder_of", lambda network: network if kind == "autoencoder" else None)
    model = params.model.model_copy(update={"network": params.model.network.model_copy(update={"kind": kind})})
    network = tf.keras.Sequential([tf.keras.layers.Dense(3)])
    with pytest.raises(TrainError, match=words) as error:
        devices.check_copies(network, model, params.train.model_copy(update={"batch_size": batch_size}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("deterministic", [True, False])
def test_operations_are_deterministic_where_params_say_so(
    deterministic: bool,  # a parameter of the test
    tiny: Path,
    mlp: ModelConfig,
    short: TrainConfig,
    params: Params,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: calls.append(True))
    brief = short.model_copy(update={"epochs": 1, "deterministic": deterministic})
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    statistics = read_statistics(tiny / "statistics.json", index_of(tiny))
    network = compile_network(mlp, brief, train_set, statistics, augment=params.augment)
    assert calls == [True] * deterministic
    assert network.jit_compile is False
    prepared = tiny / "prepared"
    history = fit(network, train_set, prepared=prepared, config=brief, augment=params.augment, workers=0, callbacks=[])
    assert history.height == 1


ON_TWO = """
import json, sys
from pathlib import Path
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from dataprep.feed.batches import find_train_set, ordered_batches
from dataprep.store.shards import read_index
from dataprep.store.statistics import read_statistics
from models.train import devices
from models.train.checkpoints import Checkpoints
from models.train.compiled_network import compile_network
from models.train.model_bytes import encode_model
from models.train.two_phases import fit_in_phases
from pipelines.parameters.params import read_params

tiny, path, folder = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
devices._gpu_names = lambda: ["CPU:0", "CPU:1"]
params = read_params(path)
train_set = find_train_set(tiny / "prepared", tiny / "augmented")
statistics = read_statistics(tiny / "statistics.json", read_index(tiny / "prepared", stage="prepare"))


def train(epochs):
    config = params.train.model_copy(update={"epochs": epochs})
    network = compile_network(params.model, config, train_set, statistics, augment=params.augment)
    history = fit_in_phases(
        network, train_set, model=params.model, prepared=tiny / "prepared", config=config, augment=params.augment,
        workers=0, callbacks=[], checkpoints=Checkpoints(folder, "of these tests"),
    )
    return network, history


train(1)
network, history = train(2)  # goes on after the first
(folder / "model.keras").write_bytes(encode_model(network, {}))
print(json.dumps([network.distribute_strategy.num_replicas_in_sync, history.to_dicts()]))
"""


def test_several_devices_share_each_batch_and_go_on_after_a_kill(
    tiny: Path, mlp: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    small_batches = short.model_copy(update={"batch_size": 5})
    (tmp_path / "params.json").write_text(params.model_copy(update={"model": mlp, "train": small_batches}).model_dump_json())
    ended = subprocess.run(
        [sys.executable, "-c", ON_TWO, str(tiny), str(tmp_path / "params.json"), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    replicas, history = json.loads(ended.stdout.splitlines()[-1])
    assert replicas == 2
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["loss"] < history[0]["loss"]
    # What was validated, with parts of other sizes on each device, is what is saved.
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    losses = [
        -np.log(loaded.predict_on_batch(images)[range(len(labels)), labels])
        for images, labels, _ in ordered_batches(tiny / "prepared", "validation", 64)
    ]
    assert abs(np.concatenate(losses).mean() - min(row["val_loss"] for row in history)) < 1e-4
