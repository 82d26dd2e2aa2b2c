import pytest

from dataprep.errors import SourceError
from dataprep.labels import propose_pattern, survey_labels

WRITERS = [f"w{writer:02d}/{digit}/{number}.png" for writer in range(12) for digit in range(10) for number in range(2)]
GIVEN = [f"{split}/{name}/{number}.jpg" for split in ("train", "test") for name in ("cat", "dog") for number in range(20)]
BURSTS = [f"{name}/{name}-burst{burst}/{number}.jpg" for name in ("cat", "dog") for burst in range(5) for number in range(4)]


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (WRITERS, "{group}/{label}/{name}"),
        (GIVEN, "{split}/{label}/{name}"),
        ([path for path in WRITERS if path[:3] in ("w00", "w01", "w02")], "{group}/{label}/{name}"),
        ([f"site{site}/{path}" for site in range(2) for path in WRITERS], "*/{group}/{label}/{name}"),
        (BURSTS, "{label}/{group}/{name}"),
        (
            [f"{vehicle}/{color}/{n}.png" for vehicle in ("train", "bus") for color in "rg" for n in range(9)],
            "{group}/{label}/{name}",
        ),
        ([f"all/{path}" for path in WRITERS], "*/{group}/{label}/{name}"),
        ([f"{split}/{path}" for split in ("train", "val", "test") for path in WRITERS], "{split}/{group}/{label}/{name}"),
        ([f"{name}/{number}.png" for name in "abc" for number in range(9)], "{label}/{name}"),
        (["only/1.png", "only/2.png"], "{label}/{name}"),
        ([*WRITERS, "README.txt", "w01/notes.txt"], "{group}/{label}/{name}"),
        ([f"{name}/{number}.png" for name in ("train", "bus") for number in range(9)], "{label}/{name}"),
    ],
)
def test_the_proposed_pattern_is_what_a_person_would_write(paths: list[str], pattern: str) -> None:
    assert propose_pattern(paths) == pattern
    assert propose_pattern(paths[::-1]) == pattern


@pytest.mark.parametrize("paths", [["1.png", "2.png"], []])
def test_files_without_folders_are_explained(paths: list[str]) -> None:
    with pytest.raises(SourceError, match=r"labels must stand in the names of folders; .* for example '{label}_{name}'"):
        propose_pattern(paths)


def test_classes_groups_and_given_splits_are_counted() -> None:
    survey = survey_labels(WRITERS, "{group}/{label}/{name}")
    assert [(row.name, row.num_files, row.num_groups) for row in survey.classes] == [(str(n), 24, 12) for n in range(10)]
    assert (survey.unmatched, survey.warnings) == ([], [])
    survey = survey_labels(GIVEN, "{split}/{label}/{name}")
    assert [row.given_splits for row in survey.classes] == [{"train": 20, "test": 20}] * 2


def test_what_does_not_match_is_listed() -> None:
    assert survey_labels([*WRITERS, "stray.png", "a/b/c/d.png"], "{group}/{label}/{name}").unmatched == [
        "stray.png",
        "a/b/c/d.png",
    ]


def test_a_label_from_the_wrong_level_is_noticed() -> None:
    warnings = survey_labels(WRITERS, "{label}/*/{name}").warnings
    assert len(warnings) == 1
    assert warnings[0].startswith(
        "another level looks more like the label: 10 names that recur, '0', '1', '2', '3', '4' and 5 more."
    )
    assert "Try the pattern '{group}/{label}/{name}'" in warnings[0]


@pytest.mark.parametrize(
    ("paths", "pattern", "warning"),
    [
        ([f"only/{n}.png" for n in range(20)], "{label}/{name}", "there is one class only, 'only'; nothing can be told apart"),
        (
            [f"a/{n}.png" for n in range(20)] + ["b/1.png"],
            "{label}/{name}",
            "fewer than 10 files in 1 class: 'b (1)'",
        ),
        (
            [f"w{writer}/{digit}/{n}.png" for writer in range(5) for digit in range(2) for n in range(60)],
            "{group}/{label}/{name}",
            "fewer than 10 groups in 2 classes: '0 (5)', '1 (5)'; a group stands in one split only, and what few groups say of "
            "others is unsure",
        ),
        (
            [f"{name}/{n}.png" for name in ("Cat", "cat ", "dog", "caf\u00e9", "cafe\u0301") for n in range(20)],
            "{label}/{name}",
            "these classes differ only in case, white space or Unicode form: 'Cat', 'cat '",
        ),
        (
            [*GIVEN, *(f"train/owl/{n}.jpg" for n in range(20))],
            "{split}/{label}/{name}",
            "the given split test lacks 1 class: 'owl'",
        ),
    ],
)
def test_what_a_person_would_want_to_know_is_said(paths: list[str], pattern: str, warning: str) -> None:
    assert warning in survey_labels(paths, pattern).warnings


def test_unicode_forms_of_one_name_are_alike() -> None:
    paths = [f"{name}/{n}.png" for name in ("caf\u00e9", "cafe\u0301", "tea") for n in range(20)]
    assert any("Unicode form" in warning for warning in survey_labels(paths, "{label}/{name}").warnings)
