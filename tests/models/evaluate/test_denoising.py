from pathlib import Path

import numpy as np
import pytest

from dataprep.decode.image import Pixels
from dataprep.feed.batches import ordered_batches
from models.evaluate.denoising import Denoised, Denoiser, measure_denoising
from pipelines.parameters.params import Params

STD = 20.0


def measured(tiny: Path, params: Params, denoiser: Denoiser, **changes: object) -> Denoised:
    config = params.evaluate.model_copy(update=changes)
    found = measure_denoising(denoiser, tiny / "prepared", "validation", params.augment, config)
    assert found
    return found


def as_it_is(images: Pixels) -> np.ndarray:
    return images.astype(np.float32)


def test_what_removes_no_noise_gains_nothing(tiny: Path, params: Params) -> None:
    found = measured(tiny, params, Denoiser(as_it_is, STD))
    assert found.psnr_denoised == found.psnr_noisy
    assert found.psnr_noisy == pytest.approx(20 * np.log10(255 / STD), abs=1.5)  # levels beyond 0 and 255 are cut
    assert found.images == sum(len(labels) for _, labels, _ in ordered_batches(tiny / "prepared", "validation", 50))


def test_half_the_error_is_six_decibels(tiny: Path, params: Params) -> None:
    clean = ordered_batches(tiny / "prepared", "validation", params.evaluate.batch_size)

    def halved(noisy: Pixels) -> np.ndarray:
        images, _, _ = next(clean)
        return (images / 2 + noisy / 2).astype(np.float32)

    found = measured(tiny, params, Denoiser(halved, STD))
    assert found.psnr_denoised - found.psnr_noisy == pytest.approx(20 * np.log10(2), abs=0.002)


@pytest.mark.parametrize("batch_size", [3, 500])
def test_the_noise_of_an_image_is_its_own_whatever_stands_beside_it(tiny: Path, params: Params, batch_size: int) -> None:
    whole = measured(tiny, params, Denoiser(as_it_is, STD))
    assert measured(tiny, params, Denoiser(as_it_is, STD), batch_size=batch_size) == whole
