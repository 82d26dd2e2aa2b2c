"""Decoders that hang or die, apart from the tests: a worker that loads this loads neither pytest nor Dask."""

import os
import signal
import time
from unittest.mock import patch

import polars as pl

from dataprep.config.decode import DecodeConfig
from dataprep.decode import image
from dataprep.decode.image import Loaded
from dataprep.ingest import examine as examine_module
from dataprep.ingest.examine import ExamineTask, examine_files

HANGS = b"this one hangs"
"""At the end of a file whose decoder does not return, whatever interrupts it."""


def examine_or_die(task: ExamineTask) -> pl.DataFrame:
    """As a decoder that brings its process down."""
    if any(b"killer" in path for path, _ in task.files):
        os.kill(os.getpid(), signal.SIGSEGV)
    return examine_files(task)


def examine_hang_or_die(task: ExamineTask) -> pl.DataFrame:
    """The same, and some hang."""
    with patch.object(examine_module, "load", _load_or_hang):
        return examine_or_die(task)


def _load_or_hang(content: bytes, config: DecodeConfig) -> Loaded:
    while content.endswith(HANGS):
        try:
            time.sleep(60)
        except Exception:  # noqa: BLE001  # as a decoder might
            continue
    return image.load(content, config)
