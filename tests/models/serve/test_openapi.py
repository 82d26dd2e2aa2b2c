"""Requests made from the service's own description of itself, well formed and malformed, by schemathesis."""

import subprocess
import sys
from pathlib import Path

from tests.models.serve.conftest import Served

# Both judge by the description whether a form must be refused. It cannot say which bytes are an image, nor that in a form
# every value is text, so that `true` is a label like any other.
NOT_ASKED = "negative_data_rejection,positive_data_acceptance"


def test_no_request_is_a_server_error_and_every_answer_is_as_documented(served: Served, address: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", f"{address}/openapi.json"),
            *("--exclude-checks", NOT_ASKED, "--max-examples", "20", "--seed", "1", "--no-shrink", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout
    assert "Tested: 5" in ended.stdout  # all operations
    assert list(served.raw.iterdir()) == []
