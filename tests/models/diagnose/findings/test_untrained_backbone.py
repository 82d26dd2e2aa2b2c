from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from models.diagnose.findings.untrained_backbone import BACKBONE, find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.closure import ROOT
from tests.models.made_up import facts_of, pictures_of, predictions

MISSED = measure(predictions({"train": (0.99, 4000), "validation": (0.9, 1000), "test": (0.9, 1000)}))
REACHED = measure(predictions({"train": (1.0, 4000), "validation": (1.0, 1000), "test": (1.0, 1000)}))
PHOTOGRAPHS: dict[str, Any] = {"height": 300, "width": 400, "color": "RGB", "entropy": 7.3, "train_images": 1400}


def test_few_photographs_call_for_a_pretrained_network(params: Params) -> None:
    finding = find(facts_of(MISSED, params, pictures=pictures_of(params, **PHOTOGRAPHS)))
    assert finding is not None
    changes = finding.actions[0].changes
    assert changes["model.network"] == BACKBONE
    assert (changes["prepare.image_size"], changes["prepare.color"]) == ([224, 224], "rgb")
    assert "-S '~model.network' -S '+model.network={kind: transfer, backbone: efficientnet_lite0" in str(
        finding.actions[0].command
    )


def test_what_prepare_refuses_for_color_is_turned_off(params: Params) -> None:
    pictures = pictures_of(params, **PHOTOGRAPHS)
    saturate = pictures.prepare.saturate.model_copy(update={"method": "otsu"})
    saturated = replace(pictures, prepare=pictures.prepare.model_copy(update={"saturate": saturate}))
    finding = find(facts_of(MISSED, params, pictures=saturated))
    assert finding is not None
    assert finding.actions[0].changes["prepare.saturate.method"] == "off"


@pytest.mark.parametrize(
    "other",
    [{"color": "gray"}, {"entropy": 3.0}, {"entropy": None}, {"height": 28, "width": 28}, {"train_images": 50_000}],
    ids=str,
)
def test_other_images_or_many_of_them_do_not(params: Params, other: dict[str, Any]) -> None:
    assert find(facts_of(MISSED, params, pictures=pictures_of(params, **{**PHOTOGRAPHS, **other}))) is None


def test_a_pretrained_network_or_a_target_that_is_reached_does_not(params: Params) -> None:
    pictures = pictures_of(params, **PHOTOGRAPHS)
    for kind in ("transfer", "keras", "encoder_classifier", "autoencoder"):
        assert find(facts_of(MISSED, params, pictures=pictures, network=kind)) is None
    assert find(facts_of(REACHED, params, pictures=pictures)) is None


def test_the_network_is_that_of_the_recipe_at_its_own_side() -> None:
    recipe = YAML(typ="safe").load(Path(ROOT / "recipes/transfer-photos.yaml").read_text())["model"]["network"]
    assert {**recipe, "image_side": 224} == BACKBONE
