import pytest

from dataprep.core.errors import SourceError
from dataprep.ingest.label_survey import survey_labels
from dataprep.source.pattern_proposal import propose_pattern

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
        (
            [f"only/{n}.png" for n in range(20)],
            "{label}/{name}",
            "there is one class only, 'only'; a network needs two",
        ),
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
            "these classes differ only in case, white space, Unicode form or look-alike letters, and train as different ones: "
            "'Cat', 'cat '; 'cafe\\u0301', 'caf\\xe9'. Rename their folders where they are one class",
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


PAGES = [f"w_{writer}_{page}/{digit}_{page}.png" for writer in range(12) for page in range(3) for digit in range(10)]
OMNIGLOT = [
    f"{alphabet}/character{character:02d}/{number:02d}.png"
    for alphabet, count in {"Greek": 24, "Latin": 26, "Tengwar": 25, "Braille": 26}.items()
    for character in range(1, count + 1)
    for number in range(3)
]


def test_writers_folders_are_no_classes_where_the_names_of_files_have_the_label() -> None:
    given = r"regex:w_(?P<group>\d+)_\d+/(?P<label>\d)_.*"
    survey = survey_labels(PAGES, given)
    assert ([row.name for row in survey.classes], survey.warnings) == ([str(digit) for digit in range(10)], [])
    proposed = propose_pattern(PAGES)
    assert proposed == r"regex:w_(?P<group>\d+)_\d+/(?P<label>[^/_]+)_[^/]*"
    assert survey_labels(PAGES, proposed).classes == survey.classes
    assert survey_labels(PAGES, None) == survey_labels(PAGES, proposed)
    assert any(
        "another level looks more like the label: 10 names" in line for line in survey_labels(PAGES, "{label}/*").warnings
    )


def test_numbered_folders_whose_files_say_nothing_are_doubted() -> None:
    paths = [f"w_{writer}_{page}/{n}.png" for writer in range(9) for page in range(3) for n in range(20)]
    warnings = survey_labels(paths, propose_pattern(paths)).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("the classes 'w_0_0', 'w_0_1', 'w_0_2', 'w_1_0', 'w_1_1' and 22 more are numbered folders")


@pytest.mark.parametrize("above", ["", "images_background/", "train/"])
def test_numbers_that_begin_anew_in_each_folder_are_classes_with_it(above: str) -> None:
    paths = [above + path for path in OMNIGLOT] + [
        f"{above and 'images_evaluation/'}Futurama/character01/{n}.png" for n in "123"
    ]
    survey = survey_labels(paths, propose_pattern(paths))
    assert len(survey.classes) == 24 + 26 + 25 + 26 + 1
    assert survey.classes[0].name == "Braille/character01"
    assert not any("another level" in warning for warning in survey.warnings)


def test_a_number_that_recurs_may_be_another_class_in_each_folder() -> None:
    paths = [f"{name}/character{number}/{n}.png" for name in ("Greek", "Latin") for number in range(1, 6) for n in range(20)]
    survey = survey_labels(paths, propose_pattern(paths))
    assert survey.pattern == "{group}/{label}/{name}"
    assert survey.warnings[1:] == [
        "the classes 'character1', 'character2', 'character3', 'character4', 'character5' are numbered and recur under 2 "
        "folders. Where the same number means another class in each, write the pattern 'regex:(?P<label>[^/]+/[^/]+)/[^/]+'"
    ]
    assert len(survey_labels(paths, "regex:(?P<label>[^/]+/[^/]+)/[^/]+").classes) == 10


def test_writers_who_lack_digits_are_no_alphabets() -> None:
    paths = [path for path in WRITERS if path[:5] not in ("w00/9", "w01/9", "w02/3")]
    assert propose_pattern(paths) == "{group}/{label}/{name}"


@pytest.mark.parametrize("stray", ["new", "tmp", "Kopie", "10 copy", "digits"])
def test_a_stray_class_beside_ten_digits_is_named_with_its_count(stray: str) -> None:
    paths = [f"{name}/{n}.png" for name in range(10) for n in range(100 + name)] + [f"{stray}/{n}.png" for n in range(40)]
    assert survey_labels(paths, "{label}/{name}").warnings == [
        f"this class is unlike the others in name: '{stray} (40)'; the others have 100 to 109 files. Where it is none, move "
        "the folder away or list its name in ingest.skip"
    ]


def test_copies_of_a_class_are_named_whatever_classes_are_called() -> None:
    paths = [f"{name}/{n}.png" for name in ("cat", "New York", "cat (2)", "fox - copy") for n in range(20)]
    warnings = survey_labels(paths, "{label}/{name}").warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("this class is unlike the others in name: 'cat (2) (20)'")
    assert (
        survey_labels([f"{name}/{n}.png" for name in ("a", "bb", "owl 2") for n in range(20)], "{label}/{name}").warnings == []
    )
