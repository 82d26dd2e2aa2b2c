"""The page and the table of a search."""

import json
from pathlib import Path

import polars as pl

from models.config.search import SearchConfig
from models.report.charts import svg_address
from models.report.page import page_environment, policy_hash, read_style
from models.search.picture import parallel_coordinates
from models.search.study import Tried, ranked


def in_order(tried: list[Tried], config: SearchConfig) -> list[Tried]:
    """All trials: those that ran to their end, the best first, then the others by number."""
    whole = ranked(tried, config)
    numbers = {own.number for own in whole}
    return [*whole, *(own for own in tried if own.number not in numbers)]


def render(tried: list[Tried], config: SearchConfig, *, command: str) -> str:
    """Renders the page as HTML; it needs no network and runs no script.

    Args:
        tried: the trials, at least one that ran to its end.
        config: the space.
        command: what applies the best.
    """
    rows, style = in_order(tried, config), read_style()
    return (
        page_environment(Path(__file__).parent)
        .get_template("template.html")
        .render(
            tried=tried,
            rows=rows,
            best=rows[0],
            config=config,
            pruned=sum(own.is_pruned for own in tried),
            failed=sum(own.failure is not None for own in tried),
            picture=svg_address(parallel_coordinates(tried, config)),
            command=command,
            style=style,
            style_hash=policy_hash(style),
        )
    )


def table(tried: list[Tried], config: SearchConfig) -> pl.DataFrame:
    """One row for each trial, the best first: number, round, score, epochs, note, and each key as JSON."""
    rows = [
        {
            "trial": own.number,
            "round": own.round,
            f"val_{config.metric}": own.score,
            "epochs": own.num_epochs,
            "note": own.failure or ("stopped early" if own.is_pruned else ""),
            **{key: json.dumps(value) for key, value in own.values.items()},
        }
        for own in in_order(tried, config)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)
