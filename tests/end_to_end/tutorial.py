"""docs/tutorial.md as it is typed: its commands run in its order, each in the folder to which the one before it changed.

`python -m tests.end_to_end.tutorial docs/images` runs it in a new folder and takes its pictures.
"""

import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

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


PICTURES = {"darkroom open": ("report", "report-image"), "darkroom preview prepare": ("prepare",), "darkroom try": ("try",)}
"""What is taken when a command has been typed."""


def main(folder: Path) -> None:
    """Types the page in a new folder and takes its pictures there."""
    with TemporaryDirectory(prefix="darkroom-tutorial-") as own:
        reader, taken = Reader(Path(own), look=print), Path(own) / "pictures"
        for language, text in blocks(PAGE.read_text(encoding="utf-8")):
            if language != "bash":
                continue
            print(text, flush=True)
            reader.type(text)
            print(reader.output, flush=True)
            for command, names in PICTURES.items():
                if command in text:
                    take(command, reader.folder, taken)
                    for name in names:
                        shutil.copy(taken / f"{name}.png", folder / f"tutorial-{name}.png")


def take(command: str, project: Path, taken: Path) -> None:
    """Takes the pictures of what a command made or serves."""
    if command == "darkroom preview prepare":
        shutil.copy(project / "reports/preview-prepare.png", taken / "prepare.png")
        return
    script = ["picture_try.py"] if command == "darkroom try" else ["picture.py", "reports/index.html"]
    subprocess.run([sys.executable, ROOT / "docs" / script[0], *script[1:], taken], cwd=project, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
