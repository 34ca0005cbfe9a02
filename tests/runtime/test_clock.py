"""Files stamped in the future: refused by name, put right by the command, waited for at the end."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from fd2.errors import FD2Error
from fd2.runtime.clock import require_past, settle


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files in folders below, an hour ahead, the second later than the first."""
    paths = [tmp_path / "in" / "a b.txt", tmp_path / "in" / "deep" / "c.txt"]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() + 3600 + number,) * 2)
    return paths


def test_files_of_the_future_are_refused_and_the_command_gives_them_one_stamp(
    tmp_path: Path, files: list[Path]
) -> None:
    (tmp_path / "out.txt").touch()
    (tmp_path / "in" / "nowhere").symlink_to("not there")
    looked_at = [tmp_path / "in", tmp_path / "out.txt", tmp_path / "not there"]
    with pytest.raises(FD2Error, match="2 in the future") as refused:
        require_past(looked_at)
    assert all(str(path) in refused.value.where for path in files)
    subprocess.run(shlex.split(refused.value.fix.partition("then: ")[2]), check=True)
    require_past(looked_at)
    assert len({path.stat().st_mtime for path in files}) == 1, "none is newer than the other"


def test_results_are_written_after_the_stamps_of_their_inputs(
    files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    soon, jumped = files
    os.utime(soon, (time.time() + 0.5,) * 2)
    stamp = soon.stat().st_mtime
    settle([*files, soon.with_name("not there")])
    assert stamp == soon.stat().st_mtime < time.time()
    assert jumped.stat().st_mtime <= time.time()
    said = capsys.readouterr().out
    assert str(jumped) in said and str(soon) not in said
