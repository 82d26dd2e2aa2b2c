"""Boosted trees that classify in the place of a network's head: read from a model file as data, and checked node by node.

They stand there as XGBoost writes them, in JSON. XGBoost 3.2 loads such a document without a look at the numbers: a child, a
feature or a class that does not exist ends the process at the first prediction. So XGBoost gets a document that is made anew
from what was checked here: the arrays of each tree, and the scores that they are added to.

    node     0   1   2      x[feature[0]] < value[0] ? go to node left[0] : go to node right[0]
    left     1  -1  -1      -1: a leaf, which adds its value to the score of the tree's class
    right    2  -1  -1
    feature  7   0   0
    value  0.5  -1   1
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataprep.core.errors import ArtifactError, in_short
from models.layers.keras_file import Fault
from models.train.model_file import TREES

_LEAF = -1
_NO_PARENT = 2**31 - 1
_MOST_LEVELS = 64
"""Of a tree, its leaves included; XGBoost itself follows a tree of a million by recursion, until the stack ends."""


@dataclass(frozen=True, slots=True)
class _Tree:
    """One entry for each node, as the drawing above has them."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    value: NDArray[np.float32]


class BoostedTrees:
    """What makes probabilities of features."""

    def __init__(self, document: dict[str, Any], *, num_features: int, num_classes: int, fault: Fault) -> None:
        """Checks the trees and hands them to XGBoost.

        Args:
            document: the JSON that XGBoost wrote.
            num_features: of an image, as the network gives them.
            num_classes: of the data set.
            fault: makes the error of what is wrong with the file.

        Raises:
            ArtifactError: these are no such trees, those of other features or classes, or XGBoost is not installed.
        """
        try:
            learner = document["learner"]
            scores = [float(score) for score in json.loads(learner["learner_model_param"]["base_score"])]
            model = learner["gradient_booster"]["model"]
            trees, classes = [_tree(own) for own in model["trees"]], list(model["tree_info"])
            found = tuple(int(learner["learner_model_param"][key]) for key in ("num_feature", "num_class"))
            if found != (num_features, num_classes):
                raise ValueError(
                    f"they take {found[0]} features and give {found[1]} classes, not {num_features} and {num_classes}"
                )
            _check(trees, classes, scores, num_features=num_features, num_classes=num_classes)
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise fault(f"must hold boosted trees of XGBoost in {TREES}; it does not ({in_short(error)})") from error
        self._booster = import_xgboost().Booster()
        self._booster.load_model(bytearray(_encoded(trees, scores, num_features).encode()))

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, F) features to (N, num_classes) probabilities; where a feature is no number, neither are the probabilities."""
        probabilities: NDArray[np.float32] = self._booster.inplace_predict(features)
        return np.where(np.isfinite(features).all(axis=1, keepdims=True), probabilities, np.float32(np.nan))


def import_xgboost() -> ModuleType:
    """XGBoost, which is an extra.

    Raises:
        ArtifactError: it is not installed.
    """
    try:
        import xgboost
    except ImportError as error:
        raise ArtifactError(
            "model.classifier: kind xgboost needs the package xgboost-cpu; it is not installed. Run: pip install '.[boosting]'"
        ) from error
    found: ModuleType = xgboost
    return found


def _tree(own: dict[str, Any]) -> _Tree:
    if any(own["split_type"]):
        raise ValueError("a split by category, and not by a threshold")
    left, right, feature = (np.array(own[key], np.int32) for key in ("left_children", "right_children", "split_indices"))
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        return _Tree(left, right, feature, np.array(own["split_conditions"], np.float32))


def _check(
    trees: Sequence[_Tree], classes: Sequence[object], scores: Sequence[float], *, num_features: int, num_classes: int
) -> None:
    """Refuses what a prediction could not follow to a leaf.

    Raises:
        ValueError: with what is wrong.
    """
    if not trees or classes != [number % num_classes for number in range(len(trees))]:
        raise ValueError(f"{len(trees)} trees are not one for each of {num_classes} classes, round after round")
    if len(scores) != num_classes or not all(map(math.isfinite, scores)):
        raise ValueError(f"base_score is not {num_classes} finite numbers")
    for number, tree in enumerate(trees):
        shape = (len(tree.left),)
        if not shape[0] or any(array.shape != shape for array in (tree.left, tree.right, tree.feature, tree.value)):
            raise ValueError(f"the arrays of tree {number} are not of one length")
        if not _is_tree(tree.left, tree.right):
            raise ValueError(f"the nodes of tree {number} are no tree of at most {_MOST_LEVELS} levels")
        if ((tree.feature < 0) | (tree.feature >= num_features)).any():
            raise ValueError(f"tree {number} asks for a feature that is none of {num_features}")
        if not np.isfinite(tree.value).all():
            raise ValueError(f"tree {number} has a value that is no finite number")


def _is_tree(left: NDArray[np.int32], right: NDArray[np.int32]) -> bool:
    """Whether each node but the first is the child of one other, and the first leads to all of them in few steps."""
    inner = left != _LEAF
    children = np.concatenate([left[inner], right[inner]])
    if not np.array_equal(np.sort(children), np.arange(1, len(left))) or (right[~inner] != _LEAF).any():
        return False
    level, reached = np.zeros(1, np.int32), 0
    for _ in range(_MOST_LEVELS):
        reached += len(level)
        level = level[inner[level]]
        level = np.concatenate([left[level], right[level]])
    return reached == len(left)


def _encoded(trees: Sequence[_Tree], scores: Sequence[float], num_features: int) -> str:
    """The document that XGBoost reads; what predictions do not need is 0."""
    num_classes = str(len(scores))
    return json.dumps(
        {
            "version": [3, 1, 0],
            "learner": {
                "attributes": {},
                "feature_names": [],
                "feature_types": [],
                "gradient_booster": {
                    "name": "gbtree",
                    "model": {
                        "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
                        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
                        "iteration_indptr": list(range(0, len(trees) + 1, len(scores))),
                        "tree_info": [number % len(scores) for number in range(len(trees))],
                        "trees": [_tree_document(tree, number, num_features) for number, tree in enumerate(trees)],
                    },
                },
                "learner_model_param": {
                    "base_score": json.dumps(scores),
                    "boost_from_average": "1",
                    "num_class": num_classes,
                    "num_feature": str(num_features),
                    "num_target": "1",
                },
                "objective": {"name": "multi:softprob", "softmax_multiclass_param": {"num_class": num_classes}},
            },
        }
    )


def _tree_document(tree: _Tree, number: int, num_features: int) -> dict[str, Any]:
    num_nodes = len(tree.left)
    inner = np.flatnonzero(tree.left != _LEAF)
    parents = np.full(num_nodes, _NO_PARENT)
    parents[tree.left[inner]] = parents[tree.right[inner]] = inner
    return {
        "id": number,
        "left_children": tree.left.tolist(),
        "right_children": tree.right.tolist(),
        "parents": parents.tolist(),
        "split_indices": tree.feature.tolist(),
        "split_conditions": tree.value.tolist(),
        **{key: [0] * num_nodes for key in ("split_type", "default_left")},
        **{key: [0.0] * num_nodes for key in ("base_weights", "loss_changes", "sum_hessian")},
        **{key: [] for key in ("categories", "categories_nodes", "categories_segments", "categories_sizes")},
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(num_features),
            "num_nodes": str(num_nodes),
            "size_leaf_vector": "1",
        },
    }
