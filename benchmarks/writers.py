"""Made-up handwriting in which the writer is a strong clue: `python -m benchmarks.writers <folder>` writes 60 x 10 x 8 PNGs."""

import sys
from pathlib import Path

from PIL import Image

from dataprep.draw.handwriting import draw_digit


def write_writers(root: Path, *, writers: int = 60, digits: int = 10, samples: int = 8) -> Path:
    """Writes `<writer>/<digit>/<number>.png`, the same bytes each time."""
    for writer in range(writers):
        for digit in range(digits):
            folder = root / f"w{writer:02d}" / str(digit)
            folder.mkdir(parents=True, exist_ok=True)
            for sample in range(samples):
                Image.fromarray(draw_digit(writer, digit, sample)[:, :, 0]).save(folder / f"{sample}.png")
    return root


if __name__ == "__main__":
    print(write_writers(Path(sys.argv[1])))
