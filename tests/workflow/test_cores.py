"""The cores of a run decide how long it takes, not what it computes."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.workflow
TEACHER = "results/teachers/tiny/resnet10t/cal"


@pytest.mark.slow
def test_one_core_and_two_make_the_same_bytes(tiny: Any) -> None:
    tiny.write("config/two.yaml", {"threads": {"pretrain": 2}})
    tiny.write("config/one.yaml", {"threads": {"pretrain": 1}})
    made = {}
    for threads, cores in (("two", 2), ("two", 1), ("one", 2)):
        configs = ["--configfile", "config/tiny.yaml", f"config/{threads}.yaml"]
        target = f"{TEACHER}.safetensors"
        done = tiny.snakemake(target, "--cores", str(cores), "--forcerun", "pretrain", *configs)
        assert done.returncode == 0, done.stdout + done.stderr
        made[threads, cores] = (tiny.folder / target).read_bytes()
        run = json.loads((tiny.folder / f"{TEACHER}.json").read_text())["run"]
        assert run["threads"] == (2 if threads == "two" else 1)
    assert made["two", 1] == made["two", 2]
    assert made["one", 2] != made["two", 2], "nothing here depends on threads"


def test_an_environment_that_allows_fewer_threads_is_refused_before_the_first_job(
    tiny: Any,
) -> None:
    tiny.write("config/two.yaml", {"threads": {"pretrain": 2}})
    configs = ["--configfile", "config/tiny.yaml", "config/two.yaml"]
    done = tiny.snakemake("--dry-run", *configs, OMP_THREAD_LIMIT="1")
    assert done.returncode != 0
    assert "'threads.pretrain' is 2, but OMP_THREAD_LIMIT=1" in done.stdout + done.stderr
