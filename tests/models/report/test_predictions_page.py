from models.predict.prediction import Answer, Prediction, Refusal
from models.report.predictions_page import LISTED, render_predictions
from tests.conftest import random_image

HOSTILE = '"><script>alert(1)</script>'


def test_the_page_shows_what_is_said_of_each_image_and_runs_nothing() -> None:
    shown = [
        Prediction(
            f"{HOSTILE}.png",
            top=(Answer(HOSTILE, 0.5), Answer("b", 0.4)),
            accepted=False,
            unlike=("darker than every training image",),
            pixels=random_image(1),
        ),
        Prediction("b.png", top=(Answer("b", 0.9),), pixels=random_image(2)),
    ]
    refused = [Prediction(f"{number}.png", refused=Refusal("empty", "the file has 0 bytes")) for number in range(LISTED + 1)]
    page = render_predictions(shown, refused, num_predicted=7, note=None)
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert page.count("<figure") == 2
    assert "the 2 least sure" in page
    assert "darker than every training image" in page
    assert "50.0% sure, not accepted" in page
    assert "then b 40.0%" in page
    assert f"The first {LISTED} of {LISTED + 1}." in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_page_without_images_says_so() -> None:
    page = render_predictions([], [], num_predicted=0, note="no reference")
    assert "No image could be predicted." in page
    assert "no reference" in page
    assert "Refused files" not in page
