from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from dataprep.core.artifacts import write_table
from dataprep.core.errors import ArtifactError
from models.evaluate.image_facts import FACTS, IMAGE_FACTS, measure_facts, read_facts


def bars(*widths: int, side: int = 40) -> np.ndarray:
    """Images (N, side, side, 1) of one upright white bar each, of these widths in pixels."""
    images = np.zeros((len(widths), side, side, 1), np.uint8)
    for number, width in enumerate(widths):
        images[number, 4:-4, 10 : 10 + width] = 255
    return images


def facts_of(images: np.ndarray) -> pl.DataFrame:
    return measure_facts(images, [f"{number}.png" for number in range(len(images))])


@pytest.mark.parametrize("invert", [False, True])
def test_a_stroke_has_its_width_whichever_of_ink_and_paper_is_darker(invert: bool) -> None:
    images = bars(3, 5, 9)
    widths = facts_of(255 - images if invert else images)["stroke_width"].to_list()
    assert widths == pytest.approx([3, 5, 9], abs=1.3)
    assert widths == sorted(widths)


def test_thicker_strokes_of_the_same_letter_are_wider() -> None:
    letter = np.zeros((1, 64, 64, 1), np.uint8)
    cv2.putText(letter[0, :, :, 0], "8", (16, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 255, 2)
    thick = cv2.dilate(letter[0], np.ones((3, 3), np.uint8))[np.newaxis, :, :, np.newaxis]
    before, after = (facts_of(image)["stroke_width"][0] for image in (letter, thick))
    assert after - before == pytest.approx(2, abs=0.6)


def test_what_has_no_stroke_and_what_is_in_color_has_no_width() -> None:
    assert facts_of(np.zeros((2, 8, 8, 1), np.uint8))["stroke_width"].null_count() == 2
    assert facts_of(np.repeat(bars(3), 3, axis=3))["stroke_width"].null_count() == 1


def test_facts_are_those_of_the_manifest_for_gray_images() -> None:
    facts = facts_of(bars(4))
    assert facts["brightness"][0] == pytest.approx(255 * 32 * 4 / 1600)
    assert facts["ink_fraction"][0] == pytest.approx(32 * 4 / 1600)
    assert facts.columns == ["id", *FACTS]


def test_facts_of_other_images_are_refused(tmp_path: Path) -> None:
    facts = facts_of(bars(3, 5))
    write_table(tmp_path / "facts.parquet", facts, IMAGE_FACTS)
    assert read_facts(tmp_path / "facts.parquet", facts.select("id")).equals(facts)
    with pytest.raises(
        ArtifactError, match=r"must hold the 1 images that were predicted; it holds 2 others\. Run: dvc repro eval"
    ):
        read_facts(tmp_path / "facts.parquet", facts.select("id").head(1))
