"""The confusion matrix as the page shows it; of many classes the pairs that are confused most, and the matrix of a part."""

import math
from dataclasses import dataclass

import numpy as np

from models.diagnose.metrics import Confusion

MANY_CLASSES = 50
"""From here on the pairs come first: a larger matrix shows nothing to the eye."""
MATRIX_CLASSES = 60
LISTED_PAIRS = 40
_SHADES = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the confusion matrix; shade 0 to 5 for the style, rate in % of the true class."""

    count: int
    rate: str
    shade: int
    predicted: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A true class, and what its images are read as."""

    class_name: str
    cells: list[Cell]
    total: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Images of one class that are read as another, as count and as share of the true class."""

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Matrix:
    """What stands in the section; pairs only where there are many classes."""

    names: list[str]
    rows: list[MatrixRow]
    pairs: list[Pair]
    is_cut: bool  # some classes are left out

    @property
    def longest(self) -> int:
        return max(map(len, self.names), default=0)


def lay_out_matrix(confusion: Confusion) -> Matrix:
    """Chooses the classes and pairs to show; the darkest cell is the class that is most often read as one other."""
    counts = np.array(confusion.counts, dtype=np.int64).reshape(len(confusion.class_names), -1)
    shown = _most_mistaken(counts)
    totals = np.maximum(counts.sum(axis=1), 1)
    shares = counts / totals[:, np.newaxis]
    np.fill_diagonal(shares, 0.0)
    largest = float(shares.max(initial=0.0)) or 1.0
    names = [confusion.class_names[number] for number in shown]
    rows = [
        MatrixRow(
            confusion.class_names[row],
            [
                Cell(
                    int(counts[row, column]),
                    _rate(counts[row, column] / totals[row]),
                    math.ceil(_SHADES * math.sqrt(shares[row, column] / largest)),
                    confusion.class_names[column],
                )
                for column in shown
            ],
            int(counts[row].sum()),
        )
        for row in shown
    ]
    many = len(confusion.class_names) >= MANY_CLASSES
    return Matrix(names, rows, most_confused(confusion, LISTED_PAIRS) if many else [], len(shown) < len(counts))


def most_confused(confusion: Confusion, count: int) -> list[Pair]:
    """The pairs of true and predicted class with most mistakes."""
    counts = np.array(confusion.counts, dtype=np.int64).reshape(len(confusion.class_names), -1)
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    totals = np.maximum(counts.sum(axis=1), 1)
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    places = [divmod(int(place), len(counts)) for place in order]
    return [
        Pair(
            confusion.class_names[row],
            confusion.class_names[column],
            int(wrong[row, column]),
            float(wrong[row, column] / totals[row]),
        )
        for row, column in places
        if wrong[row, column]
    ]


def _most_mistaken(counts: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> list[int]:
    """The classes of the matrix in their order: all, or those with most mistakes in either direction."""
    if len(counts) < MANY_CLASSES:
        return list(range(len(counts)))
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    chosen: list[int] = np.sort(np.argsort(-mistakes, kind="stable")[:MATRIX_CLASSES]).tolist()
    return chosen


def _rate(share: float) -> str:
    """In %, as short as a cell is wide.

    >>> _rate(0.034), _rate(0.0031), _rate(1.0)
    ('3', '0.3', '100')
    """
    percent = 100 * float(share)
    return f"{percent:.0f}" if percent >= 1 or percent == 0 else f"{percent:.1f}"
