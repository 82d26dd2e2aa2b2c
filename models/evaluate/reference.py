"""What the train images look like to the network: by this it is seen whether later images resemble those that it knows.

`reference.npz` is bound to one model file by its hash, and holds arrays alone, no objects.
"""

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.core.artifacts import missing, open_file
from dataprep.core.errors import ArtifactError, in_short, shortened
from dataprep.core.rng import stable_hashes, uniforms_for
from models.evaluate.acceptance import AcceptanceCurve, acceptance_curve
from models.evaluate.calibration import fit_temperature
from models.evaluate.class_gaussians import ClassGaussians
from models.evaluate.feature_table import Floats, Projection, matrix
from models.evaluate.predictions import class_names_of, probabilities_of, with_clusters
from models.evaluate.unlike import Unlike
from models.evaluate.usual_facts import NAMES, QUANTILES, UsualFacts

FORMAT_VERSION = 2
NEIGHBOURS = 4_000
"""Train images whose features are kept, chosen by a hash of their ids."""

_STAGE = "evaluate"


@dataclass(frozen=True, slots=True)
class Reference:
    """What prediction needs beside the model.

    Attributes:
        class_names: as in the model.
        ids: of n train images.
        labels: (n,) their classes.
        features: (n, k) what the projection makes of them.
        projection: of the last hidden layer; None where the network has no features.
        unlike: what is usual.
        acceptance: confidence against precision, on validation images.
        temperature: by which logits are divided so that the network is as sure as it is right.
    """

    class_names: list[str]
    ids: list[str]
    labels: NDArray[np.int64]
    features: Floats
    projection: Projection | None
    unlike: Unlike
    acceptance: AcceptanceCurve
    temperature: float


def make_reference(
    predictions: pl.DataFrame, features: pl.DataFrame, projection: Projection | None, unlike: Unlike, split: pl.DataFrame
) -> Reference:
    """Puts together what prediction needs.

    Args:
        predictions: of all splits, by id.
        features: of the same images; no columns where the network has none.
        projection: what reduced them.
        unlike: what is usual.
        split: the split table; id and cluster are read.
    """
    is_train = (predictions["split"] == "train").to_numpy()
    train = np.flatnonzero(is_train)
    draws = uniforms_for(stable_hashes([predictions["id"][int(row)] for row in train]), 0, "reference")
    chosen = np.sort(train[np.argsort(draws, kind="stable")[:NEIGHBOURS]])
    _, labels = probabilities_of(predictions)
    validation = with_clusters(predictions.filter(pl.col("split") == "validation"), split)
    probabilities, true = probabilities_of(validation)
    return Reference(
        class_names=class_names_of(predictions),
        ids=predictions["id"].gather(chosen).to_list(),
        labels=labels[chosen],
        features=matrix(features)[chosen].astype(np.float16).astype(np.float32),
        projection=projection,
        unlike=unlike,
        acceptance=acceptance_curve(
            probabilities.max(axis=1), probabilities.argmax(axis=1) == true, validation["cluster"].rank("dense").to_numpy()
        ),
        temperature=fit_temperature(probabilities, true),
    )


