import os
import sys

import pytest

from pipelines.run.darkroom_stage import main


def test_a_stage_runs_without_modules_of_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(os, "execv", lambda *arguments: called.append(arguments))
    monkeypatch.setattr(sys, "argv", ["darkroom-stage", "split", "--manifest", "a b.parquet"])
    main()
    command = [sys.executable, "-P", "-m", "pipelines.stages.split", "--manifest", "a b.parquet"]
    assert called == [(sys.executable, command)]


@pytest.mark.parametrize("words", [[], ["spilt"], ["../cli"], ["__init__"]])
def test_another_name_is_one_line(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["darkroom-stage", *words])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "must have the name of a stage; got" in capsys.readouterr().err
