"""Every folded operation is albumentations' own with the same numbers, and folding them is doing one after the other."""

import albumentations
import cv2
import numpy as np
import pytest

from dataprep.augment.apply import augment_images
from dataprep.decode.image import Pixels
from tests.dataprep.augment.augmenting import KEYS, config_with, smooth_stack, stack

BORDER = {"border_mode": cv2.BORDER_CONSTANT, "fill": 7}


def affine(**numbers: object) -> albumentations.Affine:
    still = {"scale": 1.0, "rotate": 0.0, "shear": 0.0, "translate_percent": 0.0, **numbers}
    return albumentations.Affine(**still, interpolation=cv2.INTER_LINEAR, p=1.0, **BORDER)


Case = tuple[str, dict[str, list[float]], albumentations.BasicTransform]

CASES: list[Case] = [
    ("horizontal_flip", {}, albumentations.HorizontalFlip(p=1.0)),
    ("vertical_flip", {}, albumentations.VerticalFlip(p=1.0)),
    *[
        ("rotation", {"degrees": [turn, turn]}, albumentations.Rotate(limit=(turn, turn), p=1.0, **BORDER))
        for turn in (-27.5, 10.0, 90.0, 180.0)
    ],
    *[("zoom", {"factor": [factor, factor]}, affine(scale=(factor, factor))) for factor in (0.7, 1.3)],
    *[("shear", {"degrees": [lean, lean]}, affine(shear={"x": (lean, lean), "y": 0.0})) for lean in (-20.0, 15.0)],
    *[
        ("shift", {"fraction": [part, part]}, affine(translate_percent={"x": (part, part), "y": (part, part)}))
        for part in (-0.2, 0.1)
    ],
]


def theirs(transform: albumentations.BasicTransform, images: Pixels) -> Pixels:
    return np.stack([transform(image=image)["image"].reshape(image.shape) for image in images])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "numbers", "transform"), CASES, ids=[f"{name} {numbers}" for name, numbers, _ in CASES])
def test_an_operation_is_albumentations_own_within_interpolation(
    name: str, numbers: dict[str, list[float]], transform: albumentations.BasicTransform, channels: int
) -> None:
    images = smooth_stack(channels, count=4, shape=(20, 30))  # albumentations shifts by whole pixels
    ours = augment_images(images, KEYS[:4], config_with(**{name: numbers}).model_copy(update={"fill": 7}), epoch=1)
    difference = np.abs(ours.astype(int) - theirs(transform, images))
    inner = difference[:, 1:-1, 1:-1]
    # OpenCV interpolates in steps of 1/32 pixel; at the border, albumentations may cut half a pixel more or less.
    assert np.quantile(inner, 0.97) <= 2
    assert difference.mean() < 4


@pytest.mark.parametrize("name", ["horizontal_flip", "vertical_flip"])
def test_a_flip_alone_is_exact(name: str) -> None:
    for shape in ((9, 14), (16, 16), (31, 8)):
        images = stack(3, shape=shape)
        flipped = images[:, :, ::-1] if name == "horizontal_flip" else images[:, ::-1]
        assert np.array_equal(augment_images(images, KEYS[:40], config_with(**{name: {}}), epoch=1), flipped)


def test_one_warp_is_one_operation_after_the_other() -> None:
    images = smooth_stack(count=6, shape=(60, 60))
    steps: dict[str, dict[str, list[float]]] = {
        "horizontal_flip": {},
        "vertical_flip": {},
        "zoom": {"factor": [1.2, 1.2]},
        "shear": {"degrees": [8.0, 8.0]},
        "rotation": {"degrees": [11.0, 11.0]},
        "shift": {"fraction": [0.05, 0.05]},
    }
    folded = augment_images(images, KEYS[:6], config_with(**steps), epoch=1)
    one_by_one = images
    for name, numbers in steps.items():
        one_by_one = augment_images(one_by_one, KEYS[:6], config_with(**{name: numbers}), epoch=1)
    inner = np.s_[:, 12:-12, 12:-12]
    assert np.abs(folded.astype(int) - one_by_one)[inner].max() <= 6


def test_what_is_uncovered_gets_the_fill() -> None:
    images = np.full((2, 10, 10, 3), 100, dtype=np.uint8)
    config = config_with(shift={"fraction": [0.5, 0.5]}).model_copy(update={"fill": 9})
    shifted = augment_images(images, KEYS[:2], config, epoch=1)
    assert (shifted[:, :5] == 9).all()
    assert (shifted[:, :, :5] == 9).all()
    assert (shifted[:, 5:, 5:] == 100).all()


def test_images_to_which_nothing_happens_are_copied_as_they_are() -> None:
    images = stack(1, count=400)
    varied = augment_images(images, KEYS, config_with(rotation={"probability": 0.5, "degrees": [5.0, 9.0]}), epoch=1)
    same = (varied == images).all(axis=(1, 2, 3))
    assert 150 < same.sum() < 250
