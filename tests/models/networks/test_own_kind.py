"""A kind of network in a file of the project: in `saved_networks/`, which training depends on."""

from pathlib import Path

import pytest

from dataprep.core.errors import ParamsError
from models.config.network_kinds import NetworkConfig, network_module

OWN = """
from typing import Literal

from dataprep.config.base import Positive
from models.config.network_kinds import NetworkConfig


class Wide(NetworkConfig):
    kind: Literal["wide"]
    filters: Positive


def build(config, inputs, context):
    return inputs
"""


def test_a_file_of_the_project_is_a_kind(folder: Path) -> None:
    assert "wide" not in NetworkConfig.kinds
    (folder / "wide.py").write_text(OWN)
    (folder / "cnn.py").write_text("raise ValueError('the kind of the package is meant')")
    assert "wide" in NetworkConfig.kinds
    assert len(NetworkConfig.kinds) == len(set(NetworkConfig.kinds))
    assert NetworkConfig.kinds["wide"].model_validate({"kind": "wide", "filters": 3}).model_dump()["filters"] == 3
    assert network_module("wide").build(None, 7, None) == 7
    assert network_module("cnn").__name__ == "models.networks.cnn"


def test_a_file_that_fails_is_named_by_its_place(folder: Path) -> None:
    (folder / "odd.py").write_text("import nothing_of_that_name")
    with pytest.raises(ParamsError, match=r"^saved_networks/odd.py cannot be imported \(.*nothing_of_that_name"):
        network_module("odd")
