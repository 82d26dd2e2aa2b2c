import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.core.errors import DarkroomError
from dataprep.decode.image import Pixels
from dataprep.prepare.packing import preparer
from dataprep.store.shards import ShardIndex
from models.predict.preparation import AnyImage, Preparation
from pipelines.parameters.params import Params
from tests.conftest import random_image


@pytest.fixture
def preparation(params: Params) -> Preparation:
    decode = Decoding(**params.ingest.decode.model_dump(), levels={"uint16": (0.0, 4095.0)})
    index = ShardIndex(shape=(16, 16, 1), class_names=["a", "b"], decode=decode, prepare=params.prepare.pixels, shards=[])
    return Preparation(index, params.ingest.limits)


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=form, **options)
    return buffer.getvalue()


def noise(height: int = 40, width: int = 30, channels: int = 3) -> Pixels:
    return random_image(7, (height, width, channels))


def turned(picture: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, "JPEG", exif=exif)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_becomes_what_prepare_makes_of_it(form: str, channels: int, preparation: Preparation) -> None:
    pixels = noise(channels=channels)
    content = encoded(Image.fromarray(pixels.squeeze()), form)
    made = preparation.of_content("x", content)
    expected = preparer(preparation.index.decode, preparation.index.prepare)(content)
    assert made.pixels is not None
    assert np.array_equal(made.pixels, expected)
    assert (made.height, made.width) == (40, 30)


def test_the_four_ways_in_lead_to_the_same_pixels(preparation: Preparation, tmp_path: Path) -> None:
    pixels = noise()
    picture = Image.fromarray(pixels)
    content = encoded(picture, "PNG")
    (tmp_path / "a.png").write_bytes(content)
    ways: list[AnyImage] = [pixels, picture, content, tmp_path / "a.png", str(tmp_path / "a.png")]
    first, *others = [made for way in ways if (made := preparation.of_any("x", way).pixels) is not None]
    assert len(others) == 4
    assert all(np.array_equal(first, other) for other in others)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_an_image_of_pillow_in_any_mode_is_read(mode: str, preparation: Preparation) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 10)
    else:
        picture = Image.fromarray(noise()).convert(mode)
    made = preparation.of_any("x", picture)
    assert made.refused is None, made.refused


def test_an_image_of_pillow_is_turned_upright_as_its_file_is(preparation: Preparation) -> None:
    content = turned(Image.fromarray(noise()), 6)
    with Image.open(io.BytesIO(content)) as picture:
        of_pillow = preparation.of_any("x", picture)
    assert (of_pillow.height, of_pillow.width) == (30, 40)


def test_sixteen_bits_are_scaled_by_the_range_of_the_training_images(preparation: Preparation) -> None:
    values = np.tile(np.array([[0, 4095]], dtype=np.uint16), (16, 8))
    made = preparation.of_content("x", encoded(Image.fromarray(values), "PNG"))
    assert made.pixels is not None
    assert (made.pixels.min(), made.pixels.max()) == (0, 255)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not_an_image"),
        (encoded(Image.new("L", (9, 9)), "PNG"), "constant"),
        (encoded(Image.fromarray(noise(3, 9)), "PNG"), "too_small"),
        (encoded(Image.fromarray(noise()), "PNG")[:-200], "undecodable"),
        (encoded(Image.fromarray(noise()), "JPEG")[:-200], "damaged"),
        (encoded(Image.fromarray(noise()), "PNG")[:-12], "undecodable"),  # the end alone, which no decoder misses
    ],
)
def test_a_bad_file_is_refused_for_a_reason_of_ingest(content: bytes, reason: str, preparation: Preparation) -> None:
    made = preparation.of_content("x", content)
    assert made.pixels is None
    assert made.refused is not None
    assert made.refused.reason == reason
    assert made.refused.message


def test_a_missing_file_is_refused_and_an_object_that_is_no_image_is_a_mistake(
    preparation: Preparation, tmp_path: Path
) -> None:
    made = preparation.of_any("x", tmp_path / "none.png")
    assert made.refused is not None
    assert made.refused.reason == "unreadable"
    with pytest.raises(DarkroomError, match="must be an array, an image of Pillow, a path or bytes; got 7"):
        preparation.of_any("x", 7)  # type: ignore[arg-type]
    with pytest.raises(DarkroomError, match="must be uint8 of shape"):
        preparation.of_any("x", np.zeros((4, 4), np.float32))
