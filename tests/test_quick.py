"""What `make quick` leaves out is read from imports, and a quick test cannot become slow unseen."""

import multiprocessing
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.closure import ROOT
from tests.conftest import pytest_ignore_collect
from tests.quick import NotQuickError, is_quick, nothing_slow, nothing_slow_loaded

TESTS = ROOT / "tests"


@pytest.mark.parametrize("name", ["dataprep/split/test_stratified_group_split.py", "models/report/test_page.py"])
def test_what_computes_in_one_process_is_quick(name: str) -> None:
    assert is_quick(TESTS / name)


@pytest.mark.parametrize(
    "name", ["models/train/test_fit.py", "pipelines/test_flows.py", "dataprep/execute/test_executor.py", "test_quick.py"]
)
def test_what_loads_tensorflow_or_prefect_or_starts_processes_is_not(name: str) -> None:
    assert not is_quick(TESTS / name)


def test_no_test_of_the_whole_line_is_quick() -> None:
    assert [path for path in (TESTS / "end_to_end").glob("test_*.py") if is_quick(path)] == []


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("tests/pipelines/test_cli.py", True),
        ("tests/models/report/test_page.py", None),
        ("tests/models/networks/building.py", True),
        ("tests/models/networks", None),
        ("dataprep/core/rng.py", None),
    ],
)
def test_of_the_tests_only_files_of_quick_ones_are_imported(
    name: str, ignored: bool | None, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytestconfig.option, "quick", False)
    assert pytest_ignore_collect(ROOT / name, pytestconfig) is None
    monkeypatch.setattr(pytestconfig.option, "quick", True)
    assert pytest_ignore_collect(ROOT / name, pytestconfig) is ignored


def test_a_file_that_loads_a_slow_package_when_it_is_imported_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "prefect", raising=False)
    with nothing_slow_loaded("test_a.py"):
        subprocess.run(["true"], check=True)  # as h5py does, which asks `uname` for the processor
        with pytest.raises(NotQuickError, match=r"^test_a.py is one of .* loads prefect"):
            __import__("prefect")


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run(["true"], check=True),
        lambda: multiprocessing.get_context("fork").Process(target=print).start(),
    ],
    ids=["subprocess", "fork"],
)
def test_a_quick_test_that_starts_a_process_is_refused(start: Callable[[], object]) -> None:
    with (
        nothing_slow("test_a"),
        pytest.raises(NotQuickError, match=r"^test_a is one of .* starts a process\. Mark it"),
    ):
        start()


def test_a_quick_test_that_loads_a_slow_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "prefect", raising=False)
    with nothing_slow("test_a"), pytest.raises(NotQuickError, match=r"^test_a is one of .* loads prefect"):
        __import__("prefect")
