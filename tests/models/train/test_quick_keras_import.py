"""Keras is loaded without what training does not use."""

import subprocess
import sys

from tests.closure import ROOT

PROGRAM = """
import gc, sys
from models.train.quick_keras_import import load_keras
load_keras()
print("keras" in sys.modules, "matplotlib" in sys.modules, "sklearn" in sys.modules)
print(gc.isenabled(), gc.get_freeze_count() > 100_000)
import matplotlib, sklearn
print(matplotlib.__name__, sklearn.__name__)
"""


def test_keras_comes_without_matplotlib_and_scikit_learn_which_can_be_imported_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["True False False", "True True", "matplotlib sklearn"], done.stderr[-2000:]
