"""Reads the files of the raw folder so that all images of one sample type are decoded with one range.

Which values of more than 8 bits become black and white is known only when all images were read. So there are two passes: the
first reads what is new, the second reads again the images that were decoded with another range. For three 16-bit images:

    first run     pass 1 reads a (0 to 2,000), b (0 to 2,000), c (0 to 4,000), each in its own range
                  the range of the set is 0 to 4,095; pass 2 reads a and b again, c has it already
    d is added    pass 1 reads d (0 to 3,000) in the range of the set; it stays, and pass 2 reads nothing
    e is added    pass 1 reads e (0 to 9,000); the range becomes 0 to 9,215, and pass 2 reads all five again

Images of 8 bits are read once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from dataprep.config.decode import Decoding
from dataprep.config.ingest import IngestConfig
from dataprep.core.name_encoding import decode_name
from dataprep.decode.deep_samples import Range
from dataprep.decode.value_range import MEASURED, check_levels, find_levels, out_of_date, with_levels
from dataprep.ingest.examine import FACTS
from dataprep.ingest.scan_cache import Known
from dataprep.source.path_pattern import compile_pattern, read_paths

Pass: TypeAlias = Callable[[pl.DataFrame, Decoding], Iterable[pl.DataFrame]]
"""Takes rows of `scan` and how to decode them; gives tables with the columns of `FACTS`."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is now known of all files that can be opened.

    Attributes:
        facts: columns of `FACTS`.
        num_new: how many of the files were not known before.
        clusters: the known clusters of near duplicates; none where images changed their range, and so what they look like.
    """

    facts: pl.DataFrame
    num_new: int
    clusters: pl.DataFrame


def examine_in_common_range(
    found: pl.DataFrame, known: Known, config: IngestConfig, *, first_pass: Pass, second_pass: Pass
) -> Examined:
    """Examines what is new, finds the range of each sample type, and examines again what was decoded with another one.

    Args:
        found: from `scan`.
        known: what the scan cache knows of these files.
        config: the section.
        first_pass: examines the files that are not known.
        second_pass: examines again those that need another range.

    Raises:
        ParamsError: the levels of `ingest.decode` leave too many images without a range.
    """
    new = found.filter(pl.col("reason").is_null()).join(known.facts, on="path", how="anti")
    likely = find_ranges(known.facts, config)
    examined = first_pass(new, with_levels(config.decode, likely))
    facts = pl.concat([pl.DataFrame(schema=FACTS), known.facts, *examined])
    ranges = find_ranges(facts, config)
    check_levels(ranges, facts["sample_type"], config.decode, max_fraction=config.max_quarantined_fraction)
    changed = out_of_date(facts, ranges)
    again = found.join(changed, on="path", how="semi")
    examined = second_pass(again, with_levels(config.decode, ranges))
    facts = pl.concat([facts.join(changed, on="path", how="anti"), *examined])
    return Examined(facts, new.height, known.clusters if changed.is_empty() else known.clusters.clear())


def find_ranges(facts: pl.DataFrame, config: IngestConfig) -> dict[str, Range]:
    """Finds the range of each sample type over the images of the data set with more than 8 bits.

    Args:
        facts: columns of `FACTS`; files that the pattern does not match do not count, unless a table has the labels.
        config: the section.
    """
    # An image that is constant in one range need not be so in another, unless it holds a single value.
    in_another = (pl.col("reason") == "unknown_range") | ((pl.col("reason") == "constant") & (pl.col("num_values") > 1))
    usable_in_some = pl.col("reason").is_null() | in_another
    deep = facts.filter(pl.col("lowest").is_not_null() & usable_in_some)
    read = read_paths([decode_name(path) for path in deep["path"].to_list()], compile_pattern(config.pattern))
    counts = [path_facts is not None or config.labels is not None for path_facts in read]
    matches = pl.Series(counts, dtype=pl.Boolean)
    return find_levels(deep.filter(matches).select(list(MEASURED)), config.decode)
