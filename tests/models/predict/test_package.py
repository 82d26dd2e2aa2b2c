"""`from models.predict import Predictor`, and what it costs those who import another module of the package."""

import subprocess
import sys

import pytest

import models.predict
from models.predict.predictor import Predictor
from tests.closure import ROOT

IMPORTS_NOTHING = """
import sys
import models.predict
print(*sorted(name for name in sys.modules if name.startswith(("dataprep", "models", "pipelines"))))
"""


def test_the_package_offers_its_class_and_nothing_else() -> None:
    assert models.predict.Predictor is Predictor
    assert models.predict.__all__ == ["Predictor"]
    with pytest.raises(AttributeError, match=r"module 'models\.predict' has no attribute 'Predictors'"):
        _ = models.predict.Predictors  # type: ignore[attr-defined]


def test_the_package_itself_imports_nothing() -> None:
    ended = subprocess.run([sys.executable, "-c", IMPORTS_NOTHING], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["models", "models.predict"]
