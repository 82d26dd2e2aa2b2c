import pytest

from dataprep.errors import ParamsError
from dataprep.pattern import PathFacts, compile_pattern, read_path


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("{label}/{name}", "cat/1.jpg", PathFacts("cat")),
        ("{label}/{name}", "a/cat/1.jpg", None),
        ("{group}/{label}/{name}", "w01/7/a.png", PathFacts("7", group="w01")),
        ("{split}/{label}/{name}", "Val/7/a.png", PathFacts("7", given_split="validation")),
        ("{split}/{label}/{name}", "train/7/a.png", PathFacts("7", given_split="train")),
        ("{origin}/{label}_{name}", "simulated/7_a_b.png", PathFacts("7", origin="simulated")),
        ("**/{label}/{name}", "a/b/cat/1.jpg", PathFacts("cat")),
        ("**/{label}/{name}", "cat/1.jpg", PathFacts("cat")),
        ("scan-*/{label}/{name}", "scan-03/cat/1.jpg", PathFacts("cat")),
        ("scan-*/{label}/{name}", "scan-03/x/cat/1.jpg", None),
        ("{label}/{name}.png", "cat/1.jpg", None),
        ("{label}.d/{name}", "catXd/1.jpg", None),
        ("{label}/{name}", "line\nbreak/1.jpg", PathFacts("line\nbreak")),
        ("{split}/{label}/{name}", "extra/7/a.png", None),
        (r"regex:(?P<group>w\d+)/.*_(?P<label>\d)\.png", "w01/a/b_7.png", PathFacts("7", group="w01")),
        (r"regex:(?P<group>w\d*|)_?(?P<label>[ab])/.*", "a/1.png", PathFacts("a")),
        (r"regex:(?P<label>\d)?/.*", "/b_7.png", None),
        (r"regex:(?P<label>[a-z]+)\d+\.jpg", "cat.31.jpg", None),
    ],
)
def test_a_pattern_reads_what_a_path_says(pattern: str, path: str, expected: PathFacts | None) -> None:
    assert read_path(path, compile_pattern(pattern)) == expected


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{group}/{name}", r"must contain \{label\}"),
        ("{lable}/{name}", r"unknown field \{lable\} .* Did you mean \{label\}\?"),
        ("{xyz}/{label}", r"unknown field \{xyz\} .* Use \{label\}, \{group\}"),
        ("{label}/{label}", r"has \{label\} twice"),
        ("regex:(?P<label>", r"must be a regular expression after 'regex:'; got .* \(missing \), unterminated"),
        ("regex:(?P<lable>.*)", r"unknown field \{lable\}"),
        ("regex:(?P<group>.*)/.*", r"must contain \(\?P<label>...\)"),
    ],
)
def test_a_wrong_pattern_is_explained(pattern: str, words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        compile_pattern(pattern)
