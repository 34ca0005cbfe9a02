"""The yardstick computes the engine's mathematics: same losses, same images after some steps."""

from __future__ import annotations

import pytest
import torch
from benchmarks.engine_step import EngineStep
from benchmarks.problem import make_problem
from benchmarks.reference import ReferenceStep

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("backbones", "fd2"),
    [(("resnet18",), True), (("resnet18",), False), (("resnet18", "shufflenet_v2"), True)],
)
def test_reference_and_engine_agree(backbones: tuple[str, ...], fd2: bool) -> None:
    problem = make_problem(backbones, classes=4, size=64, fd2=fd2, mixed=False, steps=6)
    reference, engine = ReferenceStep(problem), EngineStep(problem, CPU)
    for _ in range(3):
        expected, terms = reference(), engine()
        assert set(terms) == set(expected)
        for name, value in terms.items():
            assert float(value) == pytest.approx(expected[name], rel=1e-3), name
    first = problem.images
    moved = (reference.images.detach() - first).abs()
    assert moved.max() > 1e-3
    # Adam's first steps are signs of gradients: where one is nearly zero, rounding decides.
    apart = (engine.images.detach() - reference.images.detach()).abs()
    assert (apart > 0.5 * moved.max()).double().mean() < 0.01
