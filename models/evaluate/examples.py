"""Which images are worth a look: the worst mistakes, mistakes of each kind, and right answers for comparison."""

import polars as pl


def worst_mistakes(predictions: pl.DataFrame, split: str, count: int) -> pl.DataFrame:
    """The wrong predictions with the largest loss, worst first."""
    wrong = predictions.filter((pl.col("split") == split) & (pl.col("label") != pl.col("predicted")))
    return wrong.sort(["loss", "id"], descending=[True, False]).head(count)


def mistakes_by_cell(predictions: pl.DataFrame, split: str, count: int) -> pl.DataFrame:
    """Up to `count` wrong predictions for each pair of true and predicted class, worst first within a pair."""
    return (
        worst_mistakes(predictions, split, predictions.height).group_by("label", "predicted", maintain_order=True).head(count)
    )


def correct_examples(predictions: pl.DataFrame, split: str, count: int) -> pl.DataFrame:
    """Correct predictions of each class: the surest, the median and the least sure (for count 3; evenly spread otherwise)."""
    right = predictions.filter((pl.col("split") == split) & (pl.col("label") == pl.col("predicted")))
    ranked = right.sort(["loss", "id"]).with_columns(
        rank=pl.int_range(pl.len()).over("label"), last=(pl.len().over("label") - 1)
    )
    places = [round(step / max(count - 1, 1), 6) for step in range(count)]
    taken = pl.any_horizontal(*[pl.col("rank") == (pl.col("last") * place).round().cast(pl.Int64) for place in places])
    return ranked.filter(taken).sort("label", "rank").drop("rank", "last")
