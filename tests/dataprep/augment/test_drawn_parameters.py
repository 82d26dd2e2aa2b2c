import numpy as np
import pytest

from dataprep.augment.drawn_parameters import active_operations, alone, sample_variation, suited_operations
from dataprep.config.augment import MIXINGS, OPERATIONS, MixingConfig, OperationConfig
from tests.dataprep.augment.augmenting import AUGMENT, EVERYTHING, KEYS, NOTHING


def test_operations_are_the_sections_of_augment_in_their_order() -> None:
    sections = [name for name, section in AUGMENT if isinstance(section, OperationConfig | MixingConfig)]
    assert sections == [*OPERATIONS, *MIXINGS]
    assert MIXINGS == ("mixup", "cutmix", "superpose")


def test_one_number_is_drawn_from_each_range_but_two_for_a_shift() -> None:
    assert OPERATIONS["rotation"].ranges() == {"degrees": "degrees"}
    assert OPERATIONS["grid_distortion"].ranges() == {"strength": "strength"}
    assert OPERATIONS["inversion"].ranges() == {}
    assert OPERATIONS["shift"].ranges() == {"x_fraction": "fraction", "y_fraction": "fraction"}


def test_operations_that_are_off_are_neither_drawn_nor_applied() -> None:
    assert active_operations(NOTHING) == {}
    assert sample_variation(KEYS, NOTHING, epoch=1) == {}
    assert list(sample_variation(KEYS, EVERYTHING, epoch=1)) == [name for name in OPERATIONS if name != "channel_shuffle"]


def test_turning_one_operation_on_changes_nothing_of_the_others() -> None:
    whole = sample_variation(KEYS, EVERYTHING, epoch=1)
    part = sample_variation(KEYS, alone(EVERYTHING, "zoom", "random"), epoch=1)
    assert list(part) == ["zoom"]
    assert np.array_equal(part["zoom"].values["factor"], whole["zoom"].values["factor"])


def test_channel_shuffle_wants_three_channels() -> None:
    assert set(suited_operations(3)) - set(suited_operations(1)) == {"channel_shuffle"}
    assert suited_operations(3) == list(OPERATIONS)


@pytest.mark.parametrize(
    ("ends", "weakest", "strongest"),
    [([-10.0, 10.0], 0.0, 10.0), ([-20.0, 10.0], 0.0, -20.0), ([3.0, 9.0], 3.0, 9.0), ([-9.0, -3.0], -3.0, -9.0)],
)
def test_weakest_is_nearest_to_nothing_and_strongest_farthest(ends: list[float], weakest: float, strongest: float) -> None:
    config = AUGMENT.model_copy(update={"rotation": AUGMENT.rotation.model_copy(update={"degrees": tuple(ends)})})
    assert alone(config, "rotation", "weakest").rotation.degrees == (weakest, weakest)
    assert alone(config, "rotation", "strongest").rotation.degrees == (strongest, strongest)
    assert alone(config, "rotation", "random").rotation.degrees == tuple(ends)
    assert alone(config, "rotation", "random").rotation.probability == 1
