"""FADRM and FADRM+ on the tiny chain: two CAL teachers with attention maps of two sizes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from fd2.artifacts.images import read_slots
from fd2.config.settings import DistillSettings
from fd2.networks.stored_teacher import read_teacher
from fd2.stages.pretrain import pretrain

if TYPE_CHECKING:
    from tests.conftest import Chain

#: 48 pixels give maps of 2×2 in one network and of 1×1 in the other, 32 pixels 1×1 in both.
PHASES = [{"size": 48, "iterations": 3}, {"size": 32, "iterations": 4}]
OFF = {
    "characteristic": {"weight": 0.0, "alpha": 0.5, "prototypes": "normalised"},
    "similarity": {"weight": 0.0, "crop": "shared"},
    "total_variation": {"weight": 0.0},
}
PLAIN = {"fd2": "plain", "cal_ratio": 0.0, "regularisers": {}}
SCRIPT = """
import json, sys
from pathlib import Path
from fd2.config.settings import DistillSettings, build
from fd2.runtime.job import StateSettings, start_job
from fd2.stages.distill import distill
given = json.load(sys.stdin)
paths = {name: Path(path) for name, path in given["paths"].items()}
distill(
    build(DistillSettings, given["settings"]), paths["manifest"], paths["patches"],
    [Path(path) for path in given["teachers"]], paths["output"], paths["record"],
    start_job("cpu", 1, state=StateSettings(paths["state"])),
)
"""


@pytest.fixture(scope="module")
def teachers(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The chain's CAL teacher, and a DenseNet with other attention maps."""
    path = tmp_path_factory.mktemp("teachers") / "densenet121.safetensors"
    settings = chain.pretrain_settings("cal", backbone="densenet121", attention_maps=3)
    pretrain(settings, chain.data, path, path.with_suffix(".json"), chain.job)
    return [chain.cal, path]


def settings_of(
    chain: Chain, method: str, recipe: dict[str, Any] | None = None, **changes: Any
) -> DistillSettings:
    settings = chain.distill_settings(**{"slots": (0, 1), **changes})
    own = {key: value for key, value in settings.method_settings.items() if key != "iterations"}
    own |= {"phases": PHASES, "residual_keep": 0.5, "mixed_precision": True, **(recipe or {})}
    return dataclasses.replace(settings, method=method, method_settings=own)


def images(path: Path) -> Tensor:
    return read_slots(path).images


def test_the_two_teachers_have_maps_of_two_sizes(chain: Chain, teachers: list[Path]) -> None:
    networks = [read_teacher(path, chain.job.device).network for path in teachers]
    shapes = [
        [tuple(network(torch.zeros(1, 3, size, size)).attention.shape[1:]) for network in networks]
        for size in (48, 32)
    ]
    assert shapes == [[(4, 2, 2), (3, 1, 1)], [(4, 1, 1), (3, 1, 1)]]


@pytest.fixture(scope="module")
def whole(chain: Chain, teachers: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FADRM+ with FD² in one go."""
    output = tmp_path_factory.mktemp("whole") / "group.safetensors"
    return chain.group(output, settings_of(chain, "fadrmplus"), teachers=teachers)


def test_fadrmplus_with_fd2_changes_its_patches(chain: Chain, whole: Path) -> None:
    made, patches = images(whole), images(chain.patches)
    assert made.shape == (2, 3, 3, 32, 32)
    assert made.dtype == torch.uint8
    for slot in range(2):
        moved = (made[slot].int() - patches[slot].int()).abs().double().mean()
        # Half of the patch is merged in after the first phase.
        assert 1 < moved < 60


def test_turns_depend_on_the_order_of_teachers(
    chain: Chain, teachers: list[Path], whole: Path, tmp_path: Path
) -> None:
    settings = settings_of(chain, "fadrmplus", slots=(0,))
    turned = chain.group(tmp_path / "turned.safetensors", settings, teachers=teachers[::-1])
    assert not torch.equal(images(turned)[0], images(whole)[0])


@pytest.mark.parametrize("method", ["fadrm", "fadrmplus"])
def test_zero_weights_are_the_plain_method_to_the_bit(
    chain: Chain, teachers: list[Path], tmp_path: Path, method: str
) -> None:
    """Also in mixed precision; and FD² changes either method."""
    used = teachers if method == "fadrmplus" else teachers[:1]
    made = []
    for name, changes in (
        ("plain", PLAIN),
        ("zero", {"cal_ratio": 0.0, "regularisers": OFF}),
        ("fd2", {}),
    ):
        settings = settings_of(chain, method, **changes)
        made.append(images(chain.group(tmp_path / f"{name}.st", settings, teachers=used)))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_fadrm_without_merge_at_one_size_is_sre2lpp(chain: Chain, tmp_path: Path) -> None:
    """One phase, single precision, one teacher: the same settings in other words."""
    one = {"phases": [{"size": 32, "iterations": 3}], "mixed_precision": False}
    settings = settings_of(chain, "fadrm", one)
    expected = images(chain.group(tmp_path / "a.st", chain.distill_settings(slots=(0, 1))))
    assert torch.equal(images(chain.group(tmp_path / "b.st", settings)), expected)


def test_similarity_compares_maps_of_other_sizes(
    chain: Chain, teachers: list[Path], tmp_path: Path
) -> None:
    """The second slot at 48 pixels keeps away from maps that were made at 32."""
    short = {"phases": [{"size": 48, "iterations": 2}, {"size": 32, "iterations": 1}]}
    for crop in ("shared", "independent"):
        weights = {**OFF, "similarity": {"weight": 20.0, "crop": crop}}
        made = [
            images(chain.group(tmp_path / f"{crop}{i}.st", settings, teachers=teachers))
            for i, settings in enumerate(
                settings_of(chain, "fadrmplus", short, regularisers=r) for r in (OFF, weights)
            )
        ]
        assert torch.equal(made[0][0], made[1][0])
        assert not torch.equal(made[0][1], made[1][1])


def test_a_killed_group_goes_on_to_the_same_bytes(
    chain: Chain, teachers: list[Path], whole: Path, tmp_path: Path
) -> None:
    """SIGKILL to a real process after its first slot; the rest follows in this one."""
    paths = {
        "manifest": chain.data / "manifest.json",
        "patches": chain.patches,
        "output": tmp_path / "group.safetensors",
        "record": tmp_path / "group.json",
        "state": tmp_path / ".state",
    }
    settings = settings_of(chain, "fadrmplus")
    given = {
        "settings": dataclasses.asdict(settings),
        "teachers": [str(path) for path in teachers],
        "paths": {name: str(path) for name, path in paths.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob(".state/*/slot0-chunk0.0.safetensors")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not paths["output"].exists()
    again = chain.group(paths["output"], settings, teachers=teachers)
    assert again.read_bytes() == whole.read_bytes()
