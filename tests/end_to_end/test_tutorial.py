"""The tutorial is true: what it types runs, and prints what it shows, but for numbers."""

import re
from pathlib import Path

import httpx

from tests.end_to_end.tutorial import PAGE, PICTURES, Reader, blocks, without_numbers

TEXT = PAGE.read_text(encoding="utf-8")


def test_what_is_typed_runs_and_prints_what_is_shown(tmp_path: Path) -> None:
    looked = []

    def look(address: str) -> None:
        image = next((tmp_path / "darkroom-tutorial/scans").rglob("*.jpg"))
        answer = httpx.post(f"{address.rstrip('/')}/predict", files={"files": image.read_bytes()}, timeout=60)
        looked.append(answer.status_code)

    reader, shown = Reader(tmp_path, look), 0
    for language, text in blocks(TEXT):
        if language == "bash":
            reader.type(text)
        elif language == "text":
            printed = without_numbers(reader.output)
            missing = [line for line in without_numbers(text) if not any(line in own for own in printed)]
            assert not missing, reader.output
            shown += 1
    assert looked == [200]
    assert shown >= 5
    assert (reader.folder / "predictions.csv").read_text().count("\n") > 10


def test_its_pictures_are_those_that_are_taken() -> None:
    named = re.findall(r"\]\(images/tutorial-([\w-]+)\.png\)", TEXT)
    assert sorted(named) == sorted(name for names in PICTURES.values() for name in names)
    links = re.findall(r"\]\(([^)#:]+?)(?:#[\w-]+)?\)", TEXT)
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