def encode_reference(model: Path, reference: Reference) -> bytes:
    """The bytes of the file: an .npz archive of arrays, of which `model_sha256` binds it to the model file."""
    unlike, curve, gaussians = reference.unlike, reference.acceptance, reference.unlike.gaussians
    projection = reference.projection
    arrays = {
        "format_version": np.array(FORMAT_VERSION),
        "model_sha256": np.array(sha256_of(model)),
        "class_names": np.array(reference.class_names),
        "ids": np.array(reference.ids),
        "labels": reference.labels,
        "features": reference.features.astype(np.float16),
        **_of_projection("features", projection),
        "fact_names": np.array(NAMES),
        "fact_quantiles": unlike.facts.quantiles,
        "fact_low": unlike.facts.low,
        "fact_high": unlike.facts.high,
        **_of_projection("deep", gaussians.projection if gaussians else None),
        "deep_means": gaussians.means if gaussians else np.zeros((0, 0), np.float32),
        "deep_whitening": gaussians.whitening if gaussians else np.zeros((0, 0, 0), np.float32),
        "deep_limit": np.array(unlike.limit),
        "alarms": np.array(unlike.alarms),
        "accepted_threshold": curve.threshold,
        "accepted_images": curve.images,
        "accepted_independent": curve.independent,
        "accepted_precision": curve.precision,
        "accepted_low": curve.low,
        "temperature": np.array(reference.temperature),
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_reference(path: Path, model: Path, class_names: list[str]) -> Reference:
    """Reads what `evaluate` wrote beside a model; nothing in the file is run.

    Args:
        path: reference.npz.
        model: the model file.
        class_names: of the model.

    Raises:
        ArtifactError: the file is missing, damaged, of another format version, or of another model.
    """
    held = _read_arrays(path)
    version = held.get("format_version", np.array(None)).tolist()
    if version != FORMAT_VERSION:
        raise _fault(path, f"must have the format version {FORMAT_VERSION}; it has {shortened(version)}")
    if held.get("model_sha256", np.array(None)).tolist() != sha256_of(model):
        raise _fault(path, f"must be of the model {model}; it is of another one")
    try:
        _check_shapes(held, len(class_names))
        if held["class_names"].tolist() != class_names or held["fact_names"].tolist() != list(NAMES):
            raise ValueError("its classes or figures are others")
        return _from_arrays(held, class_names)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise _fault(path, f"cannot be read ({in_short(error)})") from error


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_projection(name: str, projection: Projection | None) -> dict[str, NDArray[np.float32]]:
    return {
        f"{name}_mean": projection.mean if projection else np.zeros(0, np.float32),
        f"{name}_axes": projection.axes if projection else np.zeros((0, 0), np.float32),
    }


def _projection(held: dict[str, NDArray[Any]], name: str) -> Projection | None:
    return Projection(held[f"{name}_mean"], held[f"{name}_axes"]) if len(held[f"{name}_mean"]) else None


def _from_arrays(held: dict[str, NDArray[Any]], class_names: list[str]) -> Reference:
    deep = _projection(held, "deep")
    gaussians = ClassGaussians(deep, held["deep_means"], held["deep_whitening"]) if deep else None
    facts = UsualFacts(held["fact_quantiles"], held["fact_low"], held["fact_high"])
    curve = (held[f"accepted_{name}"] for name in ("threshold", "images", "independent", "precision", "low"))
    return Reference(
        class_names=class_names,
        ids=held["ids"].tolist(),
        labels=held["labels"],
        features=held["features"].astype(np.float32),
        projection=_projection(held, "features"),
        unlike=Unlike(facts, gaussians, float(held["deep_limit"]), float(held["alarms"])),
        acceptance=AcceptanceCurve(*curve),
        temperature=float(held["temperature"]),
    )


def _check_shapes(held: dict[str, NDArray[Any]], num_classes: int) -> None:
    """Refuses arrays that do not belong together.

    Raises:
        ValueError: with the name of one.
        KeyError: one is missing.
    """
    num_known, num_facts = len(held["ids"]), len(NAMES)
    num_features, num_deep = held["features_axes"].shape[1], held["deep_axes"].shape[1]
    num_steps = held["accepted_low"].shape
    expected: dict[str, tuple[tuple[int, ...], str]] = {
        "labels": ((num_known,), "i"),
        "features": ((num_known, num_features), "f"),
        "features_mean": ((held["features_axes"].shape[0],), "f"),
        "features_axes": (held["features_axes"].shape, "f"),
        "fact_quantiles": ((num_facts, QUANTILES), "f"),
        "fact_low": ((num_facts,), "f"),
        "fact_high": ((num_facts,), "f"),
        "deep_mean": ((held["deep_axes"].shape[0],), "f"),
        "deep_axes": (held["deep_axes"].shape, "f"),
        "deep_means": ((num_classes, num_deep) if num_deep else (0, 0), "f"),
        "deep_whitening": ((num_classes, num_deep, num_deep) if num_deep else (0, 0, 0), "f"),
        "deep_limit": ((), "f"),
        "alarms": ((), "f"),
        "accepted_images": (num_steps, "i"),
        **dict.fromkeys((f"accepted_{name}" for name in ("threshold", "independent", "precision", "low")), (num_steps, "f")),
        "temperature": ((), "f"),
    }
    for name, (shape, kind) in expected.items():
        found = held[name]
        if found.shape != shape or found.dtype.kind != kind:
            raise ValueError(f"{name} must be of shape {shape}; it is {found.dtype} of {found.shape}")
    if ((held["labels"] < 0) | (held["labels"] >= num_classes)).any():
        raise ValueError("labels must be numbers of classes")


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of the file, none with objects."""
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            with zipfile.ZipFile(file) as archive:
                # Stored members cannot be larger than the file, unless they share its bytes.
                if sum(member.file_size for member in archive.infolist()) > size:
                    raise _fault(path, f"must be stored as it is; its {size:,} bytes claim to be more")
            file.seek(0)
            with np.load(file, allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
    except FileNotFoundError as error:
        raise missing(path, _STAGE) from error
    except ArtifactError:
        raise
    except Exception as error:  # zipfile and numpy report damage in many classes
        raise _fault(path, f"cannot be read ({in_short(error)})") from error


def _fault(path: Path, what: str) -> ArtifactError:
    return ArtifactError(f"{path} {what}. Run: dvc repro {_STAGE}")
