"""The batch-norm term against plain loops in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fd2.errors import FD2Error
from fd2.losses.batch_norm import BatchNormStatistics


def network() -> nn.Sequential:
    generator = torch.Generator().manual_seed(0)
    layers = nn.Sequential(
        nn.BatchNorm2d(3), nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(),
        nn.Conv2d(6, 4, 1), nn.BatchNorm2d(4),
    ).double().eval()  # fmt: skip
    for tensor in layers.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.1)
    return layers.requires_grad_(False)


def norms_of(layers: nn.Sequential) -> list[nn.BatchNorm2d]:
    return [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]


def images(seed: int = 1) -> torch.Tensor:
    return torch.randn(3, 3, 5, 5, generator=torch.Generator().manual_seed(seed)).double()


def slow_loss(layers: nn.Sequential, x: torch.Tensor, first_multiplier: float) -> float:
    total, weight = 0.0, first_multiplier
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            mean_gap, variance_gap = 0.0, 0.0
            for c in range(layer.num_features):
                values = x[:, c].flatten().tolist()
                mean = sum(values) / len(values)
                variance = sum((value - mean) ** 2 for value in values) / len(values)
                mean_gap += (float(layer.running_mean[c]) - mean) ** 2
                variance_gap += (float(layer.running_var[c]) - variance) ** 2
            total += weight * (mean_gap**0.5 + variance_gap**0.5)
            weight = 1.0
        x = layer(x)
    return total


@pytest.mark.parametrize("first_multiplier", [10.0, 1.0, 0.0])
def test_equals_plain_loops_after_every_forward(first_multiplier: float) -> None:
    layers = network()
    expected = [slow_loss(layers, images(seed), first_multiplier) for seed in (1, 2)]
    with BatchNormStatistics(norms_of(layers), first_multiplier) as statistics:
        for seed, value in zip((1, 2), expected, strict=True):
            layers(images(seed))
            assert statistics.loss().item() == pytest.approx(value, rel=1e-12)


def test_only_the_latest_forward_counts() -> None:
    layers = network()
    with BatchNormStatistics(norms_of(layers)) as statistics:
        layers(images(2))
        layers(images(1))
        got = statistics.loss().item()
    assert got == pytest.approx(slow_loss(layers, images(1), 10), rel=1e-12)


def test_matching_statistics_give_zero_loss_and_zero_gradient() -> None:
    layers = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3)).eval()
    x = images().float().requires_grad_()
    with torch.no_grad():
        for layer, values in ((layers[0], x), (layers[1], None)):
            values = layers[0](x) if values is None else values
            variance, mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(variance)
    with BatchNormStatistics(norms_of(layers)) as statistics:
        layers(x)
        loss = statistics.loss()
    loss.backward()
    assert loss.item() == 0
    assert x.grad is not None and torch.equal(x.grad, torch.zeros_like(x))


def test_leaving_the_context_removes_the_hooks() -> None:
    layers = network()
    with BatchNormStatistics(norms_of(layers)) as statistics:
        layers(images())
    assert all(not layer._forward_pre_hooks for layer in norms_of(layers))
    with pytest.raises(FD2Error, match="0 of 3 batch-norm layers"):
        statistics.loss()


def test_loss_without_a_new_forward_is_an_error() -> None:
    layers = network()
    with BatchNormStatistics(norms_of(layers)) as statistics:
        layers(images())
        statistics.loss()
        with pytest.raises(FD2Error, match="run one forward pass"):
            statistics.loss()
        layers[:2](images())
        with pytest.raises(FD2Error, match="1 of 3"):
            statistics.loss()


@pytest.mark.parametrize("layers", [[], [nn.BatchNorm2d(3, track_running_stats=False)]])
def test_layers_without_statistics_are_refused(layers: list[nn.BatchNorm2d]) -> None:
    with pytest.raises(FD2Error, match="no running statistics"):
        BatchNormStatistics(layers)


def test_half_precision_inputs_accumulate_in_float32() -> None:
    layer = nn.BatchNorm2d(2).eval()
    x = 300 + 0.5 * torch.randn(4, 2, 30, 30, generator=torch.Generator().manual_seed(0))
    with BatchNormStatistics([layer], first_multiplier=1) as statistics:
        layer(x.half())
        loss = statistics.loss()
    assert loss.dtype == torch.float32
    expected = slow_loss(nn.Sequential(layer), x.half().double().float(), 1)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
