"""What the report proposes, tried by `darkroom iterate` on five small data sets: `python -m benchmarks.iterating [NAME ...]`.

Nobody chooses anything: the first three proposals of each report are run, and judged on validation. The test accuracy of the
winner stands beside it. Each row of the table is one proposal. All take about an hour.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import planting
from benchmarks.planted import DIGITS, PHOTOGRAPHS, Planted, run_case
from benchmarks.real_images import unpacked
from models.compare.difference import Difference
from models.compare.proposal_loop import in_words

_MOSTLY_HELD_OUT = {"split.fractions": [0.1, 0.45, 0.45]}
"""500 of 5,000 digits train, of 25 of 250 writers where a split is by writer: few images are judged on many others."""

_WRITERS = DIGITS | {"ingest.pattern": "*/{label}/{group}/{name}", "train.epochs": 25}

DATA_SETS = {
    "MNIST, 500 train images": Planted("mnist", 14, "", DIGITS | _MOSTLY_HELD_OUT),
    "CIFAR-10, 2,000 train images": Planted("cifar", 6, "", PHOTOGRAPHS | {"split.fractions": [0.2, 0.4, 0.4]}),
    "handwriting by writer, 25 epochs": Planted("mnist", 14, "", _WRITERS | _MOSTLY_HELD_OUT, plant=planting.handwriting),
    "color photographs of 100 pixels, stored as 16 x 16 gray, 900 train images": Planted(
        "cifar",
        20,
        "",
        PHOTOGRAPHS | {"prepare.image_size": [16, 16], "prepare.color": "gray", "split.fractions": [0.3, 0.35, 0.35]},
        plant=planting.enlarged,
    ),
    "cats and dogs, 800 train images": Planted(
        "cifar", 3, "", PHOTOGRAPHS | {"split.fractions": [0.2, 0.4, 0.4]}, classes=("cat", "dog")
    ),
}


def main() -> None:
    names = sys.argv[1:] or list(DATA_SETS)
    print("| data | finding | proposal | validation before | after | points, 95% interval | verdict | test, of the winner |")
    print(f"{'|---' * 8}|")
    for data in sorted({DATA_SETS[name].data for name in names}):
        with unpacked(data) as source:
            for name in [own for own in names if DATA_SETS[own].data == data]:
                with TemporaryDirectory(prefix="darkroom-bench-") as folder:
                    print("\n".join(rows(name, source, Path(folder))), flush=True)


def rows(name: str, source: Path, folder: Path) -> list[str]:
    """The first three proposals of one data set."""
    project = run_case(DATA_SETS[name], source, folder)
    ended = project.run("darkroom", "iterate", "--n", "3", "--seeds", "1")
    if ended.exit_code:
        sys.exit(ended.output)
    done = json.loads(project.read("reports/iterate.json"))
    tried = done["rounds"][0]
    found = []
    for outcome in tried["outcomes"]:
        changes = f"`{in_words(outcome['changes'])}`"
        if outcome["difference"] is None:
            found.append(f"| {name} | `{outcome['finding']}` | {changes} | - | - | - | failed: {outcome['failure']} | - |")
            continue
        own = Difference.model_validate(outcome["difference"])
        won = done["test"] and outcome["number"] == tried["winner"]
        test = f"{done['test']['before']:.3f} -> {done['test']['after']:.3f}" if won else "-"
        low, high = own.interval
        found.append(
            f"| {name} | `{outcome['finding']}` | {changes} | {own.before:.3f} | {own.after:.3f} | "
            f"{100 * own.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}) | {own.verdict} | {test} |"
        )
    return found or [f"| {name} | - | nothing is proposed | - | - | - | - | - |"]


if __name__ == "__main__":
    main()
