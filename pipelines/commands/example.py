"""`darkroom example`: made-up scans, to try Darkroom on."""

from pathlib import Path
from typing import Annotated

import typer


def example(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    writers: Annotated[int, typer.Option(min=1, max=1000, help="How many write.")] = 20,
    samples: Annotated[int, typer.Option(min=1, max=100, help="How often each writes each digit.")] = 4,
    size: Annotated[int, typer.Option(min=16, max=512, help="Height and width of a scan, in pixels, about.")] = 34,
) -> None:
    """Makes up scans of handwritten digits, <writer>/<digit>/<number>.jpg, the same each time."""
    from dataprep.core.errors import DarkroomError
    from dataprep.draw.handwriting import write_scans

    if folder.exists():
        raise DarkroomError(f"FOLDER must be a new folder; {str(folder)!r} is there. Name another")
    count = write_scans(folder, writers=writers, samples=samples, sides=(size - size // 16, size + size // 16))
    print(f"example: {count:,} scans of {writers:,} writers in {folder}\nNext: darkroom init {folder}")
