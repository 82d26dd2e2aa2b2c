"""docs/networks.md: what it shows is run as it stands there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from models.config.network_kinds import NetworkConfig
from pipelines.parameters.params import check_document
from tests.closure import ROOT, SHIPPED

PAGE = (ROOT / "docs/networks.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
SECTIONS = {
    section["network"]["kind"]: section["network"]
    for language, text in BLOCKS
    if language == "yaml"
    for section in [YAML(typ="safe").load(text)]
    if "network" in section
}
DENOISING, SAVED, OWN = (text for language, text in BLOCKS if language == "python")
CLASSIFIER = next(text for language, text in BLOCKS if language == "yaml" and text.startswith("classifier:"))
PARAMS = YAML(typ="safe").load(SHIPPED.read_text())

TRAINED = """
import sys
from pathlib import Path
import numpy as np
from models.layers.whole_network import build_network
from models.config.model import ModelConfig
from ruamel.yaml import YAML
params = YAML(typ="safe").load(Path("params.yaml").read_text())
network = YAML(typ="safe").load(Path(sys.argv[1]).read_text())["network"]
model = build_network(
    ModelConfig.model_validate({**params["model"], "network": network}),
    shape=(16, 16, 1), num_classes=10, mean=np.zeros((1, 1, 1)), divisor=np.ones((1, 1, 1)), momentum=0.9,
)
model.compile(optimizer="adam", loss="categorical_crossentropy")
model.train_on_batch(np.zeros((4, 16, 16, 1), np.uint8), np.eye(10)[:4])
print(model.name, model.output_shape)
"""


def test_the_table_lists_every_kind_with_its_keys() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert dict(rows) == {
        kind: ", ".join(f"`{key}`" for key in section.model_fields if key != "kind") or "none"
        for kind, section in NetworkConfig.kinds.items()
    }


@pytest.mark.parametrize("kind", sorted(set(SECTIONS) - {"wide"}))
def test_each_section_is_complete(kind: str) -> None:
    model = {**PARAMS["model"], "network": SECTIONS[kind]}
    if getattr(NetworkConfig.kinds[kind], "takes_gray_levels", False):
        model["normalise"] = {"method": "none"}
    check_document({**PARAMS, "model": model}, Path("params.yaml"))


def test_the_section_of_boosted_trees_is_complete() -> None:
    section = YAML(typ="safe").load(CLASSIFIER)
    check_document({**PARAMS, "model": {**PARAMS["model"], **section}}, Path("params.yaml"))


def test_there_is_a_section_for_each_kind_but_the_default() -> None:
    assert set(SECTIONS) == {*NetworkConfig.kinds, "wide"} - {PARAMS["model"]["network"]["kind"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's code with what the page shows: a network in its folder, and one that Keras saved."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("dataprep", "models", "saved_networks"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(SHIPPED, folder)
    (folder / "models/networks/wide.py").write_text(OWN)
    (folder / "save.py").write_text(SAVED)
    subprocess.run([sys.executable, "save.py"], cwd=folder, check=True, capture_output=True)
    for kind in ("wide", "keras"):
        (folder / f"{kind}.yaml").write_text(next(text for _, text in BLOCKS if f"network:\n  kind: {kind}\n" in text))
    return folder


def test_your_own_network_is_twenty_lines() -> None:
    assert "models/networks/wide.py" in PAGE
    assert len(OWN.strip().splitlines()) <= 20


@pytest.mark.parametrize("kind", ["wide", "keras"])
def test_your_own_network_trains_as_it_stands_on_the_page(project: Path, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAINED, f"{kind}.yaml"], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == [f"darkroom_{kind} (None, 10)"], done.stderr[-2000:]
