"""Names that break other programs, as file names and as labels: through the service, and on the page to try a model."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from prometheus_client.parser import text_string_to_metric_families

from models.predict.prediction import Answer, Prediction, PreparedImage
from models.serve.labelled_drawings import label_fault
from tests.browser import INJECTED_ELEMENTS, complaints_of, draw_line
from tests.models.serve.conftest import Served
from tests.models.serve.stub_model import Near, StubModel

pytestmark = pytest.mark.processes  # Chromium is started

Png = Callable[..., bytes]
BARS = 20  # classes that the page shows of an image


@pytest.fixture
def names(naughty_names: list[bytes]) -> list[str]:
    return sorted({name.decode() for name in naughty_names})


@dataclass(slots=True)
class Named(StubModel):
    """Its classes have naughty names; each image is of another one, so that after some images each was said."""

    names: list[str] = field(default_factory=list)
    seen: int = 0

    @property
    def class_names(self) -> list[str]:
        return self.names

    def classify(self, images: Sequence[PreparedImage]) -> list[Prediction]:
        return [Prediction(own.name, own.refused) if own.refused else self._of_the_next(own) for own in images]

    def _of_the_next(self, image: PreparedImage) -> Prediction:
        first, self.seen = self.seen, self.seen + 1
        probabilities = np.zeros(len(self.names), np.float32)
        probabilities[(first + np.arange(BARS)) % len(self.names)] = np.linspace(0.9, 0.01, BARS)
        top = tuple(Answer(self.names[own], float(probabilities[own])) for own in np.argsort(-probabilities)[:3])
        name = self.names[first % len(self.names)]
        return Prediction(image.name, top=top, unlike=(name,), probabilities=probabilities, pixels=image.pixels)

    def nearest(self, prediction: Prediction, count: int) -> list[Near]:
        return [Near(own.class_name, own.class_name) for own in prediction.top]


@pytest.fixture
def model(model: StubModel, names: list[str]) -> StubModel:
    return Named(model.preparation, names=names)


def test_the_service_answers_them_as_text(served: Served, names: list[str], png: Png) -> None:
    for number, name in enumerate(names):
        content = png(20) if number % 2 else b"no image"
        response = served.client.post("/predict", files=[("files", (name, content)), ("files", ("a.png", png(20)))])
        assert response.headers["content-type"] == "application/json"
        first, second = response.json()["images"]
        assert first["name"].isprintable()
        if name.isprintable() and not set(name) & set('\\"') and len(name) <= 200:  # clients write `"` in one way or another
            assert first["name"] == name
        assert (first["refused"] is None) == bool(number % 2)
        assert second["predicted"] in names
    families = text_string_to_metric_families(served.client.get("/metrics").text)
    said = {own.labels["predicted"] for family in families for own in family.samples if "predicted" in own.labels}
    assert said <= set(names)
    assert len(said) == len(names)


@pytest.fixture
def page(browser: Browser, served: Served, address: str) -> Page:
    page = browser.new_page(viewport={"width": 1240, "height": 900})
    page.set_default_timeout(60_000)
    return page


def test_the_page_shows_them_as_they_are_and_runs_nothing(
    page: Page, served: Served, address: str, names: list[str], png: Png
) -> None:
    complaints = complaints_of(page, own=address)
    page.goto(address)
    assert page.evaluate("[...document.querySelectorAll('#labels option')].map((own) => own.value)") == names
    shown = page.evaluate(DROP_EACH, [names, list(png(20)), list(b"no image")])
    refused = set(names[::2])
    usable = [name for name in names if name not in refused]
    for name, own in zip(names, shown, strict=True):
        assert own["card"] == name
        if name in refused:
            assert own["refused"].startswith(f"{name}: the content is none of")
            continue
        said = usable.index(name) % len(names)
        assert own["said"] == f"{names[said]}, 90.0% sure"
        assert own["bars"] == [names[(said + number) % len(names)] for number in range(BARS)]
        assert own["unlike"].startswith(f"Unlike the training images: {names[said]}. ")
        assert own["near"] == [text for number in range(3) for text in [names[(said + number) % len(names)]] * 2]
    assert page.evaluate(INJECTED_ELEMENTS) == []
    assert page.evaluate("document.querySelectorAll('script').length") == 2
    assert complaints == []
    page.close()


DROP_EACH = """async ([names, image, other]) => {
  const text = (id) => document.getElementById(id).textContent;
  const all = (where) => [...document.querySelectorAll(where)].map((own) => own.textContent);
  await tryFiles(names.map((name, number) => new File([Uint8Array.from(number % 2 ? image : other)], name)));
  return [...document.querySelectorAll("#dropped button")].map((card) => {
    card.click();
    const path = card.querySelector(".path");
    return {
      card: path.textContent === path.title ? path.title : null,
      said: text("said"), refused: text("refused"), unlike: text("unlike"), bars: all("#bars b"),
      near: all("#nearest b, #nearest .path"),
    };
  });
}"""


def test_they_are_labels_of_drawings_or_are_refused_with_a_reason(
    page: Page, served: Served, address: str, names: list[str]
) -> None:
    complaints = complaints_of(page, own=address)
    page.goto(address)
    draw_line(page, "#paper", ((0.3, 0.3), (0.7, 0.7)))
    page.wait_for_selector("#whole:not([hidden])")
    added = page.evaluate(ADD_EACH, names)
    saved = set()
    for typed, said in added:
        if said.startswith("Saved as "):
            assert label_fault(typed) is None
            saved.add(typed)
        else:
            assert said.startswith("Not saved: ")
    assert {os.fsdecode(path.name) for path in served.raw.iterdir()} == saved
    assert len(saved) > 200
    assert not [path for path in served.raw.parent.iterdir() if path != served.raw]
    assert page.evaluate(INJECTED_ELEMENTS) == []
    assert complaints == []
    page.close()


ADD_EACH = """async (labels) => {
  const found = [];
  const field = document.getElementById("label");
  const png = await drawingFile();
  drawingFile = async () => png; // encoded once
  for (const label of labels) {
    field.value = label;
    await addDrawing(new Event("submit"));
    found.push([field.value, document.getElementById("added").textContent]);
  }
  return found;
}"""
