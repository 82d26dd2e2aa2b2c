import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from dataprep.decode.image import Pixels, Undecodable
from models.serve.try_page import Tryout, render_page
from models.serve.user_drawings import Easel, easel_like, file_of_drawing
from tests.models.serve.conftest import Served
from tests.models.serve.stub_model import HOSTILE


def drawing(*, ink: int = 255, paper: int = 0) -> bytes:
    """A PNG as a canvas gives it: 320 x 320, opaque RGBA, with a thick line and metadata."""
    pixels = np.full((320, 320, 4), paper, np.uint8)
    pixels[:, 120:200, :3] = ink
    pixels[..., 3] = 255
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    Image.fromarray(pixels).save(buffer, format="PNG", exif=exif)
    return buffer.getvalue()


def test_a_drawing_becomes_a_file_like_the_training_files() -> None:
    content = file_of_drawing(drawing(), Easel(8, 8, paper=0))
    assert b"secret" not in content
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.mode, image.size, image.info) == ("PNG", "L", (8, 8), {})
        assert np.asarray(image)[0].tolist() == [0, 0, 0, 255, 255, 0, 0, 0]


def test_a_drawing_in_color_stays_so_and_a_wide_one_wide() -> None:
    pixels = np.zeros((160, 320, 3), np.uint8)
    pixels[:, :160, 0] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    with Image.open(io.BytesIO(file_of_drawing(buffer.getvalue(), Easel(10, 20)))) as image:
        assert (image.mode, image.size) == ("RGB", (20, 10))


def test_a_canvas_that_is_none_is_refused() -> None:
    with pytest.raises(Undecodable):
        file_of_drawing(b"no picture", Easel(8, 8))


def strokes(*, ink: int, paper: int) -> Pixels:
    images = np.full((5, 28, 28, 1), paper, np.uint8)
    images[:, 4:24, 12:15] = ink
    return images


@pytest.mark.parametrize("is_inverted", [False, True])
def test_pen_ink_and_paper_resemble_the_training_images(is_inverted: bool) -> None:
    easel = easel_like(strokes(ink=255, paper=10), height=20, width=40, is_inverted=is_inverted)
    assert (easel.height, easel.width, easel.canvas) == (20, 40, (160, 320))
    assert (easel.paper, easel.ink) == ((245, 0) if is_inverted else (10, 255))
    assert 2 <= easel.pen_fraction * 28 <= 4.5


def test_without_training_images_one_draws_black_on_white() -> None:
    easel = easel_like(None, height=28, width=28, is_inverted=False)
    assert (easel.paper, easel.ink, round(easel.pen_fraction * 28)) == (255, 0, 2)


def test_the_page_carries_hostile_text_as_text_and_allows_only_itself(served: Served) -> None:
    response = served.client.get("/")
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "<b>" not in response.text
    note = "<img src=x onerror=alert(1)>"
    page, _ = render_page(served.service, Tryout(Easel(8, 8), note, note=note))
    assert "<img src=x" not in page


def test_all_that_is_known_of_a_drawing_is_shown(served: Served) -> None:
    found = served.client.post("/try", files={"image": drawing()}, data={"is_drawing": "true"}).json()
    assert found["answer"]["predicted"] == "0"
    assert found["size"] == [8, 8]
    assert [own["probability"] for own in found["probabilities"]] == pytest.approx([0.8, 0.1, 0.1])
    assert found["seen"].startswith("data:image/png;base64,")
    assert found["saliency"].startswith("data:image/png;base64,")
    assert [own["id"] for own in found["nearest"]] == [f"{HOSTILE}/{number}.png" for number in range(5)]
    assert found["nearest"][0]["picture"] is None
    text = served.client.get("/metrics").text
    assert 'darkroom_images_total{predicted="0"} 1.0' in text


def test_a_refused_image_says_why_and_shows_nothing(served: Served, png: Callable[[int], bytes]) -> None:
    for content, is_drawing in ((b"no image", False), (b"no image", True), (drawing(ink=0), True), (b"", True)):
        response = served.client.post("/try", files={"image": ("a.png", content)}, data={"is_drawing": is_drawing})
        assert response.status_code == 200
        found = response.json()
        assert found["answer"]["refused"]["reason"] in ("not_an_image", "constant", "empty")
        assert (found["seen"], found["saliency"], found["nearest"], found["probabilities"]) == (None, None, [], [])
    assert served.client.post("/try", data={"image": "text"}).status_code == 422


def test_a_drawing_is_added_once_under_its_label(served: Served) -> None:
    def add(label: str, content: bytes = drawing()) -> dict[str, str | None]:
        response = served.client.post("/add", files={"image": content}, data={"label": label})
        assert response.status_code == 200
        answer: dict[str, str | None] = response.json()
        return answer

    path = add("7")["path"]
    assert path is not None
    with Image.open(served.raw / path) as image:
        assert (image.size, image.info) == ((8, 8), {})
    assert "is there already" in str(add("7")["refused"])
    assert "another folder" in str(add("../7")["refused"])
    assert add("7", b"no picture")["path"] is None
    assert [str(own.relative_to(served.raw)) for own in served.raw.rglob("*.*")] == [path]
    assert str(served.raw) not in json.dumps([add("7"), add("..")])
