"""Networks of timm and torchvision by their own names through the stages, on real photographs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Chain

from fd2.artifacts.files import read_json
from fd2.stages.evaluate import evaluate
from fd2.stages.pretrain import pretrain


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_a_teacher_of_timm_is_trained_and_distils(
    chain: Chain, tmp_path: Path, training: str
) -> None:
    teacher = tmp_path / "t.safetensors"
    settings = chain.pretrain_settings(training, backbone="test_resnet")
    pretrain(settings, chain.data, teacher, teacher.with_suffix(".json"), chain.job)
    own = {} if training == "cal" else {"cal_ratio": 0.0, "regularisers": {}}
    group = chain.group(
        tmp_path / "group0.safetensors", chain.distill_settings(**own), teachers=[teacher]
    )
    assert chain.moved(group) > 0.1


@pytest.mark.parametrize("student", ["mobilenetv3_small_050", "mnasnet0_5"])
def test_a_student_of_a_library_is_trained_and_tested(
    chain: Chain, nine: Path, tmp_path: Path, student: str
) -> None:
    """A loss that is not finite would be refused."""
    cells = [tmp_path / f"{seed}.json" for seed in (0, 1)]
    for seed, cell in enumerate(cells):
        settings = chain.evaluate_settings(student=student, labels="hard", epochs=2, seed=seed)
        evaluate({cell: settings}, chain.data, nine, None, chain.job)
    losses = [read_json(cell)["result"]["curve"][-1]["loss"] for cell in cells]
    assert len(set(losses)) == 2
    assert all(read_json(cell)["cell"]["student"] == student for cell in cells)
