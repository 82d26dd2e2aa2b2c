"""What `make quick` leaves out is read from imports, and a quick test cannot become slow unseen."""

import multiprocessing
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.closure import ROOT
from tests.quick import NotQuickError, is_quick, nothing_slow

TESTS = ROOT / "tests"


@pytest.mark.parametrize("name", ["dataprep/split/test_stratified_group_split.py", "models/test_report.py"])
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
