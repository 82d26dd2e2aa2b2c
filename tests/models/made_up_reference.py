"""reference.npz of a model, made as `evaluate` makes it."""

from pathlib import Path

import polars as pl

from dataprep.store.shards import read_index
from models.evaluate.predict import load_model, predict, projection_of
from models.evaluate.reference import encode_reference, make_reference
from models.evaluate.unlike import chosen_limits, fit_unlike
from pipelines.parameters.params import Params
from tests.models.made_up import split_of


def reference_bytes(model: Path, prepared: Path, sizes: pl.DataFrame, params: Params) -> bytes:
    """The bytes of the file, of prepared images whose files have these sizes: id, width, height."""
    index, split = read_index(prepared, stage="prepare"), split_of(prepared)
    classifier = load_model(model, index)
    projection = projection_of(classifier, prepared, params.evaluate)
    seen = list(predict(classifier, prepared, params.evaluate, projection))
    rows, features = (pl.concat(getattr(own, name) for own in seen).sort("id") for name in ("predictions", "features"))
    limits = chosen_limits(prepared)
    unlike = fit_unlike([own.looked.chosen(limits) for own in seen], sizes, split, len(index.class_names))
    return encode_reference(model, make_reference(rows, features, projection, unlike, split))
