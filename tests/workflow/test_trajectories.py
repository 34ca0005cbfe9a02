"""Experts, the sets whose students follow them, and students of these, through snakemake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fd2.artifacts.images import read_distilled

pytestmark = pytest.mark.workflow
SHEET = """\
dataset,method,fd2,variant,ipc,student,published
tiny,random,plain,base,2,convnet,
tiny,mtt,plain,base,2,convnet,
tiny,datm,plain,longer,2,convnet,
tiny,edf,plain,base,2,convnet,
"""
SHORT = {
    **{"iterations": 2, "inner_steps": 2, "expert_epochs": 1},
    **{"start_epochs": {"least": 0, "first": 1, "most": 2, "widened_until": 2}},
    **{"initial_images": "real", "threshold": None, "images_learning_rate": 1000},
    **{"experts": {"count": 2, "variant": None}},
}
CONFIG: dict[str, Any] = {
    "tables": ["followed"],
    "train_expert": {"epochs": 2, "batch_size": 8},
    "distill": {
        "methods": {
            "mtt": {**SHORT, "start_epochs": {**SHORT["start_epochs"], "first": None}},
            "datm": SHORT,
            "edf": {**SHORT, "teachers": ["convnet"]},
        }
    },
    "evaluate": {
        **{"protocol": "direct", "labels": "hard", "epochs": 2, "test_every": 2},
        "learning_rate": 0.01,
    },
    "overrides": {
        "learned-rate": {
            "where": {"method": ["mtt"]},
            "set": {"evaluate": {"learning_rate": "learned"}},
        },
        "learned-labels": {
            "where": {"method": ["datm", "edf"]},
            "set": {"evaluate": {"labels": "learned", "learning_rate": "learned"}},
        },
    },
    "variants": {"longer": {"train_expert": {"epochs": 3, "optimiser": "gsam"}}},
}
ARGUMENTS = ("--configfile", "config/tiny.yaml", "config/followed.yaml")


@pytest.fixture
def followed(tiny: Any) -> Any:
    """The tiny workflow with a sheet of trajectory matching."""
    tiny.write("config/followed.yaml", CONFIG)
    tiny.write("config/tables/followed.csv", SHEET)
    return tiny


def test_from_experts_to_a_table(followed: Any) -> None:
    assert followed.dry_run("followed", *ARGUMENTS) == {
        **{"prepare": 1, "train_expert": 4, "pretrain": 1, "select_images": 1},
        **{"match_trajectories": 3, "evaluate": 4, "tabulate": 1, "followed": 1},
    }
    done = followed.snakemake("followed", "--cores", "2", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    results = followed.folder / "results"
    table = (results / "tables/followed.md").read_text()
    for method in ("MTT", "DATM", "EDF"):
        assert method in table
    for method, variant in (("mtt", "base"), ("datm", "longer"), ("edf", "base")):
        path = f"tiny/{method}/plain/{variant}/ipc2"
        made = read_distilled(results / f"distilled/{path}.safetensors")
        assert made.images.shape == (4, 3, 32, 32) and made.learned_rate is not None
        assert (made.learned_labels is None) == (method == "mtt")
        assert made.metadata["moved"] > 0.1
        record = json.loads((results / f"distilled/{path}.json").read_text())
        assert {"expert0", "expert1"} <= set(record["inputs"])
        cell = json.loads((results / f"students/{path}/convnet/seed0.json").read_text())
        assert cell["settings"]["learning_rate"] == "learned"
    # Nothing is made twice; a variant's experts stand beside those of base.
    assert followed.dry_run("followed", *ARGUMENTS) == {}
    assert (results / "trajectories/tiny/convnet/longer/expert1.safetensors").exists()
    measured = "results/measured/tiny/edf/plain/base/ipc2.json"
    done = followed.snakemake(measured, "--cores", "2", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((followed.folder / measured).read_text())["iterations"]["first"]


@pytest.mark.parametrize(
    ("method", "changed", "messages"),
    [
        ("mtt", {"network": "resnet10t"}, ["batch norm", "convnet"]),
        ("mtt", {"expert_epochs": 7}, ["experts of 2 epochs", "train_expert.epochs"]),
        ("datm", {"experts": {"variant": "hard-labels"}}, ["has no experts of its own", "longer"]),
        ("datm", {"start_epochs": {"least": 2}}, ["least < first <= most"]),
        ("edf", {"teachers": []}, ["without a teacher", "'teachers'"]),
    ],
)
def test_what_cannot_be_followed_is_refused_before_the_first_job(
    followed: Any, method: str, changed: dict[str, Any], messages: list[str]
) -> None:
    followed.write("config/changed.yaml", {"distill": {"methods": {method: changed}}})
    done = followed.snakemake("followed", "--dry-run", *ARGUMENTS, "config/changed.yaml")
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback (most" not in output, output
    for message in (*messages, "where:", "fix:"):
        assert message in output


def test_cells_with_fd2_are_refused(followed: Any) -> None:
    target = "results/distilled/tiny/edf/fd2/base/ipc2.safetensors"
    done = followed.snakemake(target, "--dry-run", *ARGUMENTS)
    assert done.returncode == 1 and "ask for 'plain'" in done.stdout + done.stderr
