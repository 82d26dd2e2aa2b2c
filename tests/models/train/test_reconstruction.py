"""An autoencoder and its head are fitted at once, and the head has no part in what the code holds."""

from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.config.augment import AugmentConfig
from dataprep.feed.batches import find_train_set
from dataprep.store.shards import read_index
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.evaluate.predict import denoiser_of
from models.evaluate.robustness import measure_robustness
from models.layers.autoencoder_lookup import AUTOENCODER, NOISE
from models.train.compiled_network import compile_network
from models.train.history_table import HISTORY
from models.train.reconstruction import in_training
from models.train.two_phases import fit_in_phases
from pipelines.parameters.params import Params
from tests.models.made_up import split_of

SETTINGS = {"kind": "autoencoder", "filters": [8], "kernel_size": 3, "batch_normalisation": True, "noise_std": 100.0}


@pytest.fixture
def model(params: Params) -> ModelConfig:
    return ModelConfig.model_validate({**params.model.model_dump(), "normalise": {"method": "none"}, "network": SETTINGS})


def built(tiny: Path, model: ModelConfig, config: TrainConfig, augment: AugmentConfig) -> keras.Model:
    statistics = read_statistics(tiny / "statistics.json", read_index(tiny / "prepared", stage="prepare"))
    return compile_network(model, config, find_train_set(tiny / "prepared", tiny / "augmented"), statistics, augment=augment)


def test_labels_change_the_head_and_never_the_code(tiny: Path, params: Params, model: ModelConfig, short: TrainConfig) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)
    found = []
    for labels in (np.arange(9) % 3, np.zeros(9, dtype=int)):
        network = built(tiny, model, short, params.augment)
        both = in_training(network)
        both.compile(optimizer="adam", loss="categorical_crossentropy", run_eagerly=True)
        both.train_on_batch(images, np.eye(3, dtype=np.float32)[labels])
        found.append((network.get_layer(AUTOENCODER).get_weights(), network.get_layer("probabilities").get_weights()))
    (coder, head), (other_coder, other_head) = found
    assert all(map(np.array_equal, coder, other_coder))
    assert not all(map(np.array_equal, head, other_head))


def test_a_checkpoint_holds_the_state_of_the_noise(tiny: Path, params: Params, model: ModelConfig, short: TrainConfig) -> None:
    network = built(tiny, model, short, params.augment)
    noise = network.get_layer(AUTOENCODER).get_layer(NOISE)
    assert any(variable is noise.seed_generator.state for variable in in_training(network).variables)


def test_training_learns_to_remove_noise_and_to_classify(
    tiny: Path, params: Params, model: ModelConfig, short: TrainConfig
) -> None:
    still = params.augment.model_copy(update={"online": False})
    network = built(tiny, model, short, still)
    history = fit_in_phases(
        network,
        find_train_set(tiny / "prepared", tiny / "augmented"),
        model=model,
        prepared=tiny / "prepared",
        config=short,
        augment=still,
        workers=0,
        callbacks=[],
        checkpoints=None,
    )
    assert history.columns == list(HISTORY)
    assert max(history["val_accuracy"].to_list()) > 0.6  # of three classes
    tried = measure_robustness(
        network.predict_on_batch,
        tiny / "prepared",
        split_of(tiny / "prepared"),
        params.augment,
        params.evaluate.model_copy(update={"images_per_operation": 0}),
        threshold=0.5,
        denoiser=denoiser_of(network),
    )
    assert list(tried.denoised) == ["validation", "test"]
    assert all(split.psnr_denoised > split.psnr_noisy + 1 for split in tried.denoised.values())
