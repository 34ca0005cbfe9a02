"""Counterfactual attention against its formulas in float64."""

from __future__ import annotations

import math

import pytest
import torch

from fd2.networks.cal import CounterfactualAttention, bilinear_attention_pool

D, M, C = 5, 3, 4


def head(seed: int = 0) -> CounterfactualAttention:
    cal = CounterfactualAttention(D, M, C, seed=seed).double()
    generator = torch.Generator().manual_seed(7)
    cal.attentions.bn.running_mean.copy_(0.1 * torch.randn(M, generator=generator))
    cal.attentions.bn.running_var.copy_(0.5 + torch.rand(M, generator=generator))
    return cal.eval()


def features() -> torch.Tensor:
    return torch.rand(2, D, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def slow_attention(cal: CounterfactualAttention, maps: torch.Tensor) -> torch.Tensor:
    weight = cal.attentions.conv.weight
    bn = cal.attentions.bn
    out = torch.zeros(2, M, 3, 3, dtype=torch.float64)
    for b in range(2):
        for m in range(M):
            for i in range(3):
                for j in range(3):
                    x = sum(weight[m, d, 0, 0] * maps[b, d, i, j] for d in range(D))
                    x = (x - bn.running_mean[m]) / math.sqrt(bn.running_var[m] + 1e-3)
                    out[b, m, i, j] = max(0.0, float(bn.weight[m] * x + bn.bias[m]))
    return out


def test_forward_equals_the_formulas() -> None:
    cal, maps = head(), features()
    with torch.no_grad():
        output = cal(maps)
        attention = slow_attention(cal, maps)
        assert attention.max() > 0
        feature = bilinear_attention_pool(maps, attention)
        torch.testing.assert_close(output.attention, attention)
        torch.testing.assert_close(output.feature, feature)
        torch.testing.assert_close(output.logits, 100 * feature @ cal.fc.weight.T)
        assert torch.equal(cal.attentions(maps), output.attention)


def test_effect_in_evaluation_uses_uniform_attention_of_one() -> None:
    cal, maps = head(), features()
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    with torch.no_grad():
        output = cal(maps)
        flat = bilinear_attention_pool(maps, torch.ones(2, M, 3, 3, dtype=torch.float64))
        expected = output.logits - 100 * flat @ cal.fc.weight.T
        torch.testing.assert_close(cal.effect(maps, output, generator), expected)
    assert torch.equal(generator.get_state(), state)


def test_effect_in_training_draws_uniform_attention_below_two() -> None:
    cal, maps = head().train(), features()
    with torch.no_grad():
        output = cal(maps)
        got = cal.effect(maps, output, torch.Generator().manual_seed(5))
        again = cal.effect(maps, output, torch.Generator().manual_seed(5))
        draws = 2 * torch.rand(2, M, 3, 3, generator=torch.Generator().manual_seed(5))
        counterfactual = bilinear_attention_pool(maps, draws.double())
    assert torch.equal(got, again)
    torch.testing.assert_close(got, output.logits - 100 * counterfactual @ cal.fc.weight.T)
    assert draws.max() < 2 and draws.max() > 1


def test_parameter_names_and_shapes() -> None:
    shapes = {name: tuple(p.shape) for name, p in head().named_parameters()}
    assert shapes == {
        "attentions.conv.weight": (M, D, 1, 1),
        "attentions.bn.weight": (M,),
        "attentions.bn.bias": (M,),
        "fc.weight": (C, M * D),
    }


def test_weights_follow_the_seed_and_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    one, two, other = head(1).state_dict(), head(1).state_dict(), head(2).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(one["fc.weight"], other["fc.weight"])


@pytest.mark.parametrize(
    ("initialisation", "convolution", "classifier"),
    [
        ("kaiming_normal", math.sqrt(2 / 512), 1 / math.sqrt(512 * 8)),
        ("torch_default", math.sqrt(1 / 3 / 512), math.sqrt(1 / 3 / (512 * 8))),
    ],
)
def test_spread_of_the_initial_weights(
    initialisation: str, convolution: float, classifier: float
) -> None:
    made = CounterfactualAttention(512, 8, 50, seed=0, initialisation=initialisation)
    assert made.attentions.conv.weight.std().item() == pytest.approx(convolution, rel=0.03)
    assert made.fc.weight.std().item() == pytest.approx(classifier, rel=0.03)
