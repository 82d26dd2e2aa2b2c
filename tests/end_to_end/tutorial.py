"""docs/tutorial.md as it is typed: its commands run in its order, each in the folder to which the one before it changed.

`python -m tests.end_to_end.tutorial docs/images` runs it in a new folder and takes its pictures.
"""

import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.closure import ROOT
from tests.end_to_end.conftest import ENVIRONMENT

PAGE = ROOT / "docs/tutorial.md"

# No browser is opened, and a server of Prefect is none that somebody else started.
VARIABLES = {**ENVIRONMENT, "BROWSER": "true", "COLUMNS": "100", "NO_COLOR": "1"}

_NUMBER = re.compile(r"[-+]?\d[\d,.]*%?")


@dataclass(slots=True)
class Reader:
    """Somebody who types what the page says.

    Attributes:
        folder: the current one.
        output: what the commands of the last block printed.
        look: is called with the address of each page that a command serves.
    """

    folder: Path
    look: Callable[[str], None]
    variables: Mapping[str, str] = field(default_factory=lambda: VARIABLES)
    output: str = ""

    def type(self, block: str) -> None:
        """Types the lines of a block; a command that serves a page is interrupted when somebody has looked at it."""
        self.output = ""
        for line in block.replace("\\\n", "").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["cd"]:
                self.folder = self.folder / words[1]
            elif words[:2] == ["darkroom", "try"]:
                self._serve(words)
            elif words:
                self._run(line)

    def _run(self, line: str) -> None:
        ended = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False
        )
        self.output += ended.stdout
        if ended.returncode:
            raise AssertionError(f"{line}\n{ended.stdout}{ended.stderr}")

    def _serve(self, words: list[str]) -> None:
        with subprocess.Popen(words, cwd=self.folder, env=self.variables, stdout=subprocess.PIPE, text=True) as process:
            line = process.stdout.readline() if process.stdout else ""
            self.output += line
            self.look(line.split()[3])
            process.send_signal(signal.SIGINT)
            if process.wait(30):
                raise AssertionError(f"{words} ended with {process.returncode}")


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Language and text of each block of code of a page."""
    for found in re.finditer(r"^```(\w+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        yield found[1], found[2]


def without_numbers(text: str) -> list[str]:
    """The lines of a text; other machines count and score a little otherwise."""
    return [" ".join(_NUMBER.sub("0", line).split()) for line in text.splitlines()]
