"""The graph of a project that is no clone, derived from the one that is shipped.

A stage of the clone depends on folders of code, and runs what stands in the current folder:

    cmd: python -m pipelines.stages.split --manifest data/manifest.parquet ...
    deps: [dataprep/core, ..., pipelines/stages/split.py, data/manifest.parquet]
    params: [split]

In a project elsewhere it runs the installed package, and depends on the hash of that code, which a small file records:

    cmd: darkroom-stage split --manifest data/manifest.parquet ...
    deps: [data/manifest.parquet]
    params: [split, {darkroom-version.yaml: [stages.split]}]
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipelines.project.shipped_files import CODE, PACKAGES, SHIPPED

RECORD = Path("darkroom-version.yaml")

_HEADER = f"""\
# The graph of this project, as the installed darkroom has it: `darkroom upgrade` writes it anew.
# What stands for the code that a stage runs is its hash in {RECORD}.

"""
_IN_CLONE, _INSTALLED = "python -m pipelines.stages.", "darkroom-stage "
_NETWORK = "${model.network.kind}.py"
_RECIPES = "recipes"


def derive_graph(shipped: str) -> str:
    """The dvc.yaml of a project that is no clone.

    Args:
        shipped: the text of the clone's dvc.yaml.
    """
    yaml = YAML()
    yaml.width = 120
    graph = yaml.load(shipped[shipped.index("\nstages:") + 1 :])
    for name, stage in graph["stages"].items():
        stage["cmd"] = stage["cmd"].replace(_IN_CLONE, _INSTALLED)
        stage["deps"] = [dep for dep in stage["deps"] if not _is_code(dep)]
        if not stage["deps"]:
            del stage["deps"]
        stage["params"] = [*stage["params"], {str(RECORD): [f"stages.{name}"]}]
    buffer = io.StringIO()
    yaml.dump(graph, buffer)
    return _HEADER + buffer.getvalue()


def code_of(stage: Mapping[str, Any]) -> list[str]:
    """The code that a stage of the shipped graph depends on: folders and files, relative to the folder of the packages.

    Of the networks it is the whole folder: DVC has no dependency on the hash of one that may be the user's own.

    >>> code_of({"deps": ["dataprep/core", "models/networks/${model.network.kind}.py", "data/prepared"]})
    ['dataprep/core', 'models/networks']
    """
    return [_shipped(dep.removesuffix(f"/{_NETWORK}")) for dep in stage["deps"] if _is_code(dep)]


def _is_code(dep: str) -> bool:
    return dep.split("/")[0] in (*PACKAGES, _RECIPES)


def _shipped(dep: str) -> str:
    """The recipes stand in the clone's root, and within the packages of an installation."""
    return f"{SHIPPED.relative_to(CODE)}/{dep}" if dep.split("/")[0] == _RECIPES else dep
