from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.config.decode import Decoding
from dataprep.decode.image import Pixels
from dataprep.survey.dataset_survey import summarise
from dataprep.survey.sample_looks import LOOKS, SAMPLE, LookTask, choose_sample, look_at_files, measure_look
from tests.conftest import random_image, write_png
from tests.dataprep.ingest.ingesting import INGEST

RNG = np.random.default_rng(0)


def scan(ink: int = 40, paper: int = 235, noise: float = 4.0, shape: tuple[int, int, int] = (48, 52, 3)) -> Pixels:
    """Three strokes on grainy paper."""
    image = np.full(shape, float(paper))
    image[10:38, 12:16] = image[10:38, 30:34] = image[22:26, 12:34] = ink
    return np.clip(image + RNG.normal(0, noise, shape[:2])[:, :, np.newaxis], 0, 255).astype(np.uint8)


def photograph(shape: tuple[int, int, int] = (60, 80, 3)) -> Pixels:
    """Smooth color that changes all over the image."""
    rows, columns = np.indices(shape[:2])
    waves = [127 + 120 * np.sin(rows / 9 + channel) * np.cos(columns / (7 + 2 * channel)) for channel in range(shape[2])]
    return np.clip(np.stack(waves, axis=2) + RNG.normal(0, 8, shape), 0, 255).astype(np.uint8)


def looks(*images: Pixels) -> pl.DataFrame:
    return pl.DataFrame([measure_look(image) for image in images], schema=LOOKS)


@pytest.mark.parametrize(("ink", "paper", "dark"), [(40, 235, True), (250, 5, False), (20, 250, True)])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_ink_on_paper_is_seen_with_its_polarity_and_its_noise(ink: int, paper: int, dark: bool, noise: float) -> None:
    look = summarise(looks(*[scan(ink, paper, noise) for _ in range(5)]))
    assert (look.drawing_fraction, look.dark_ink, look.colored_fraction) == (1.0, dark, 0.0)
    assert abs(look.background - paper) <= 4
    assert look.paper_noise == pytest.approx(noise, abs=1.2)


@pytest.mark.parametrize("angle", [0.3, 2.0, 4.0])
def test_ink_on_paper_under_a_lamp_is_ink_on_paper(angle: float) -> None:
    rows, columns = np.indices((48, 52)) / 50
    light = 0.75 + 0.35 * (np.sin(angle) * (rows - 0.5) + np.cos(angle) * (columns - 0.5))
    lit = [np.clip(scan() * light[:, :, np.newaxis], 0, 255).astype(np.uint8) for _ in range(3)]
    look = summarise(looks(*lit))
    assert (look.drawing_fraction, look.dark_ink) == (1.0, True)
    assert look.light_fall > 60
    assert look.paper_noise < 8
    assert summarise(looks(scan(), scan())).light_fall == 0


def test_a_photograph_is_no_drawing_and_has_color() -> None:
    look = summarise(looks(*[photograph() for _ in range(5)]))
    assert (look.drawing_fraction, look.colored_fraction) == (0.0, 1.0)
    assert look.light_fall == 0
    assert (look.height, look.width, look.shortest, look.longest) == (60, 80, 60, 80)
    gray = summarise(looks(*[photograph()[:, :, :1] for _ in range(3)]))
    assert (gray.drawing_fraction, gray.colored_fraction) == (0.0, 0.0)


def test_shapes_are_summed_up() -> None:
    assert summarise(looks(photograph((60, 60, 3)), photograph((60, 60, 3)))).aspect_spread == 1.0
    assert summarise(looks(*[photograph((60, 40 + 8 * n, 3)) for n in range(6)])).aspect_spread > 1.5


def test_a_sample_is_spread_over_the_files_and_smaller_where_they_are_large() -> None:
    files = pl.DataFrame({"path": [b"%05d" % number for number in range(10_000)], "bytes": [2_000] * 10_000})
    sample = choose_sample(files)
    assert 0.9 * SAMPLE <= sample.height <= SAMPLE
    assert sample["path"][-1] > b"099"
    assert choose_sample(files.head(10)).height == 10
    large = choose_sample(files.with_columns(bytes=pl.lit(2**22)))
    assert 1 <= large.height <= 20
    assert choose_sample(files.head(1).with_columns(bytes=pl.lit(2**33))).height == 1


def test_what_cannot_be_decoded_gives_no_row(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", random_image(0))
    (tmp_path / "b.png").write_bytes(b"no image")
    files = [(b"a.png", (tmp_path / "a.png").stat().st_size), (b"b.png", 8), (b"gone.png", 8)]
    task = LookTask(tmp_path, files, Decoding(**INGEST.decode.model_dump(), levels={}), INGEST.limits)
    assert look_at_files(task).height == 1
