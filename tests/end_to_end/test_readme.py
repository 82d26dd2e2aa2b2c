"""The README is true: its commands run, in its order, and its make targets exist."""

import re
import shlex
from collections.abc import Callable

from tests.closure import ROOT
from tests.end_to_end.conftest import STAGES, Project

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """The commands of all bash blocks, without comments."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    return [words for block in blocks for line in block.splitlines() if (words := shlex.split(line, comments=True))]


def test_every_command_runs(make_ran_project: Callable[[], Project]) -> None:
    project = make_ran_project()
    listed, outputs = commands(TEXT), {}
    for words in listed:
        if words[0] in ("make", "source"):  # how this very run was started
            continue
        ended = project.run(*words)
        assert ended.exit_code == 0, f"{words}: {ended.output}"
        outputs[" ".join(words)] = ended.output
    assert {words[0] for words in listed} - {"python"} == {"make", "source", "darkroom", "git", "dvc"}
    line = ", ".join(["ingest ran", *[f"{stage} unchanged" for stage in STAGES[1:]]])
    for output in (output for command, output in outputs.items() if command == "python -m pipelines.flows"):
        assert f"rebuild: {line}" in output  # the same graph
        assert "60 files (0 read, 60 known)" in output


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {words[1] for words in commands(TEXT) + commands(contributing) if words[0] == "make"}
    assert named == {"repro", "test", "quick", "test-full", "check", "bench", "soak", "lock", "picture"}
    assert named <= targets


def test_every_file_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link).exists()] == []
