import numpy as np

from models.diagnose.metrics import Confusion
from models.report.confusion import LISTED_PAIRS, MATRIX_CLASSES, lay_out_matrix, most_confused


def confusion_of(counts: list[list[int]]) -> Confusion:
    return Confusion(class_names=[f"c{number:03d}" for number in range(len(counts))], counts=counts)


def test_a_cell_says_its_count_its_rate_and_how_dark_it_is() -> None:
    matrix = lay_out_matrix(confusion_of([[90, 10, 0], [1, 199, 0], [0, 0, 0]]))
    assert [[cell.count for cell in row.cells] for row in matrix.rows] == [[90, 10, 0], [1, 199, 0], [0, 0, 0]]
    assert [[cell.rate for cell in row.cells] for row in matrix.rows] == [["90", "10", "0"], ["0.5", "100", "0"], ["0"] * 3]
    assert [[cell.shade for cell in row.cells] for row in matrix.rows] == [[0, 5, 0], [2, 0, 0], [0, 0, 0]]
    assert (matrix.pairs, matrix.is_cut) == ([], False)


def test_of_many_classes_the_most_confused_pairs_are_listed_and_the_most_mistaken_classes_shown() -> None:
    counts = np.diag(np.full(200, 20))
    counts[150, 7], counts[3, 199], counts[9, 8] = 5, 10, 5
    matrix = lay_out_matrix(confusion_of(counts.tolist()))
    assert [(pair.true, pair.predicted, pair.count) for pair in matrix.pairs] == [
        ("c003", "c199", 10),
        ("c009", "c008", 5),
        ("c150", "c007", 5),
    ]
    assert matrix.pairs[0].share == 10 / 30
    assert matrix.is_cut
    assert len(matrix.names) == MATRIX_CLASSES
    assert {"c003", "c007", "c008", "c009", "c150", "c199"} < set(matrix.names)
    assert matrix.names == sorted(matrix.names)


def test_pairs_without_mistakes_are_no_pairs() -> None:
    assert most_confused(confusion_of([[3, 0], [0, 3]]), LISTED_PAIRS) == []
