"""Images and folders that tests work on, all made here, and the real data where it is there."""

import sys

from pipelines.environment_variables import settle

if "dataprep" not in sys.modules:  # as each stage does, before any library reads it; a worker has its own settings by then
    settle()

import gc
import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from dataprep.config.execute import ExecuteConfig
from dataprep.decode.image import Pixels
from pipelines.parameters.params import Params, read_params
from tests.closure import ROOT, SHIPPED
from tests.quick import is_quick, nothing_slow, nothing_slow_loaded

# Machines are shared: how long one example takes says nothing.
settings.register_profile("darkroom", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.load_profile("darkroom")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHARED = ROOT.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="only tests that load no TensorFlow, start no process and take no seconds"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):  # a quarter of the examples; `make test` runs all
        settings.load_profile("quick")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --quick, files of slow tests are not even imported, nor are files that tests share, which have no doctests."""
    if not config.getoption("quick") or collection_path.is_dir() or not collection_path.is_relative_to(ROOT / "tests"):
        return None
    return None if collection_path.name.startswith("test_") and is_quick(collection_path) else True


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    with nothing_slow_loaded(collector.nodeid) if collector.config.getoption("quick") else nullcontext():
        return (yield)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("quick"):
        slow = [item for item in items if item.get_closest_marker("processes") or item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def pytest_collection_finish() -> None:
    """Leaves out of garbage collection what the imports made, half a million objects of TensorFlow among others.

    Keras collects in each `clear_session`, which took 0.4 s, and Python now and then: more than half the time of its tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def quick_tests_do_nothing_slow(request: pytest.FixtureRequest) -> Iterator[None]:
    if is_quick(request.path) and not request.node.get_closest_marker("processes"):
        with nothing_slow(request.node.nodeid):
            yield
    else:
        yield


@pytest.fixture(scope="session")
def params() -> Params:
    """The project's own parameters."""
    return read_params(SHIPPED)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the archives of MNIST and CIFAR-10."""
    folder = Path(os.environ.get("DARKROOM_DATA", SHARED / "data"))
    if not folder.is_dir():
        pytest.skip(f"real images are not in {folder}; name their folder in DARKROOM_DATA")
    return folder


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One Chromium for the tests of a file: while it is there an event loop runs, and tests of other files start their own."""
    from tests.browser import ChromiumMissingError, chromium  # playwright takes long to import, and few tests need it

    try:
        with chromium() as browser:
            yield browser
    except ChromiumMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def png_corpus() -> Path:
    """PngSuite and the EXIF orientation examples."""
    folder = SHARED / "corpus" / "pngsuite_exif"
    if not folder.is_dir():
        pytest.skip(f"PngSuite and the EXIF examples are not in {folder}")
    return folder


@pytest.fixture(scope="session")
def naughty_strings() -> list[str]:
    """The 515 strings of the Big List of Naughty Strings."""
    path = SHARED / "corpus" / "naughty_strings" / "blns.json"
    if not path.is_file():
        pytest.skip(f"the Big List of Naughty Strings is not in {path}")
    strings: list[str] = json.loads(path.read_text(encoding="utf-8"))
    return strings


@pytest.fixture(scope="session")
def naughty_names(naughty_strings: list[str]) -> list[bytes]:
    """Those 332 that a file can be named by; three of them stand there twice."""
    strings = [text.encode() for text in naughty_strings]
    return [name for name in strings if 0 < len(name) <= 255 and b"/" not in name and b"\0" not in name and name != b"."]


def local(workers: int = 1) -> ExecuteConfig:
    return ExecuteConfig(backend="local", workers=workers, address=None)


def random_image(seed: int, shape: tuple[int, int, int] = (12, 12, 1)) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_png(path: Path, image: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(path)
    return path


def striped(label: int, seed: int, size: int = 12) -> Pixels:
    """A noisy image whose class is easy to see: bright rows, bright columns, or a bright diagonal."""
    rows, columns = np.indices((size, size))
    lines = [rows % 4 < 2, columns % 4 < 2, (rows + columns) % 4 < 2][label]
    noise = np.random.default_rng(seed).integers(0, 60, (size, size))
    return (lines * 180 + noise).astype(np.uint8)[:, :, np.newaxis]


def write_striped_tree(root: Path, *, classes: int, images: int) -> Path:
    """Writes `class<label>/<number>.png`, every image another."""
    for label in range(classes):
        for number in range(images):
            write_png(root / f"class{label}/{number:02d}.png", striped(label % 3, 1000 * label + number))
    return root


@pytest.fixture
def make_tree(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of striped images, by default 3 classes of 8."""

    def make(classes: int = 3, images: int = 8) -> Path:
        return write_striped_tree(tmp_path / "raw", classes=classes, images=images)

    return make
