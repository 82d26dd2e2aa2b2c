"""Files beside the code that an installation carries: the graph and the recipes, which stand in the project's root."""

from importlib import metadata
from pathlib import Path

PACKAGES = ("dataprep", "models", "pipelines")
CODE = Path(__file__).parents[2]
"""The folder that holds the packages: of a clone, or of an installation."""

SHIPPED = CODE / "pipelines/shipped"
"""Links to the files in the project's root; an installation has copies there."""

SHIPPED_GRAPH = SHIPPED / "graph.yaml"  # DVC would take a second dvc.yaml for a part of this project
SHIPPED_RECIPES = SHIPPED / "recipes"


def installed_version() -> str:
    """The version of the package that runs."""
    return metadata.version("darkroom")
