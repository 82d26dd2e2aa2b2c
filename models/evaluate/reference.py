"""What the train images look like to the network: by this it is seen whether later images resemble those that it knows.

`reference.npz` is bound to one model file by its hash, and holds arrays alone, no objects.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
import polars as pl

from dataprep.core.rng import stable_hashes, uniforms_for
from models.evaluate.calibration import fit_temperature
from models.evaluate.feature_table import Floats, Projection, matrix, squared_distances
from models.evaluate.image_facts import FACTS
from models.evaluate.predictions import class_names_of, probabilities_of

FORMAT_VERSION = 1
NEIGHBOURS = 4_000
"""Train images whose features are kept, chosen by a hash of their ids."""
QUANTILES = 101
"""Of each fact over the train split: 0%, 1% ... 100%."""
DISTANCES = (0.9, 0.95, 0.99, 1.0)
"""Quantiles of the distances of validation images to the nearest of these train images."""

_BLOCK = 1024  # rows whose distances stand in memory at once


def encode_reference(
    model: Path, predictions: pl.DataFrame, facts: pl.DataFrame, features: pl.DataFrame, projection: Projection | None
) -> bytes:
    """Makes the file.

    Args:
        model: the model file; its hash binds the two.
        predictions: of all splits, by id.
        facts: of the same images.
        features: of the same images; no columns where the network has none.
        projection: what reduced them.

    Returns:
        An .npz archive: format_version; model_sha256; class_names (K,); fact_names (F,), fact_quantiles (F, 101), of the train
        split, nan where a fact is missing everywhere; ids (n,), labels (n,) and features (n, k) float16 of train images; mean
        (D,) and axes (D, k), which reduce the last hidden layer to these; distances (4,), quantiles of the distance of
        validation images to the nearest of them, nan without features; temperature.
    """
    is_train = (predictions["split"] == "train").to_numpy()
    is_validation = (predictions["split"] == "validation").to_numpy()
    reduced = matrix(features)
    train = np.flatnonzero(is_train)
    draws = uniforms_for(stable_hashes([predictions["id"][int(row)] for row in train]), 0, "reference")
    chosen = np.sort(train[np.argsort(draws, kind="stable")[:NEIGHBOURS]])
    kept = reduced[chosen].astype(np.float16)
    names = class_names_of(predictions)
    probabilities, labels = probabilities_of(predictions)
    arrays = {
        "format_version": np.array(FORMAT_VERSION),
        "model_sha256": np.array(_sha256(model)),
        "class_names": np.array(names),
        "fact_names": np.array(FACTS),
        "fact_quantiles": _quantiles(facts.filter(pl.Series(is_train))),
        "ids": np.array(predictions["id"].gather(chosen).to_list()),
        "labels": labels[chosen],
        "features": kept,
        "mean": projection.mean if projection else np.zeros(0, np.float32),
        "axes": projection.axes if projection else np.zeros((0, 0), np.float32),
        "distances": _distances(reduced[is_validation], kept.astype(np.float32)),
        "temperature": np.array(fit_temperature(probabilities[is_validation], labels[is_validation])),
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def nearest(features: Floats, known: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Of each row (N, k) the number of the nearest of M known rows (M, k), and the distance to it."""
    numbers, distances = np.empty(len(features), np.int64), np.empty(len(features), np.float32)
    for start in range(0, len(features), _BLOCK):
        squared = squared_distances(features[start : start + _BLOCK], known)
        numbers[start : start + _BLOCK] = squared.argmin(axis=1)
        distances[start : start + _BLOCK] = np.sqrt(squared.min(axis=1))
    return numbers, distances


def _distances(validation: Floats, known: Floats) -> np.ndarray:
    if not known.shape[1] or not len(known) or not len(validation):
        return np.full(len(DISTANCES), np.nan)
    return np.quantile(nearest(validation, known)[1].astype(np.float64), DISTANCES)


def _quantiles(facts: pl.DataFrame) -> np.ndarray:
    steps = np.linspace(0, 1, QUANTILES)
    columns = [facts[name].drop_nulls().to_numpy().astype(np.float64) for name in FACTS]
    return np.array([np.quantile(own, steps) if len(own) else np.full(QUANTILES, np.nan) for own in columns])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
