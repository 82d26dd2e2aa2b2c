"""A parameter file that cannot be ends with one line, at once, whatever is wrong with it."""

import copy
import math
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dataprep.core.errors import ParamsError
from pipelines.parameters.params import check_document, read_params
from tests.closure import ROOT
from tests.pipelines.parameters.bad_params import TEXT, bad_files
from tests.pipelines.parameters.params_lines import put
from tests.stage_command import stage_command

FILES = list(bad_files())


@pytest.mark.parametrize(("content", "words"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_bad_file_is_refused_in_one_short_line_at_once(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    start = time.process_time()
    with pytest.raises(ParamsError) as error:
        read_params(path)
    assert time.process_time() - start < 2
    line = str(error.value)
    assert words in line
    assert line.isprintable()
    assert len(line.replace(str(path), "")) < 600


def test_there_are_two_hundred_of_them() -> None:
    assert len(FILES) + 3 * len(NUMBERS) >= 200


def numbers(node: object, where: str = "") -> Iterator[str]:
    """Where numbers stand, in lists too."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from numbers(value, f"{where}.{key}" if where else key)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from numbers(value, f"{where}.{number}")
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield where


DOCUMENT = YAML(typ="safe").load(TEXT)
NUMBERS = list(numbers(DOCUMENT))


def replaced(where: str, value: object) -> Mapping[object, object]:
    document = copy.deepcopy(DOCUMENT)
    node = document
    *above, last = [int(part) if part.isdigit() else part for part in where.split(".")]
    for part in above:
        node = node[part]
    node[last] = value
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("where", NUMBERS)
def test_every_number_has_bounds(where: str) -> None:
    never = where.startswith("ingest.quality.")  # where infinity has a meaning
    for value in (math.nan, -math.inf, -1e300, *(() if never else (math.inf, 1e300, 10**30, 10**400))):
        with pytest.raises(ParamsError) as error:
            check_document(replaced(where, value), Path("params.yaml"))
        section = where.split(".")[0]
        assert section in str(error.value)
        assert "\n" not in str(error.value)


def stage(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        stage_command("split"),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: os.mkfifo(path), "params.yaml must be a file; it is a folder, a pipe or a device"),
        (lambda path: path.mkdir(), "params.yaml must be a file; it is a folder, a pipe or a device"),
        (lambda path: path.symlink_to("/dev/zero"), "params.yaml must be a file; it is a folder, a pipe or a device"),
        (lambda path: path.symlink_to("nowhere"), "params.yaml is missing"),
        (lambda path: path.symlink_to("params.yaml"), "params.yaml: links lead in a circle"),
        (lambda path: path.write_bytes(TEXT.encode("utf-16")), "params.yaml must be text in UTF-8; it is in UTF-16"),
        (lambda path: path.write_text("a: &a [*a]"), "params.yaml must not hold itself"),
    ],
    ids=["a pipe", "a folder", "a device", "a link to nothing", "a link to itself", "UTF-16", "recursion"],
)
def test_a_stage_ends_with_one_line_and_exit_code_2(tmp_path: Path, make: object, words: str) -> None:
    assert callable(make)
    make(tmp_path / "params.yaml")
    ended = stage(tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(f"error: {words}")
    assert ended.stderr.count("\n") == 1


def test_anchors_and_aliases_that_are_small_are_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = put(TEXT, {"augment.shear.degrees": "&turn [-3.0, 3.0]", "augment.rotation.degrees": "*turn"})
    path.write_text("\ufeff" + text)  # some editors begin a file in UTF-8 with a mark
    assert read_params(path).augment.rotation.degrees == (-3.0, 3.0)


def test_some_thousand_pins_are_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    pins = ", ".join(f"patient-{number:05}: test" for number in range(9000))
    path.write_text(put(TEXT, {"split.pin": f"{{group: {{{pins}}}}}"}))
    assert len(read_params(path).split.pin["group"]) == 9000


def test_a_batch_larger_than_a_small_data_set_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(put(TEXT, {"train.batch_size": "50000"}))
    assert read_params(path).train.batch_size == 50000
