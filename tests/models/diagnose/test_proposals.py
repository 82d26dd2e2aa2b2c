from dataclasses import replace
from typing import Any

import pytest

from models.diagnose.facts import Settings
from models.diagnose.proposals import CNN, larger_network, less_regularised, more_regularised
from pipelines.parameters.params import Params
from tests.models.made_up import settings_of


def settings(params: Params, **layers: Any) -> Settings:
    own = settings_of(params, target_accuracy=0.99)
    return replace(own, layers={**own.layers, **layers})


def test_the_network_in_the_place_of_one_layer_is_the_default_one(params: Params) -> None:
    assert params.model.network.model_dump(mode="json") == CNN
    assert larger_network(replace(settings(params), network="perceptron")) == {"model.network": CNN}


@pytest.mark.parametrize(
    ("filters", "units", "larger"),
    [
        ([2], [8], {"model.network.filters": [32], "model.network.dense_units": [128]}),
        ([32, 64], [128], {"model.network.filters": [64, 128], "model.network.dense_units": [256]}),
        ([], [500], {"model.network.dense_units": [1000]}),
    ],
)
def test_a_larger_network_is_twice_as_wide_and_no_narrower_than_usual(
    params: Params, filters: list[int], units: list[int], larger: dict[str, list[int]]
) -> None:
    assert larger_network(settings(params, filters=filters, dense_units=units)) == larger


def test_a_kind_of_the_users_own_may_have_other_keys(params: Params) -> None:
    own = replace(settings(params), network="wide", layers={"kind": "wide", "filters": 16, "dropout": "spatial"})
    assert larger_network(own) == {"model.network.filters": 32}
    assert less_regularised(own) == {}
    assert more_regularised(own) == {"model.l2": 0.0001}
    assert larger_network(replace(own, layers={"kind": "wide", "filters": {"small": 3}, "dense_units": ["a"]})) == {}


def test_what_holds_a_network_back_is_taken_off_and_what_is_light_stays(params: Params) -> None:
    assert less_regularised(settings(params, dropout=0.3)) == {}
    heavy = replace(settings(params, dropout=0.8), l2=0.01)
    assert less_regularised(heavy) == {"model.l2": 0.0, "model.network.dropout": 0.4}


def test_a_network_without_penalties_gets_them_once(params: Params) -> None:
    assert more_regularised(settings(params, dropout=0.0)) == {"model.network.dropout": 0.5, "model.l2": 0.0001}
    assert more_regularised(replace(settings(params, dropout=0.5), l2=0.001)) == {}
