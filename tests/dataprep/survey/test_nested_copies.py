import pytest

from dataprep.survey.nested_copies import common_folder, nested_copies

CLASSES = [f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(10)]


@pytest.mark.parametrize(
    ("paths", "copies"),
    [
        (CLASSES, []),
        ([*CLASSES, *(f"pets/{path}" for path in CLASSES)], ["pets"]),
        ([*CLASSES, *(f"pets/{path.title()}" for path in CLASSES)], ["pets"]),  # in other cases of letters
        ([*CLASSES, *(f"a/b/{path}" for path in CLASSES)], []),  # deeper: another place, not a copy of what is beside
        ([*CLASSES, *(f"pets/{path}" for path in CLASSES[:10]), "pets/fox/1.jpg", "pets/fox/2.jpg"], []),  # more than a copy
        ([*CLASSES, *(f"cat/{path}" for path in CLASSES)], []),  # its name is that of a class
        ([f"{split}/{path}" for split in ("train", "test") for path in CLASSES], []),
        ([f"w{writer}/{path}" for writer in range(3) for path in CLASSES], []),
        ([], []),
    ],
)
def test_a_folder_is_a_copy_where_its_files_are_there_without_it(paths: list[str], copies: list[str]) -> None:
    assert nested_copies(paths) == copies


def test_the_common_folder_is_that_of_all_files() -> None:
    assert common_folder(["a/b/c/1.png", "a/b/2.png"]) == "a/b"
    assert common_folder(["1.png", "a/2.png"]) == common_folder([]) == ""
