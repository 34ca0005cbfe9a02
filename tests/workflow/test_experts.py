"""Experts as targets of the workflow."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.workflow
SHORT = {
    "train_expert": {"epochs": 2, "batch_size": 8, "learning_rate": 0.1},
    "variants": {"flat": {"train_expert": {"optimiser": "gsam"}}},
}
EXPERT = "results/trajectories/tiny/convnet/{}/expert{}.safetensors"


def test_an_expert_is_planned_and_made_by_its_path(tiny: Any) -> None:
    name = tiny.write("config/short.yaml", SHORT)
    config = ("--configfile", "config/tiny.yaml", name)
    targets = [EXPERT.format("base", 0), EXPERT.format("flat", 1)]
    assert tiny.dry_run(targets[0], *config) == {"prepare": 1, "train_expert": 1}
    many = [EXPERT.format("base", number) for number in range(100)]
    assert tiny.dry_run(*many, *config) == {"prepare": 1, "train_expert": 100}
    done = tiny.snakemake(*targets, "--cores", "1", *config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tiny.dry_run(*targets, *config) == {}
    records = [json.loads((tiny.folder / one).with_suffix(".json").read_text()) for one in targets]
    assert [record["settings"]["optimiser"] for record in records] == ["sgd", "gsam"]
    assert all(len(record["result"]["loss"]) == 2 for record in records)
    log = (tiny.folder / "logs/trajectories/tiny/convnet/base/expert0.log").read_text()
    assert "expert 0: 4/4 steps" in log and "steps/s loss=" in log
    # What only the other optimiser uses changes its experts alone.
    tiny.write(
        "config/short.yaml",
        {**SHORT, "train_expert": {**SHORT["train_expert"], "gsam": {"rho": 1}}},
    )
    assert tiny.dry_run(*targets, *config) == {"train_expert": 1}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (EXPERT.format("base", "01"), ["begins with 0", "expert1.safetensors"]),
        (EXPERT.format("bas", 0), ["unknown variant 'bas'", "base"]),
        (EXPERT.replace("convnet", "resnet10t").format("base", 0), ["has batch norm", "convnet"]),
        (EXPERT.replace("convnet", "convnett").format("base", 0), ["unknown backbone 'convnett'"]),
    ],
)
def test_a_path_of_no_expert_is_refused_before_any_job(
    tiny: Any, path: str, words: list[str]
) -> None:
    done = tiny.snakemake("--dry-run", path, "--configfile", "config/tiny.yaml")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert all(word in said for word in words), said
