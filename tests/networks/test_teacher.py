"""Teachers: outputs, freezing and recalibration."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone
from fd2.networks.cal import CounterfactualAttention
from fd2.networks.teacher import Teacher, recalibrate_batch_norm


def teacher(with_cal: bool = True) -> Teacher:
    generator = torch.Generator().manual_seed(0)
    extractor = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    backbone = Backbone(extractor, nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 5)), 4)
    for parameter in backbone.parameters():
        parameter.data.normal_(generator=generator)
    return Teacher(backbone, CounterfactualAttention(4, 2, 5, seed=1) if with_cal else None)


def batches() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(n, 3, 6, 6, generator=generator) for n in (4, 3, 4)]


def test_output_of_both_heads() -> None:
    network, images = teacher().eval(), batches()[0]
    with torch.no_grad():
        output = network(images)
        features = network.backbone.features(images)
        assert torch.equal(output.backbone_logits, network.backbone(images))
        assert torch.equal(output.features, features)
        expected = network.cal(features)
    assert torch.equal(output.cal_logits, expected.logits)
    assert torch.equal(output.cal_feature, expected.feature)
    assert torch.equal(output.attention, expected.attention)
    assert network.prototypes.shape == (5, 8) and "prototypes" in network.state_dict()
    assert network.cal_batch_norms() == [network.cal.attentions.bn]


def test_plain_teacher_has_no_attention_and_no_prototypes() -> None:
    network = teacher(with_cal=False).eval()
    output = network(batches()[0])
    assert output[2:] == (None, None, None)
    assert "prototypes" not in network.state_dict()
    assert network.cal_batch_norms() == [] and len(network.batch_norms()) == 1


def test_freeze_leaves_no_gradient_and_no_training_mode() -> None:
    network = teacher().train()
    assert network.freeze() is network
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_recalibration_gives_the_mean_of_batch_statistics_and_restores_modes() -> None:
    network = teacher().train()
    network.cal.eval()
    layer = network.batch_norms()[0]
    layer.momentum = 0.3
    layer.running_mean.fill_(9.0)
    modes = [module.training for module in network.modules()]
    recalibrate_batch_norm(network, iter(batches()))
    assert [module.training for module in network.modules()] == modes
    assert layer.momentum == 0.3 and network.cal.attentions.bn.momentum == 0.1

    conv = network.backbone.extractor[0]
    means, variances = [], []
    for images in batches():
        values = conv(images).double().transpose(0, 1).flatten(1)
        mean = values.sum(1) / values.shape[1]
        means.append(mean)
        variances.append(((values - mean[:, None]) ** 2).sum(1) / (values.shape[1] - 1))
    torch.testing.assert_close(layer.running_mean.double(), sum(means) / 3, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer.running_var.double(), sum(variances) / 3, rtol=1e-5, atol=1e-5)
    assert network.cal.attentions.bn.num_batches_tracked == 3


def test_recalibration_ignores_what_was_stored_and_is_deterministic() -> None:
    one, two = teacher(), teacher()
    two.batch_norms()[0].running_var.fill_(50.0)
    for network in (one, two):
        recalibrate_batch_norm(network, batches())
    for first, second in zip(one.buffers(), two.buffers(), strict=True):
        assert torch.equal(first, second)


def test_recalibration_restores_modes_after_an_error() -> None:
    network = teacher().train()
    with pytest.raises(RuntimeError):
        recalibrate_batch_norm(network, [batches()[0], torch.zeros(1, 2, 6, 6)])
    assert all(module.training for module in network.modules())
    assert network.batch_norms()[0].momentum == 0.1


def test_recalibration_needs_a_batch_and_keeps_the_statistics_without() -> None:
    network = teacher()
    network.batch_norms()[0].running_mean.fill_(9.0)
    with pytest.raises(FD2Error, match="at least one batch"):
        recalibrate_batch_norm(network, [])
    assert torch.equal(network.batch_norms()[0].running_mean, torch.full((4,), 9.0))
