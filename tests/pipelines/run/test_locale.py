"""The same bytes and no traceback under any locale, in processes of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from dataprep.core.name_encoding import encode_name
from dataprep.store.manifest import read_manifest
from dataprep.store.split_table import read_split
from tests.closure import ROOT, SHIPPED
from tests.dataprep.core.test_name_encoding import write_odd_names
from tests.pipelines.parameters.params_lines import put
from tests.stage_command import stage_command

UTF8 = {"LC_ALL": "C.UTF-8"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LABELS = ("-c", "import sys; sys.argv[0] = 'darkroom'; from pipelines.cli import main; main()", "labels", "raw-é")


@pytest.fixture
def latin_1(tmp_path: Path) -> Mapping[str, str]:
    """A locale of ISO-8859-1, where this system can make one; else that of ASCII."""
    made = tmp_path / "locales/en_US.ISO-8859-1"
    made.parent.mkdir()
    program = shutil.which("localedef")
    if program is None or subprocess.run([program, "-i", "en_US", "-f", "ISO-8859-1", made], check=False).returncode:
        return ASCII
    return {"LOCPATH": str(made.parent), "LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"}


def ran(folder: Path, locale: Mapping[str, str], *command: str | bytes) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), **locale},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode("utf-8", "backslashreplace")
    assert done.returncode == 0, output
    return output


def test_the_locale_changes_neither_the_manifest_nor_the_split(tmp_path: Path, latin_1: Mapping[str, str]) -> None:
    write_odd_names(tmp_path / "raw-é")
    params = put(
        SHIPPED.read_text(encoding="utf-8"),
        {
            "ingest.source": "raw-é",
            "ingest.skip": "['größe', '.*']",
            "split.pin": "{label: {café: train}}",
            "execute.workers": "1",
        },
    )
    (tmp_path / "params.yaml").write_text(params, encoding="utf-8")
    manifest, split = tmp_path / "data/manifest.parquet", tmp_path / "data/split.parquet"
    made: dict[str, bytes] = {}
    for name, locale in {"utf-8": UTF8, "ascii": ASCII, "latin-1": latin_1}.items():
        (tmp_path / ".darkroom/scan.parquet").unlink(missing_ok=True)
        assert "│ café" in ran(tmp_path, locale, *stage_command("ingest")[1:])
        made[name] = manifest.read_bytes()
    assert made["ascii"] == made["utf-8"]
    assert made["latin-1"] == made["utf-8"]
    assert {"café", "中文", "😀"} <= set(read_manifest(manifest)["label"])
    ran(tmp_path, UTF8, *stage_command("split")[1:])
    usual = split.read_bytes()
    ran(tmp_path, latin_1, *stage_command("split")[1:])
    assert split.read_bytes() == usual
    assert set(read_split(split).filter(pl.col("id").str.starts_with("café/"))["split"]) == {"train"}


@pytest.mark.parametrize(("locale", "output"), [(UTF8, "ascii"), (ASCII, "latin-1")], ids=["ascii", "latin-1"])
def test_what_the_output_cannot_show_is_escaped(tmp_path: Path, locale: Mapping[str, str], output: str) -> None:
    write_odd_names(tmp_path / "raw-é")
    shown = ran(tmp_path, {**locale, "PYTHONIOENCODING": output}, *map(encode_name, LABELS))
    assert r"\u4e2d\u6587" in shown
    assert "24 of 24 files match" in shown
    assert "Traceback" not in shown
