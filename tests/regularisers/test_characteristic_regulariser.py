"""The characteristic constraint as a plug-in."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from fd2.augment.views import identity
from fd2.losses.characteristic import characteristic_loss
from fd2.losses.regulariser import SlotContext
from fd2.networks.teacher import TeacherOutput
from fd2.regularisers import characteristic


def example() -> tuple[TeacherOutput, SlotContext]:
    generator = torch.Generator().manual_seed(0)
    feature = functional.normalize(torch.randn(3, 8, generator=generator), dim=1)
    prototypes = [0.05 * torch.randn(4, 8, generator=generator) for _ in range(2)]
    output = TeacherOutput(torch.zeros(3, 4), torch.zeros(3, 2, 2, 2), None, feature, None)
    return output, SlotContext(torch.tensor([2, 0, 3]), prototypes, [])


@pytest.mark.parametrize("index", [0, 1])
def test_uses_the_prototypes_of_the_right_teacher_raw_or_normalised(index: int) -> None:
    output, context = example()
    values = {}
    for form in ("raw", "normalised"):
        settings = {"weight": 0.8, "alpha": 0.5, "prototypes": form}
        term = characteristic.build(settings)
        values[form] = term.loss(output, index, context, identity(1))
    prototypes = context.prototypes[index]
    unit = prototypes / prototypes.norm(dim=1, keepdim=True)
    expected = characteristic_loss(output.cal_feature, prototypes, context.labels, 0.5)
    assert torch.equal(values["raw"], expected)
    expected = characteristic_loss(output.cal_feature, unit, context.labels, 0.5)
    torch.testing.assert_close(values["normalised"], expected)
    assert abs(values["raw"] - values["normalised"]) > 1e-3


def test_normalised_prototypes_make_their_scale_irrelevant() -> None:
    output, context = example()
    term = characteristic.build({"weight": 0.8, "alpha": 0.2, "prototypes": "normalised"})
    scaled = SlotContext(context.labels, [17 * p for p in context.prototypes], [])
    one, two = (term.loss(output, 0, c, identity(1)) for c in (context, scaled))
    torch.testing.assert_close(one, two)
