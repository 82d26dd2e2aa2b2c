"""What a shell or a notebook left in the environment changes no result and ends no stage."""

import os
import subprocess
import sys

import pytest

from pipelines.environment_variables import settle
from tests.closure import ROOT


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense", "tkagg", ""])
def test_charts_are_drawn_whatever_backend_a_notebook_left(backend: str) -> None:
    lines = (
        "from pipelines.environment_variables import settle",
        "settle()",
        "import models.report.charts",
    )
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "name",
    [
        "CUBLAS_WORKSPACE_CONFIG",
        "CUDNN_CONV_WSCAP_DBG",
        "GOTO_NUM_THREADS",
        "NVIDIA_TF32_OVERRIDE",
        "OPENBLAS_CORETYPE",
        "TF_CUDNN_USE_AUTOTUNE",
    ],
)
def test_what_changes_how_a_library_or_a_card_rounds_is_removed(name: str) -> None:
    variables = {name: "1", "CUDA_VISIBLE_DEVICES": "0"}
    settle(variables)
    assert name not in variables
    assert variables["CUDA_VISIBLE_DEVICES"] == "0"
