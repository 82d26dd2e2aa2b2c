"""The law of accounting on odd, broken and hostile files: found = ok + quarantined + skipped, each with its reason."""

import csv
from collections import Counter
from pathlib import Path
from typing import get_args

import polars as pl

from dataprep.decode.image import DecodeReason
from dataprep.store.manifest import Reason
from tests.bombs import bombs
from tests.conftest import local
from tests.dataprep.decode.test_image import damaged_checksum, whole_files
from tests.dataprep.ingest.ingesting import INGEST, num_files_below, run_in_workers, with_values

ALL_USED = with_values(INGEST, decode__max_pixels=1_000_000, limits__min_side=1, label_conflict="keep")
REASONS = {reason for part in get_args(Reason) for reason in (get_args(part) or (part,))}


def accounted(source: Path) -> pl.DataFrame:
    """Ingests a folder in worker processes and checks the law."""
    manifest = run_in_workers(source, ALL_USED, execute=local(2))
    counts = Counter(manifest["status"])
    assert manifest.height == num_files_below(source) == counts["ok"] + counts["quarantined"] + counts["skipped"]
    assert manifest["path"].n_unique() == manifest["id"].n_unique() == manifest.height
    unused = manifest.filter(pl.col("status") != "ok")
    assert set(unused["reason"]) <= REASONS
    assert unused["message"].str.len_chars().min() or unused.is_empty()
    assert manifest.filter(pl.col("status") == "ok")["reason"].null_count() == counts["ok"]
    return manifest


def test_every_png_of_pngsuite_is_in_or_refused_with_a_reason(png_corpus: Path, tmp_path: Path) -> None:
    with (png_corpus / "FACTS.csv").open(newline="") as file:
        facts = {Path(row["file"]).name: row["expected"] for row in csv.DictReader(file) if row["file"].startswith("pngsuite/")}
    for name in facts:
        target = tmp_path / "raw" / ("b" if name.startswith("x") else "a") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((png_corpus / "pngsuite" / name).read_bytes())
    rows = {Path(row["id"]).name: row for row in accounted(tmp_path / "raw").iter_rows(named=True)}
    refused = {name for name, row in rows.items() if row["reason"] in {*get_args(DecodeReason)} - {"constant"}}
    assert refused == {name for name, expected in facts.items() if expected != "decode"}
    assert len(refused) == 14
    assert len(rows) - len(refused) == 161


def test_480_cut_files_are_refused(tmp_path: Path) -> None:
    for number, content in enumerate(whole_files().values()):
        folder = tmp_path / f"raw/{'ab'[number % 2]}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02d}-whole").write_bytes(content)
        for part in range(1, 21):
            (folder / f"{number:02d}-{part:02d}").write_bytes(content[: round(len(content) * part / 21)])
    status = dict(
        accounted(tmp_path / "raw")
        .with_columns(pl.col("id").str.ends_with("whole").alias("whole"))
        .group_by("whole", "status")
        .len()
        .select(pl.concat_str("whole", "status", separator=" "), "len")
        .rows()
    )
    assert status == {"true ok": 24, "false quarantined": 480}


def test_files_that_decode_all_the_same_are_checked(tmp_path: Path) -> None:
    whole = whole_files()
    for name, content in {
        "a/whole": whole["gray PNG {}"],
        "a/wrong-checksum": damaged_checksum(),
        "b/png-without-end": whole["gray PNG {}"][:-4],
        "b/gif-without-end": whole["gray GIF {}"][:-1],
    }.items():
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / name).write_bytes(content)
    reasons = dict(accounted(tmp_path / "raw").select("id", "reason").rows())
    assert reasons.pop("a/whole") is None
    assert reasons == {"a/wrong-checksum": "damaged", "b/png-without-end": "undecodable", "b/gif-without-end": "undecodable"}


def test_bombs_are_refused(tmp_path: Path) -> None:
    for number, content in enumerate(bombs().values()):
        folder = tmp_path / f"raw/{'ab'[number % 2]}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02d}").write_bytes(content)
    manifest = accounted(tmp_path / "raw")
    assert manifest.height == 12
    # Of two with a text the picture is good, and black.
    assert Counter(manifest["reason"])["constant"] == 2
    assert set(manifest["reason"]) <= {"too_many_pixels", "undecodable", "damaged", "constant"}
