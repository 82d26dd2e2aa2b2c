"""Lets a published model look at prepared images of today, as `models.predict` looks at new ones: one notion of unlike.

The class names of the model and of today may differ: then what it predicts is no answer, but what it sees is.
"""

import numpy as np
import polars as pl

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import Place
from dataprep.feed.batches import ordered_batches
from models.compare.looks_table import LOOKS
from models.evaluate.feature_table import FEATURE
from models.evaluate.image_facts import facts_frame, measure_figures
from models.evaluate.predict import Classifier
from models.evaluate.reference import Reference
from models.evaluate.usual_facts import sizes_of_files


def look_at(
    classifier: Classifier,
    class_names: list[str],
    reference: Reference | None,
    *,
    prepared: Place,
    sizes: pl.DataFrame,
    wanted: pl.DataFrame,
    batch_size: int,
) -> pl.DataFrame:
    """Looks at the images that are wanted.

    Args:
        classifier: the published model.
        class_names: of the model.
        reference: of the model; without one nothing is called unlike, and there are no features.
        prepared: the folder of today's shards.
        sizes: the manifest of today: id, width, height.
        wanted: id, sampled.
        batch_size: images at a time.

    Returns:
        The rows of `LOOKS`, by id.
    """
    sampled = dict(wanted.rows())
    projection = reference.projection if reference else None
    axes = [f"{FEATURE}{number:03d}" for number in range(projection.axes.shape[1] if projection else 0)]
    schema = {**LOOKS.columns, **dict.fromkeys(axes, pl.Float32())}
    parts = [pl.DataFrame(schema=schema)]
    for split in SPLITS:
        for images, _, ids in ordered_batches(prepared, split, batch_size):
            rows = [row for row, name in enumerate(ids) if name in sampled]
            if not rows:
                continue
            hidden, deep, probabilities = classifier.see_deep(images[rows])
            names = [ids[row] for row in rows]
            found = pl.DataFrame({"id": names, "predicted": [class_names[place] for place in probabilities.argmax(axis=1)]})
            looked = np.flatnonzero([sampled[name] for name in names])
            if looked.size:
                own = [names[place] for place in looked]
                measured = measure_figures(images[rows][looked])
                seen = facts_frame(own, measured)
                if reference:
                    figures = np.hstack([measured, sizes_of_files(own, sizes)])
                    reasons = reference.unlike.reasons(figures, deep[looked], probabilities[looked], class_names)
                    seen = seen.with_columns(unlike=pl.Series([bool(words) for words in reasons]))
                if projection:
                    reduced = projection.reduce(hidden[looked])
                    seen = seen.hstack(pl.DataFrame(dict(zip(axes, reduced.T, strict=True))))
                found = found.join(seen, on="id", how="left", maintain_order="left")
            missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in found.columns]
            parts.append(found.with_columns(missing).select(list(schema)).cast(schema))  # type: ignore[arg-type]
    return pl.concat(parts).sort("id")
