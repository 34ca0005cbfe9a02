"""Counterfactual attention learning: the attention head of a teacher."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from fd2.networks.formats import at_least_float32, full_precision
from fd2.networks.initialisation import fresh_weights

# The unit-norm feature is too small for a linear classifier without it.
FEATURE_SCALE = 100.0
# Keeps the slope of the square root finite at zero.
ROOT_OFFSET = 1e-6


def bilinear_attention_pool(features: Tensor, attention: Tensor) -> Tensor:
    """Attention feature f = Norm(BAP(F, A)) (FD² eq. 3).

    The mean over positions of A[m] * F[d], then the signed square root
    sign(x) sqrt(|x| + 1e-6), then L2 normalisation over all M*D entries.

    Args:
        features: F [B, D, h, w].
        attention: A [B, M, h, w].

    Returns:
        [B, M*D], attention map m major (entry m*D + d), unit norm, float32 at least.
    """
    with full_precision(features):
        maps = at_least_float32(attention).flatten(2)
        channels = at_least_float32(features).flatten(2)
        pooled = torch.bmm(maps, channels.transpose(1, 2)).flatten(1) / maps.shape[2]
        rooted = pooled.sign() * (pooled.abs() + ROOT_OFFSET).sqrt()
        return functional.normalize(rooted, dim=1)


class CALOutput(NamedTuple):
    """Logits p [B, C], unit feature f [B, M*D], attention maps A [B, M, h, w] >= 0."""

    logits: Tensor
    feature: Tensor
    attention: Tensor


class AttentionMaps(nn.Module):
    """A = ReLU(BN(Conv1x1(F))), convolution without bias, batch norm with eps 1e-3."""

    def __init__(self, feature_channels: int, attention_maps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(feature_channels, attention_maps, kernel_size=1, bias=False)
        self.bn = nn.BatchNorm2d(attention_maps, eps=1e-3)

    def forward(self, features: Tensor) -> Tensor:
        """Feature map [B, D, h, w] to attention maps [B, M, h, w]."""
        return torch.relu(self.bn(self.conv(features)))


class CounterfactualAttention(nn.Module):
    """Attention maps, bilinear attention pooling and a linear classifier (FD² eq. 3 and 4).

    Args:
        feature_channels: D of the backbone.
        attention_maps: M.
        num_classes: C.
        seed: of the initial weights.
        initialisation: ``kaiming_normal`` draws the convolution with standard deviation sqrt(2/D)
            (fan-in, ReLU gain) and the classifier with 1/sqrt(M*D) (fan-in, linear gain);
            ``torch_default`` draws both uniformly as PyTorch does, with 1/sqrt(3) over the root of
            the fan-in, like the release of FD².
    """

    def __init__(
        self,
        feature_channels: int,
        attention_maps: int,
        num_classes: int,
        *,
        seed: int,
        initialisation: str = "kaiming_normal",
    ) -> None:
        super().__init__()
        with fresh_weights(seed):
            self.attentions = AttentionMaps(feature_channels, attention_maps)
            self.fc = nn.Linear(attention_maps * feature_channels, num_classes, bias=False)
            if initialisation == "kaiming_normal":
                nn.init.kaiming_normal_(self.attentions.conv.weight, nonlinearity="relu")
                nn.init.kaiming_normal_(self.fc.weight, nonlinearity="linear")

    def forward(self, features: Tensor) -> CALOutput:
        """Feature map F [B, D, h, w] to p = W(100 f), f and A."""
        attention = self.attentions(features)
        feature = bilinear_attention_pool(features, attention)
        return CALOutput(self._classify(feature), feature, attention)

    def effect(self, features: Tensor, output: CALOutput, generator: torch.Generator) -> Tensor:
        """The effect of attention on the logits [B, C], e = p - C(f') (FD² eq. 4).

        f' comes from the features F [B, D, h, w] of ``output`` and counterfactual attention: 1 in
        evaluation, and in training uniform on [0, 2), drawn from ``generator``, of any device.
        """
        shape = output.attention.shape
        if self.training:
            uniform = torch.rand(shape, generator=generator, device=generator.device)
            counterfactual = 2 * uniform.to(features.device, output.feature.dtype)
        else:
            counterfactual = output.feature.new_ones(shape)
        other = self._classify(bilinear_attention_pool(features, counterfactual))
        # The difference of two near values keeps no digits in half precision.
        return at_least_float32(output.logits) - at_least_float32(other)

    def _classify(self, feature: Tensor) -> Tensor:
        logits: Tensor = self.fc(FEATURE_SCALE * feature)
        return logits
