"""The table in the profile for SLURM against the rules that it is for."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.workflow

#: Rows that others refer to.
COMMON = {"gpu_jobs", "cpu_jobs"}


@pytest.fixture(scope="module")
def profile(sources: Any) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(
        (sources.folder / "profiles/slurm/profile.yaml").read_text()
    )
    return values


def test_every_rule_that_runs_a_script_on_a_node_has_a_row(
    sources: Any, profile: dict[str, Any]
) -> None:
    rules = set()
    for file in (sources.folder / "workflow/rules").glob("*.smk"):
        for block in file.read_text().split("\nrule ")[1:]:
            if "\n    script:" in block and "localrule: True" not in block:
                rules.add(block.split(":", 1)[0])
    rules -= {"tabulate_partial", "summarise_partial"}
    assert set(profile["set-resources"]) - COMMON == rules


def test_every_row_says_what_a_job_needs(profile: dict[str, Any]) -> None:
    rows = {name: row for name, row in profile["set-resources"].items() if name not in COMMON}
    needed = {"slurm_partition", "gpu", "mem_mb", "runtime", "cpus_per_task"}
    assert all(needed <= set(row) for row in rows.values())
    on_gpus = {name for name, row in rows.items() if row["gpu"]}
    trained = {"pretrain", "train_expert", "evaluate", "keep"}
    trained |= {"learn_continually", "learn_continually_real"}
    detectors = {"annotate", "train_detector", "train_detector_real"}
    looked = {"diagnose", "diagnose_real", "measure_complexity"}
    images = {"patches", "select_images", "distill", "match", "match_trajectories", "relabel"}
    assert on_gpus == trained | images | looked | detectors | {"measure"}


def test_triggers_are_those_of_a_local_run(sources: Any, profile: dict[str, Any]) -> None:
    text = (sources.folder / "profiles/default/profile.yaml").read_text()
    assert profile["rerun-triggers"] == yaml.safe_load(text)["rerun-triggers"]
