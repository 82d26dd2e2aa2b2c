"""No setting of a home folder, the environment or the number of cores changes a byte of what the line makes."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.end_to_end.conftest import ENVIRONMENT, STAGES, Project

MADE = ("data", "artifacts", "reports")


def digests(project: Project) -> dict[str, str]:
    """SHA-256 of all that the line made."""
    files = sorted(path for name in MADE for path in (project.root / name).rglob("*") if path.is_file())
    assert len(files) > 12
    return {str(path.relative_to(project.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def hostile(folder: Path) -> dict[str, str]:
    """All at once: what must change nothing each by itself changes nothing together."""
    keras = {"floatx": "float64", "image_data_format": "channels_first", "epsilon": 0.1}
    write(folder / ".keras/keras.json", json.dumps(keras))
    write(folder / ".config/matplotlib/matplotlibrc", "lines.linewidth: 9\nfont.size: 30\npath.sketch: 9, 9, 9\n")
    write(folder / ".config/dvc/config", "[core]\n    autostage = true\n[cache]\n    type = copy\n")
    return {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "KERAS_BACKEND": "jax",
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENCV_IPP": "disabled",
        "POLARS_MAX_THREADS": "1",
        "DVCLIVE_RESUME": "true",
        "PYTHONHASHSEED": "7",
        "PYTHONOPTIMIZE": "1",
        "TZ": "Pacific/Apia",
        "SOURCE_DATE_EPOCH": "1",
    }


def test_without_data_models_and_cache_the_same_bytes_come_back_whatever_home_environment_and_cores_are(
    make_ran_project: Callable[[], Project], tmp_path: Path
) -> None:
    project = make_ran_project()
    expected, lock = digests(project), project.read("dvc.lock")
    for name in (*MADE, ".dvc/cache"):
        shutil.rmtree(project.root / name)
    one_core = sorted(os.sched_getaffinity(0))[:1]
    command = f"import os; os.sched_setaffinity(0, {one_core}); from dvc.cli import main; raise SystemExit(main(['repro']))"
    ended = project.run("python", "-c", command, env={**ENVIRONMENT, **hostile(tmp_path / "home")})
    assert ended.exit_code == 0, ended.output
    assert ended.ran() == STAGES
    assert digests(project) == expected
    assert project.read("dvc.lock") == lock


def test_python_without_docstrings_is_one_line(make_project: Callable[[], Project]) -> None:
    ended = make_project().run("python", "-OO", "-m", "pipelines.stages.train")
    assert ended.exit_code == 2
    assert ended.output == (
        "error: PYTHONOPTIMIZE must be below 2, since TensorFlow reads docstrings; got 2. Unset it or leave out -OO, then run "
        "the same again\n"
    )
