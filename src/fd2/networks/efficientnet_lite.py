"""EfficientNet-Lite: EfficientNet without squeeze and excitation, with ReLU6.

Names, order and initial values of the weights are those of timm's ``tf_efficientnet_lite0`` and
``lite1``, which a test compares; importing timm takes as long as importing torch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

FEATURES = 1280
_EPS = 1e-3
_STEM = 32
_CLASSES = 1000
#: Blocks at depth 1, kernel, stride, expansion and output channels of each stage.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SamePadConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: the odd pixel below and to the right."""

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] to [B, D, ceil(H / stride), ceil(W / stride)]."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        tall, wide = (
            max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
            for length in images.shape[2:]
        )
        padding = (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2)
        padded = F.pad(images, padding)
        return F.conv2d(padded, self.weight, None, self.stride, groups=self.groups)


class BatchNormReLU6(nn.BatchNorm2d):
    """Batch norm and ReLU6 in its memory."""

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C, H, W] in [0, 6]."""
        return F.relu6(super().forward(features), inplace=True)


class _Separable(nn.Module):
    """A depth-wise convolution and a linear projection; the first block, without shortcut."""

    def __init__(self, channels: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw = _convolution(channels, channels, kernel, groups=channels)
        self.bn1 = BatchNormReLU6(channels, eps=_EPS)
        self.conv_pw = _convolution(channels, outputs, 1)
        self.bn2 = nn.BatchNorm2d(outputs, eps=_EPS)

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] to [B, D, h, w]."""
        features = self.bn1(self.conv_dw(images))
        projected: Tensor = self.bn2(self.conv_pw(features))
        return projected


class _InvertedResidual(nn.Module):
    """Expansion, depth-wise convolution and linear projection, with a shortcut where it fits."""

    def __init__(
        self, channels: int, outputs: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = channels * expansion
        self.has_shortcut = stride == 1 and channels == outputs
        self.conv_pw = _convolution(channels, wide, 1)
        self.bn1 = BatchNormReLU6(wide, eps=_EPS)
        self.conv_dw = _convolution(wide, wide, kernel, stride, groups=wide)
        self.bn2 = BatchNormReLU6(wide, eps=_EPS)
        self.conv_pwl = _convolution(wide, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs, eps=_EPS)

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] to [B, D, h, w]."""
        features = self.bn2(self.conv_dw(self.bn1(self.conv_pw(images))))
        projected: Tensor = self.bn3(self.conv_pwl(features))
        return projected + images if self.has_shortcut else projected


class EfficientNetLite(nn.Module):
    """The network up to its classifier of ImageNet, which `fd2.backbones` replaces.

    Args:
        depth: factor of the number of blocks of all but the first and the last stage, rounded up.
    """

    def __init__(self, depth: float) -> None:
        super().__init__()
        self.conv_stem = _convolution(3, _STEM, 3, stride=2)
        self.bn1 = BatchNormReLU6(_STEM, eps=_EPS)
        # timm tries a layer of squeeze and excitation here, which draws from the generator.
        nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        stages, channels = [], _STEM
        for number, (blocks, kernel, stride, expansion, outputs) in enumerate(_STAGES):
            inner = 0 < number < len(_STAGES) - 1
            stage: list[nn.Module] = []
            for block in range(math.ceil(blocks * depth) if inner else blocks):
                step = 1 if block else stride
                stage.append(
                    _Separable(channels, outputs, kernel)
                    if expansion == 1
                    else _InvertedResidual(channels, outputs, kernel, step, expansion)
                )
                channels = outputs
            stages.append(nn.Sequential(*stage))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = _convolution(channels, FEATURES, 1)
        self.bn2 = BatchNormReLU6(FEATURES, eps=_EPS)
        self.classifier = nn.Linear(FEATURES, _CLASSES)
        self._draw()

    @torch.no_grad()
    def _draw(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] ** 2 * module.out_channels // module.groups
                nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
            elif isinstance(module, nn.Linear):
                reach = 1 / math.sqrt(module.out_features)
                nn.init.uniform_(module.weight, -reach, reach)
                nn.init.zeros_(module.bias)


def _convolution(
    channels: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Without bias; padded so that the output is as large as the input, divided by the stride."""
    if stride > 1:
        return SamePadConvolution(channels, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(channels, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
