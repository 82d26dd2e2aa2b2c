from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.config.decode import Decoding
from dataprep.config.prepare import PrepareConfig, ResizeConfig, SaturateConfig
from dataprep.core.errors import SourceError
from dataprep.decode.image import Pixels, decode
from dataprep.draw.contact_sheet import Column, cell_at, shown
from dataprep.draw.prepare_preview import choose_images, draw_steps
from dataprep.prepare.transforms import steps_of
from dataprep.store.manifest import usable
from tests.dataprep.ingest.ingesting import run

DECODE = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})
PREPARE = PrepareConfig(
    image_size=(20, 30),
    color="gray",
    resize=ResizeConfig(mode="pad", interpolation="cubic", pad_value=255),
    denoise_px=3,
    equalise="off",
    saturate=SaturateConfig(method="otsu", threshold=0, window_px=25, ink="light", output="keep_ink"),
    invert=True,
    images_per_shard=5,
    mib_per_shard=64,
)


def table(**num_images: int) -> pl.DataFrame:
    names = [(f"{label}/{number}", label) for label, count in num_images.items() for number in range(count)]
    return pl.DataFrame(names, schema=["id", "label"], orient="row")


def draw(images: pl.DataFrame, source: Path) -> Pixels:
    return draw_steps(images, source=source, decode=DECODE, prepare=PREPARE, title="title")


def test_images_are_spread_over_the_classes() -> None:
    chosen = choose_images(table(a=500, b=40, c=1, d=3), 7, 0)
    assert chosen["label"].value_counts().sort("label").rows() == [("a", 2), ("b", 2), ("c", 1), ("d", 2)]
    assert choose_images(table(a=500, b=40, c=1), 2, 0)["label"].n_unique() == 2
    assert chosen.columns == ["id", "label"]
    assert chosen["id"].is_sorted()


def test_the_seed_chooses_and_the_order_does_not() -> None:
    images = table(a=50, b=50, c=50, d=50)
    chosen = [choose_images(images, 3, seed)["id"].to_list() for seed in range(20)]
    shuffled = images.sample(fraction=1.0, shuffle=True, seed=1)
    assert [choose_images(shuffled, 3, seed)["id"].to_list() for seed in range(20)] == chosen
    assert len({image_id for ids in chosen for image_id in ids}) > 40
    assert {image_id[0] for ids in chosen for image_id in ids} == set("abcd")  # not always the first classes


def test_all_are_chosen_where_there_are_fewer() -> None:
    assert choose_images(table(a=2, b=1), 10, 0)["id"].to_list() == ["a/0", "a/1", "b/0"]


def test_each_row_shows_the_original_the_steps_and_the_result(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=3)
    images = choose_images(usable(run(source)), 3, 0)
    sheet = draw(images, source)
    columns = [Column("", "0.299 R + 0.587 G + 0.114 B")] * 7
    for row, image_id in enumerate(images["id"]):
        original = decode((source / image_id).read_bytes(), DECODE).pixels
        made = [picture for _, picture in steps_of(original, PREPARE)]
        assert len(made) == 5
        for column, picture in enumerate([original, *made, made[-1]]):
            expected = shown(picture, 210)  # 7 times 30: the prepared image fills its cell
            top, left = cell_at(columns, row, column, 210)
            height, width, _ = expected.shape
            assert np.array_equal(sheet[top + 210 - height : top + 210, left : left + width], expected.repeat(3, axis=2))


def test_a_file_that_is_gone_is_one_line(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=3)
    images = usable(run(source))
    (source / "class1/01.png").unlink()
    with pytest.raises(
        SourceError, match=r"^class1/01.png: cannot be read any more, though ingest could .* Run: dvc repro ing"
    ):
        draw(images, source)
    (source / "class1/01.png").write_bytes(b"\0" * images.filter(id="class1/01.png")["bytes"][0])
    with pytest.raises(SourceError, match=r"cannot be read any more.*its bytes changed.*Run: dvc repro ingest"):
        draw(images, source)
