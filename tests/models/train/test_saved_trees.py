"""Boosted trees that somebody else wrote are checked before XGBoost sees them, which follows any number that it gets."""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xgboost

from dataprep.core.errors import ArtifactError
from models.train.saved_trees import BoostedTrees, import_xgboost

Change = Callable[[dict[str, Any]], object]

FEATURES = np.random.default_rng(0).standard_normal((60, 4), dtype=np.float32)


@pytest.fixture(scope="module")
def booster() -> Any:
    """Trees of 2 rounds for 3 classes."""
    matrix = xgboost.QuantileDMatrix(FEATURES, np.arange(60) % 3, nthread=1)
    settings = {"objective": "multi:softprob", "num_class": 3, "tree_method": "hist", "max_depth": 3, "nthread": 1}
    return xgboost.train(settings, matrix, 2)


def trees_of(document: dict[str, Any], *, num_features: int = 4, num_classes: int = 3) -> BoostedTrees:
    def fault(what: str) -> ArtifactError:
        return ArtifactError(f"model.keras {what}. Run: dvc repro train")

    return BoostedTrees(document, num_features=num_features, num_classes=num_classes, fault=fault)


def test_they_predict_what_xgboost_predicts(booster: Any) -> None:
    trees = trees_of(json.loads(booster.save_raw("json")))
    assert np.array_equal(trees.predict(FEATURES), booster.inplace_predict(FEATURES))


def test_a_feature_that_is_no_number_gives_no_probability(booster: Any) -> None:
    features = FEATURES.copy()
    features[1, 2] = np.nan
    found = trees_of(json.loads(booster.save_raw("json"))).predict(features)
    assert np.flatnonzero(np.isnan(found).all(axis=1)).tolist() == [1]


def model_of(document: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = document["learner"]["gradient_booster"]["model"]
    return model


def node(key: str, value: object, number: int = 0) -> Change:
    """Changes a node of the first tree."""

    def change(document: dict[str, Any]) -> None:
        model_of(document)["trees"][0][key][number] = value

    return change


def tree(**changes: object) -> Change:
    return lambda document: model_of(document)["trees"][0].update(changes)


def chain(length: int) -> Change:
    """A tree in which each split has a leaf and the next split."""
    left = [number + 1 if number % 2 == 0 else -1 for number in range(2 * length)] + [-1]
    right = [number + 2 if number % 2 == 0 else -1 for number in range(2 * length)] + [-1]
    zeros = [0] * len(left)
    return tree(left_children=left, right_children=right, split_indices=zeros, split_conditions=zeros, split_type=zeros)


def parameter(key: str, value: str) -> Change:
    return lambda document: document["learner"]["learner_model_param"].update({key: value})


NO_TREE = "the nodes of tree 0 are no tree of at most 64 levels"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda document: document.pop("learner"), "KeyError: 'learner'"),
        (lambda document: document.update(learner=[]), "TypeError"),
        (lambda document: model_of(document).update(trees=[], tree_info=[]), "0 trees are not one for each of 3 classes"),
        (lambda document: model_of(document)["trees"].pop(), "5 trees"),
        (lambda document: model_of(document)["tree_info"].__setitem__(0, 10**6), "6 trees are not one for each of 3 classes"),
        (lambda document: model_of(document)["trees"].__setitem__(0, None), "TypeError"),
        (node("left_children", 10**6), NO_TREE),
        (node("left_children", 10**12), "OverflowError"),
        (node("left_children", -2), NO_TREE),
        (node("left_children", 0), NO_TREE),
        (node("left_children", -1), NO_TREE),
        (tree(left_children=[1, 0, -1], right_children=[2, 1, -1], split_indices=[0] * 3, split_conditions=[0] * 3), NO_TREE),
        (chain(64), NO_TREE),
        (node("split_indices", 4), "tree 0 asks for a feature that is none of 4"),
        (node("split_indices", -1), "tree 0 asks for a feature that is none of 4"),
        (node("split_conditions", float("nan")), "tree 0 has a value that is no finite number"),
        (node("split_conditions", 1e300), "tree 0 has a value that is no finite number"),
        (node("split_conditions", "much"), "could not convert string to float: 'much'"),
        (node("split_type", 1), "a split by category, and not by a threshold"),
        (tree(split_conditions=[0.5]), "the arrays of tree 0 are not of one length"),
        (
            tree(left_children=[], right_children=[], split_indices=[], split_conditions=[]),
            "the arrays of tree 0 are not of one",
        ),
        (tree(left_children=7), "TypeError"),
        (parameter("base_score", "[0, 0]"), "base_score is not 3 finite numbers"),
        (parameter("base_score", "[0, 0, NaN]"), "base_score is not 3 finite numbers"),
        (parameter("base_score", "5E-1"), "TypeError"),
        (parameter("num_class", "4"), "they take 4 features and give 4 classes, not 4 and 3"),
        (parameter("num_feature", "5"), "they take 5 features and give 3 classes, not 4 and 3"),
    ],
)
def test_doctored_trees_are_one_line(booster: Any, change: Change, message: str) -> None:
    document = json.loads(booster.save_raw("json"))
    change(document)
    with pytest.raises(ArtifactError) as refused:
        trees_of(document)
    text = str(refused.value)
    assert text.startswith("model.keras must hold boosted trees of XGBoost in boosted_trees.json; it does not (")
    assert message in text
    assert text.endswith("Run: dvc repro train")
    assert "\n" not in text


def test_a_tree_of_64_levels_is_read(booster: Any) -> None:
    document = json.loads(booster.save_raw("json"))
    chain(63)(document)
    trees_of(document)


def test_trees_of_other_features_are_refused(booster: Any) -> None:
    with pytest.raises(ArtifactError, match="they take 4 features and give 3 classes, not 5 and 3"):
        trees_of(json.loads(booster.save_raw("json")), num_features=5)


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(ArtifactError) as refused:
        import_xgboost()
    assert str(refused.value) == (
        "model.classifier: kind xgboost needs the package xgboost-cpu; it is not installed. Run: pip install '.[boosting]'"
    )
