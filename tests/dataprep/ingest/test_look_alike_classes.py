import pytest

from dataprep.core.name_encoding import printable
from dataprep.ingest.look_alike_classes import look_alike_warnings, look_alikes


@pytest.mark.parametrize(
    "names",
    [
        ("Cat", "cat"),
        ("cat", "cat "),
        ("New York", "new  york"),
        ("cafe\u0301", "caf\u00e9"),
        ("\ufb01sh", "fish"),
        ("cat", "c\u0430t"),  # a Cyrillic letter
        ("\u0410", "A"),
        ("\u0412", "\u0432"),  # one Cyrillic letter in two cases, of which the capital looks Latin
        ("\u039f", "o"),  # a Greek letter
        ("cat", "cat\u200b"),
        ("\uff11", "1"),
        ("Stra\u00dfe", "STRASSE"),
    ],
)
def test_names_that_look_alike_are_found(names: tuple[str, str]) -> None:
    others = ["owl", "wren", "e"]
    assert look_alikes([*names, *others]) == [tuple(sorted(names))]
    escaped = [printable(name.encode()) for name in names]
    assert look_alikes([*others, *escaped]) == [tuple(sorted(escaped))]


@pytest.mark.parametrize(
    "names", [("cat", "cats"), ("cafe", "caf\u00e9"), ("0", "O"), ("1", "l"), ("\u0428", "\u0429"), ("a", "a1")]
)
def test_names_that_look_different_to_a_person_are_not(names: tuple[str, str]) -> None:
    assert look_alike_warnings(names) == []


def test_many_groups_make_one_line() -> None:
    alphabet = [chr(0x430 + number) for number in range(32)]
    warnings = look_alike_warnings([*alphabet, *map(str.upper, alphabet)])
    assert len(warnings) == 1
    assert warnings[0].endswith("and 29 more. Rename their folders where they are one class")


def test_names_that_print_the_same_are_shown_by_code_points() -> None:
    assert r"'cat', 'c\u0430t'." in look_alike_warnings(["cat", "c\u0430t"])[0]
    assert "'Cat', 'cat'." in look_alike_warnings(["cat", "Cat"])[0]
