"""The command lines of the stages as they stand in dvc.yaml."""

import sys

from ruamel.yaml import YAML

from tests.closure import ROOT


def stage_command(stage: str) -> list[str]:
    """The command of a stage with the interpreter of this process: python, -m, module, options."""
    command: str = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]["cmd"]
    return [sys.executable, *command.split()[1:]]
