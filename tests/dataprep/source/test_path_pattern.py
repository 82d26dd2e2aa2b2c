import signal
import threading
import time

import pytest

from dataprep.core.errors import ParamsError
from dataprep.source import path_pattern
from dataprep.source.path_pattern import PathFacts, compile_pattern, read_path, read_paths


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
        ("regex:" + "(" * 5000 + ")" * 5000, r"must be a regular expression .* \(5,0\d\d|... \(10,0\d\d characters\)"),
        ("regex:(?P<label>a{99999999999999999999})", r"must be a regular expression after 'regex:'"),
        ("regex:(?P<lable>.*)", r"unknown field \{lable\}"),
        ("regex:(?P<group>.*)/.*", r"must contain \(\?P<label>...\)"),
    ],
)
def test_a_wrong_pattern_is_explained(pattern: str, words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "seconds"),
    [
        (r"regex:(?P<label>(a+)+)b", 1.0),  # as it is set; the others have a tenth, which they use up as well
        (r"regex:(?P<label>(a|aa)+)b", 0.1),
        (r"regex:(?P<label>(\w+\s?)*)/x", 0.1),
        (r"regex:(?P<label>a*a*a*a*a*a*a*a*a*a*a*a*)b", 0.1),
        (r"regex:(?P<label>(.*a){15})b", 0.1),
        (r"regex:(?=(?P<label>(a+)+)b).*", 0.1),
        ("*a*a*a*a*a*a*a*a*a*a*a*a*a*{label}b/{name}", 0.1),
        ("**/**/**/**/**/**/**/**/**/**/**/**/{label}b", 0.1),
    ],
)
def test_a_pattern_that_tries_too_many_ways_is_refused_at_once(
    pattern: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert path_pattern._SECONDS == 1
    monkeypatch.setattr(path_pattern, "_SECONDS", seconds)
    paths = ["7/a.png", "a" * 200, "a/" * 60 + "c"]
    start = time.process_time()
    limit = rf"^params.yaml: ingest.pattern must read 3 paths within {seconds:.0f} s; after \d it tries 'a"
    with pytest.raises(ParamsError, match=limit):
        read_paths(paths, compile_pattern(pattern))
    assert time.process_time() - start < 1 + seconds


def test_paths_are_read_as_one_by_one_and_no_timer_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    pattern = compile_pattern("{label}/{name}")
    assert read_paths(["cat/1.jpg", "stray"], pattern) == [PathFacts("cat"), None]
    assert read_paths([], pattern) == []
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0


def test_another_thread_reads_without_a_limit() -> None:
    facts: list[PathFacts | None] = []
    thread = threading.Thread(target=lambda: facts.extend(read_paths(["cat/1.jpg"], compile_pattern("{label}/{name}"))))
    thread.start()
    thread.join()
    assert facts == [PathFacts("cat")]
