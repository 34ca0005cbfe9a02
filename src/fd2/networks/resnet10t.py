"""ResNet-10-T: one block a stage, a stem of three small convolutions, pooled shortcuts.

Names, order and initial values of the weights are those of timm's ``resnet10t``, which a test
compares; importing timm takes as long as importing torch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEATURES = 512
_STEM = (24, 32, 64)
_CHANNELS = (64, 128, 256, 512)
_CLASSES = 1000


class _Block(nn.Module):
    """Two convolutions beside a shortcut; its last batch norm starts at zero."""

    def __init__(self, channels: int, outputs: int, stride: int) -> None:
        super().__init__()
        shortcut: nn.Module | None = None
        if stride > 1:
            # Before the rest, as the initial values are drawn in this order.
            pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
            projection = nn.Conv2d(channels, outputs, 1, bias=False)
            shortcut = nn.Sequential(pool, projection, nn.BatchNorm2d(outputs))
        self.conv1 = nn.Conv2d(channels, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.act2 = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] to [B, D, h, w]."""
        features = self.act1(self.bn1(self.conv1(images)))
        features = self.bn2(self.conv2(features))
        features += images if self.downsample is None else self.downsample(images)
        activated: Tensor = self.act2(features)
        return activated


class ResNet10T(nn.Module):
    """The network up to its classifier of ImageNet, which `fd2.backbones` replaces."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = _STEM
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, third, 3, padding=1, bias=False),
        )
        self.bn1 = nn.BatchNorm2d(third)
        self.act1 = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = third
        for number, outputs in enumerate(_CHANNELS, 1):
            block = _Block(channels, outputs, 1 if number == 1 else 2)
            self.add_module(f"layer{number}", nn.Sequential(block))
            channels = outputs
        self.fc = nn.Linear(FEATURES, _CLASSES)
        self._draw()

    @torch.no_grad()
    def _draw(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, _Block):
                nn.init.zeros_(module.bn2.weight)
