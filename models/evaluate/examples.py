"""Which images are worth a look: the worst mistakes, mistakes of each kind, and right answers for comparison."""

import polars as pl

CORRECT_PER_CLASS = 3
MOST_OF_CELLS = 600
"""Mistakes of all kinds together: of a thousand classes there would be many thousands."""


def worst_mistakes(predictions: pl.DataFrame, split: str, count: int) -> pl.DataFrame:
    """The wrong predictions with the largest loss, worst first."""
    wrong = predictions.filter((pl.col("split") == split) & (pl.col("label") != pl.col("predicted")))
    return wrong.sort(["loss", "id"], descending=[True, False]).head(count)


def mistakes_by_cell(predictions: pl.DataFrame, split: str, count: int) -> pl.DataFrame:
    """Up to `count` wrong predictions for each pair of true and predicted class, worst first within a pair."""
    return (
        worst_mistakes(predictions, split, predictions.height).group_by("label", "predicted", maintain_order=True).head(count)
    )


def correct_examples(predictions: pl.DataFrame, split: str, count: int = CORRECT_PER_CLASS) -> pl.DataFrame:
    """Correct predictions of each class: the surest, the median and the least sure (for count 3; evenly spread otherwise)."""
    right = predictions.filter((pl.col("split") == split) & (pl.col("label") == pl.col("predicted")))
    ranked = right.sort(["loss", "id"]).with_columns(
        rank=pl.int_range(pl.len()).over("label"), last=(pl.len().over("label") - 1)
    )
    places = [round(step / max(count - 1, 1), 6) for step in range(count)]
    taken = pl.any_horizontal(*[pl.col("rank") == (pl.col("last") * place).round().cast(pl.Int64) for place in places])
    return ranked.filter(taken).sort("label", "rank").drop("rank", "last")


def opened_examples(predictions: pl.DataFrame, split: str, *, worst_images: int, images_per_cell: int) -> list[str]:
    """Ids of all of these, each once: the worst mistakes; of each kind the worst, the second and so on; right answers.

    Args:
        predictions: the table of predictions.
        split: whose images.
        worst_images: mistakes, whatever their kind.
        images_per_cell: mistakes of each pair of true and predicted class.
    """
    cells = mistakes_by_cell(predictions, split, images_per_cell)
    by_rank = cells.with_columns(rank=pl.int_range(pl.len()).over("label", "predicted")).sort("rank", maintain_order=True)
    parts = [
        worst_mistakes(predictions, split, worst_images),
        by_rank.head(MOST_OF_CELLS),
        correct_examples(predictions, split),
    ]
    return list(dict.fromkeys(image_id for part in parts for image_id in part["id"]))
