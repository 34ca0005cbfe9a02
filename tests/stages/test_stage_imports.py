"""What the stages' processes import: nothing that only other jobs need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fd2

STAGES = ("pretrain", "patches", "distill", "relabel", "evaluate")
#: Those of a network come with it.
NOT_NEEDED = ("torch._dynamo", "torchvision", "timm", "pandas", "matplotlib", "scipy", "sklearn")


def test_stages_import_no_package_that_only_others_need() -> None:
    code = (
        f"import sys, {', '.join(f'fd2.stages.{stage}' for stage in STAGES)}; "
        f"print([name for name in {NOT_NEEDED!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(fd2.__path__[0]).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
