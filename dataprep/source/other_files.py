"""Files of a raw folder that are not meant as images: tables, programs, notes, databases of thumbnails.

They are skipped and do not count as damaged. A file is meant as an image if its name has one of `IMAGE_ENDINGS`, or one
that other images of this folder have (`.dat`, or none at all). A text with any other ending is not meant as an image.
Neither is binary content or a file without ending, if its class has images. Where a class has no other files, they may be
damaged images, and are quarantined.
"""

from collections import Counter
from collections.abc import Iterable

import polars as pl

from dataprep.core.name_encoding import decode_name
from dataprep.source.name_endings import IMAGE_ENDINGS, ending_of

_LOOKED_AT = 8000
_NO_CONTENT = ("not_an_image", "empty")


def is_text(content: bytes) -> bool:
    """Whether bytes are text, by the rule of Git: no zero among the first 8,000. An empty file is no text.

    >>> is_text(b"label,file"), is_text(bytes(9)), is_text(b"")
    (True, False, False)
    """
    return bool(content) and b"\0" not in content[:_LOOKED_AT]


def mark_other_files(rows: pl.DataFrame) -> pl.DataFrame:
    """Gives files that are not meant as images the reason `other_file`.

    Args:
        rows: path, label, file_digest, reason, message, is_text.
    """
    endings = pl.Series("ending", [ending_of(decode_name(path)) for path in rows["path"].to_list()], dtype=pl.String)
    is_image = ~pl.col("reason").is_in(_NO_CONTENT).fill_null(value=False)
    read = rows.select(endings, "file_digest", is_image=is_image).drop_nulls("file_digest")
    usual = read.group_by("ending").agg(pl.col("is_image").mean()).filter(pl.col("is_image") > 0.5)
    claims = endings.is_in([*IMAGE_ENDINGS, *usual["ending"].to_list()])
    is_note = pl.col("is_text").fill_null(value=False) & pl.lit(endings != "")
    beside = pl.col("label").is_null() | pl.col("reason").is_null().any().over("label")
    other = pl.col("reason").is_in(_NO_CONTENT) & ~pl.lit(claims) & (is_note | beside)
    return rows.with_columns(
        reason=pl.when(other).then(pl.lit("other_file")).otherwise("reason"),
        message=pl.when(other).then(pl.lit("no image by name and content")).otherwise("message"),
    )


def counted_endings(paths: Iterable[str]) -> str:
    """Counts the endings of names, the most frequent first, five at most.

    >>> counted_endings(["a.txt", "b.txt", "README"])
    '2 .txt, 1 without ending'
    """
    counts = Counter(f".{ending}" if (ending := ending_of(path)) else "without ending" for path in paths)
    listed = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{count:,} {ending}" for ending, count in listed[:5]) + (" and more" if len(listed) > 5 else "")
