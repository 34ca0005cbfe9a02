"""Times of an iteration: whose they are, how they are summed up, and what the file says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fd2.artifacts.records import read_record
from fd2.config.settings import DistillSettings, MeasureSettings
from fd2.errors import FD2Error
from fd2.methods._interface import Phase
from fd2.stages.measure import (
    measure_matching,
    measure_optimisation,
    measure_selection,
    summary,
)

if TYPE_CHECKING:
    from tests.conftest import Chain


def test_whole_turns_are_averaged_and_phases_weighed_by_their_iterations() -> None:
    """Two teachers of 10 and 30 ms at one size, 20 and 60 at the other, three times as often."""
    full = (Phase(16, 100), Phase(32, 300))
    # Warm-up of one iteration each; the very first iteration of all has no time.
    times = [10, 30, 10, 30, 999, 20, 60, 20, 60]
    made: dict[str, Any] = summary(times, full, warm_up=1, timed=4, turns=2)
    assert [phase["milliseconds"]["median"] for phase in made["phases"]] == [20.0, 40.0]
    assert [phase["size"] for phase in made["phases"]] == [16, 32]
    assert made["milliseconds"]["median"] == 0.25 * 20 + 0.75 * 40


def test_median_and_quartiles_are_over_iterations() -> None:
    times = [7, 1, 2, 3, 4, 100]
    made: dict[str, Any] = summary(times, [Phase(16, 9)], warm_up=2, timed=5, turns=1)
    quartiles = {"lower_quartile": 2.0, "median": 3.0, "upper_quartile": 4.0}
    assert made["milliseconds"] == quartiles


def measured(chain: Chain, path: Path, settings: DistillSettings) -> dict[str, Any]:
    teachers = [chain.cal] * len(settings.method_settings["teachers"])
    manifest = chain.data / "manifest.json"
    measure = MeasureSettings(warm_up=2, iterations=3)
    count = len(settings.slots)
    patches = chain.patches
    measure_optimisation(settings, count, measure, manifest, patches, teachers, path, chain.job)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_first_and_last_slot_of_a_group(chain: Chain, tmp_path: Path) -> None:
    content = measured(chain, tmp_path / "m.json", chain.distill_settings())
    names = {"dataset": "cells", "method": "sre2lpp", "fd2": "fd2", "variant": "base", "ipc": 3}
    assert content["measured"] == names
    assert (content["classes"], content["resolution"]) == (3, 32)
    assert {k: slot["earlier_slots"] for k, slot in content["iterations"].items()} == {
        "first": 0,
        "last": 2,
    }
    for slot in content["iterations"].values():
        assert 0 < slot["milliseconds"]["lower_quartile"] <= slot["milliseconds"]["median"]
        assert [phase["iterations"] for phase in slot["phases"]] == [3]
        assert set(slot["peak_memory_mb"]) == {"resident"}
    assert content["run"]["device"] == "cpu" and content["run"]["device_name"]
    assert content["settings"]["measure"] == {"warm_up": 2, "iterations": 3}
    assert set(content["inputs"]) == {"patches", "teacher0"}


def test_without_constraints_the_slots_cost_the_same(chain: Chain, tmp_path: Path) -> None:
    plain = chain.distill_settings(fd2="plain", cal_ratio=0.0, regularisers={})
    content = measured(chain, tmp_path / "m.json", plain)
    assert set(content["iterations"]) == {"first"}


def test_teachers_in_turn_at_two_sizes(chain: Chain, tmp_path: Path) -> None:
    base = chain.distill_settings()
    phases = [{"size": 24, "iterations": 5}, {"size": 32, "iterations": 8}]
    own = {"teachers": ["resnet10t", "resnet10t"], "phases": phases, "residual_keep": 0.5}
    own |= {k: v for k, v in base.method_settings.items() if k != "iterations" and k not in own}
    settings = replace(base, method="fadrmplus", method_settings=own, slots=(0,))
    (slot,) = measured(chain, tmp_path / "m.json", settings)["iterations"].values()
    assert [(p["size"], p["iterations"]) for p in slot["phases"]] == [(24, 5), (32, 8)]
    low, high = (p["milliseconds"]["median"] for p in slot["phases"])
    assert slot["milliseconds"]["median"] == pytest.approx((5 * low + 8 * high) / 13, abs=1e-3)


MATCHED: dict[str, Any] = {
    **{"network": "convnet", "iterations": 7, "images_learning_rate": 0.1, "images_momentum": 0.5},
    **{"batch_real": 4, "initial_images": "real", "augmentation": [], "class_by_class": True},
}
TRAINED = {"inner_epochs": 1, "network_learning_rate": 0.01, "batch_synthetic": 4}


@pytest.mark.parametrize(
    ("method", "own", "steps"),
    [
        ("dm", {"mixed_precision": False, "compile": "none"}, 7),
        ("dsa", {**TRAINED, "outer_loops": 2}, 14),
    ],
)
def test_steps_of_a_matching_method(
    chain: Chain, tmp_path: Path, method: str, own: dict[str, Any], steps: int
) -> None:
    """All steps in a network are a turn: its training after one of them counts for each."""
    settings = chain.select_settings(method, 2, **MATCHED, **own)
    path = tmp_path / "m.json"
    measure_matching(settings, MeasureSettings(2, 3), chain.data, [], path, chain.job)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    names = {"dataset": "cells", "method": method, "fd2": "plain", "variant": "base", "ipc": 2}
    assert content["measured"] == names
    assert (content["classes"], content["resolution"]) == (3, 32)
    assert content["settings"]["match"]["images_per_class"] == 2
    assert read_record(path).preset == "paper"
    assert content["inputs"] == {}
    assert set(content["iterations"]) == {"first"}
    first = content["iterations"]["first"]
    assert [(p["size"], p["iterations"]) for p in first["phases"]] == [(32, steps)]
    assert 0 < first["milliseconds"]["lower_quartile"] <= first["milliseconds"]["median"]
    assert first["peak_memory_mb"]["resident"] > 0


def test_a_method_that_leaves_its_images_has_no_iteration(chain: Chain, tmp_path: Path) -> None:
    own = {**MATCHED, "iterations": 0, "mixed_precision": False, "compile": "none"}
    settings = chain.select_settings("dm", 2, **own)
    path = tmp_path / "m.json"
    with pytest.raises(FD2Error, match="no iteration to measure"):
        measure_matching(settings, MeasureSettings(2, 3), chain.data, [], path, chain.job)
    assert not path.exists()


@pytest.mark.parametrize("method", ["random", "rded", "herding"])
def test_a_selection_is_timed_whole(chain: Chain, tmp_path: Path, method: str) -> None:
    own: dict[str, Any] = {
        "random": {},
        "rded": {"patches": {"tiling": "2x2"}},
        "herding": {"teachers": ["resnet10t"], "order": "nearest"},
    }[method]
    crops = chain.patch_settings(kind="rded", tiles=2, slots=2) if method == "rded" else None
    teachers = [] if method == "random" else [chain.plain]
    path = tmp_path / "m.json"
    settings = chain.select_settings(method, 2, **own)
    measure_selection(settings, crops, chain.data, teachers, path, chain.job)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert content["measured"]["method"] == method and content["measured"]["ipc"] == 2
    first = content["iterations"]["first"]
    # Three classes; per hundred images.
    assert first["images"] == 6
    assert 0 < first["milliseconds"]["lower_quartile"] <= first["milliseconds"]["median"]
    assert first["peak_memory_mb"]["resident"] > 0
    assert (content["settings"]["patches"] is None) == (method != "rded")
    assert set(content["inputs"]) == ({"teacher0"} if teachers else set())
    # The record alone is left.
    assert list(tmp_path.iterdir()) == [path] and read_record(path).kind == "measured"
