"""Tasks on Dask workers, of a cluster that is already running or of one that is started on this machine.

Workers may join at any time, and a dead one is replaced, so no worker is set up once and for all. Instead each task carries the
versions that it needs, since with other code, Python or image libraries the bytes would differ:

    here                      on_worker(build_shard) = _Remote(build_shard, {"numpy": "2.4.0", ...})
    to any worker             the function by its name, the versions, and the task: paths, no arrays
    on a worker               numpy 2.4.0, as here -> runs the task; numpy 2.3.5 -> ExecuteError with both versions
    a worker dies             Dask gives its task to another one; after 4 deaths (KilledWorker) the task is named in an error
    the scheduler is gone     CancelledError -> ExecuteError
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import logging
import os
import platform
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

import cv2
import dask
from distributed import Client, KilledWorker, LocalCluster
from distributed import Future as DaskFuture
from distributed.cfexecutor import ClientExecutor
from distributed.versions import VersionMismatchWarning

from dataprep.core.errors import ExecuteError
from dataprep.execute.process_pool import ONE_THREAD

T = TypeVar("T")
R = TypeVar("R")

SECONDS_TO_CONNECT = 8.0
_SETTINGS = {
    "distributed.comm.timeouts.connect": f"{SECONDS_TO_CONNECT}s",
    "distributed.nanny.pre-spawn-environ": {"MALLOC_TRIM_THRESHOLD_": 65536, **ONE_THREAD},
    "distributed.client.large-graph-warning-threshold": "1GB",  # the paths of a large shard are no mistake
}
_PIXEL_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "h5py", "simplejpeg")


@dataclass(frozen=True, slots=True)
class _Remote(Generic[T, R]):
    """A function as a worker calls it: the versions are checked first."""

    function: Callable[[T], R]
    software: dict[str, str]

    def __call__(self, task: T) -> R:
        own = _software()
        for name, wanted in self.software.items():
            if own[name] != wanted:
                raise ExecuteError(
                    f"execute.address: a worker on {platform.node()} has {name} {own[name]}; expected {wanted}, as where the "
                    "run was started. Start the workers from the same commit, with the same requirements.lock"
                )
        cv2.setNumThreads(0)  # one task runs on each core, so OpenCV's own threads would only slow each other down
        return self.function(task)


@functools.cache
def _software() -> dict[str, str]:
    """Versions of all that decides the bytes that a task writes."""
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        code.update(path.read_bytes())
    versions = {"Python": platform.python_version(), "the code of dataprep": code.hexdigest()[:12]}
    for name in _PIXEL_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def on_worker(function: Callable[[T], R]) -> Callable[[T], R]:
    """What to submit in place of a function of a module: it checks the versions of its worker."""
    return _Remote(function, _software())


@contextlib.contextmanager
def connected(address: str | None, workers: int) -> Iterator[tuple[Executor, int]]:
    """Connects to the workers of a scheduler, or starts `workers` processes on this machine that end with the context.

    Yields:
        An executor, and how many tasks should be submitted to it at a time.

    Raises:
        ExecuteError: nobody answers, or the scheduler has no workers.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(_SETTINGS))
        stack.enter_context(_silence())
        stack.enter_context(_environment_put_back())
        client = stack.enter_context(_cluster_here(workers) if address is None else _client(address))
        num_threads = sum(client.nthreads().values())
        # Workers may join a cluster later, and a waiting task takes no more memory than its paths.
        yield _PatientExecutor(client, pure=False), 4 * num_threads if address is None else max(64, 4 * num_threads)


class _PatientExecutor(ClientExecutor):  # type: ignore[misc]  # distributed has no types
    """Dask's executor without a race: where a worker dies just after its result was fetched, Dask computes the task again.

    The status of a future is then neither finished nor an error for a while, and Dask's own executor takes the result for an
    error (distributed 2026.7: `TypeError: cannot unpack`). Here it is waited for once more.
    """

    def _wrap_future(self, future: DaskFuture) -> "Future[object]":
        handed_out: Future[object] = Future()

        def cancel_too(done: "Future[object]") -> None:
            if done.cancelled() and future.status != "cancelled":
                future.cancel()

        async def hand_on() -> None:
            result = await future._result(raiseit=False)  # noqa: SLF001  # as the class above does
            while future.status not in ("finished", "error", "cancelled"):
                result = await future._result(raiseit=False)  # noqa: SLF001
            if future.status == "finished":
                handed_out.set_result(result)
            elif future.status == "cancelled":
                handed_out.cancel()
                handed_out.set_running_or_notify_cancel()  # wakes up who waits
            else:
                _, error, traceback = result
                handed_out.set_exception(error.with_traceback(traceback))

        handed_out.add_done_callback(cancel_too)
        self._client.loop.add_callback(hand_on)
        return handed_out


@contextlib.contextmanager
def explained(task: Callable[[], object], died: Callable[[object, str], NoReturn]) -> Iterator[None]:
    """Turns errors of Dask itself into errors that say what to do.

    Args:
        task: returns the task whose result is waited for.
        died: raises the error for a task that crashes its workers.
    """
    try:
        yield
    except KilledWorker as error:
        died(task(), f"{error.allowed_failures + 1} times")
    except MemoryError:
        died(task(), "MemoryError")
    except CancelledError as error:
        raise ExecuteError(
            "execute.address: the scheduler is gone, and the tasks with it. Start it again, and then: dvc repro"
        ) from error


@contextlib.contextmanager
def _cluster_here(workers: int) -> Iterator[Client]:
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-", ignore_cleanup_errors=True) as folder,
        dask.config.set({"temporary-directory": folder}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # any free port, since two projects may run at once
            scheduler_kwargs={"dashboard": False},
            local_directory=folder,
            memory_limit=0,  # no limit of its own: a worker holds one shard, and Dask would pause it or end it
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextlib.contextmanager
def _client(address: str) -> Iterator[Client]:
    with contextlib.ExitStack() as stack:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", VersionMismatchWarning)  # `_Remote` says it in one line where it matters
                client = stack.enter_context(Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False))
        except (TypeError, ValueError) as error:  # of a tls:// address for which there are no certificates
            raise ExecuteError(
                f"execute.address: {address} cannot be used ({error}). Name the certificates in Dask's settings, or use tcp://"
            ) from error
        except OSError as error:
            raise ExecuteError(
                f"execute.address: nobody answers at {address}. Start a scheduler there, or set execute.backend to local"
            ) from error
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
        except TimeoutError as error:
            raise ExecuteError(
                f"execute.address: the scheduler at {address} has no workers. Start some: dask worker {address} --nthreads 1"
            ) from error
        # A task that a worker cannot unpickle would end one worker after another, without an error.
        for lacking in client.run(_look_for(__name__)).values():
            if lacking:
                raise ExecuteError(
                    f"execute.address: the workers cannot import {lacking}. "
                    "Start them in a copy of this project, in its environment"
                )
        yield client


def _look_for(module: str) -> Callable[[], str]:
    def look() -> str:
        """Names the module that cannot be imported. An inner function is sent whole, not by the name of its module."""
        import importlib

        try:
            importlib.import_module(module)
        except ImportError as error:
            return error.name or module
        return ""

    return look


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps Dask's own log off the terminal: a dead worker is replaced, and other errors are raised."""
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict) if name.startswith("distributed")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _environment_put_back() -> Iterator[None]:
    """Restores the environment: when Dask starts a worker, it sets the worker's variables in this process too."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
