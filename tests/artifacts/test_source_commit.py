"""What a record says of a checkout that git does not read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fd2

SHOW = """
import json
from fd2.artifacts.provenance import record, source_commit
facts, reason = source_commit()
record({}, {})
print(json.dumps([facts["commit"], facts["dirty"], reason]))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of its own with a copy of the sources."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(fd2.__path__[0], tmp_path / "src" / "fd2", ignore=ignored)
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*name, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_what_keeps_a_commit_out_of_the_record_is_told(checkout: Path) -> None:
    def told(**environment: str) -> tuple[str, list[object]]:
        own = {"PYTHONPATH": str(checkout / "src"), "GIT_CONFIG_GLOBAL": "/dev/null"}
        done = subprocess.run(
            [sys.executable, "-c", SHOW],
            env={**os.environ, **own, **environment},
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=True,
        )
        *log, facts = done.stdout.splitlines()
        return "\n".join(log), json.loads(facts)

    log, (commit, dirty, reason) = told()
    assert (log, len(str(commit)), dirty, reason) == ("", 40, False, None)
    (checkout / "src/fd2/image_counts.py").write_text("", encoding="utf-8")
    assert told()[1][1] is True
    # git's own switch for its tests: every file is somebody else's.
    for environment, why in (
        ({"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}, "dubious ownership"),
        ({"PATH": ""}, "git is not installed"),
        ({"GIT_DIR": "/nowhere"}, "not a git repository"),
    ):
        log, (commit, dirty, reason) = told(**environment)
        assert (commit, dirty) == (None, None)
        assert why in str(reason) and f"no commit in the record: {reason}" in log
