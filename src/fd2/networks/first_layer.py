"""The first convolution of a network, fitted to small images and to one channel."""

from __future__ import annotations

from torch import nn

from fd2.config.networks import NetworkInput
from fd2.networks.initialisation import fresh_weights
from fd2.runtime.seeds import seed_from

_CHANNELS = 3


def fit_first_layer(model: nn.Module, images: NetworkInput, seed: int, *, trained: bool) -> None:
    """Let a network of torchvision or timm, changed in place, take other images than photographs.

    The stem ``cifar`` makes the first convolution 3×3 with stride 1 and takes the first max pooling
    out. A fresh convolution starts as torch's own do, like those of the public code for CIFAR. With
    trained weights, one channel is seen as if it were repeated three times: what the convolution
    does to the three is summed.

    Args:
        model: of three channels, fresh or with trained weights; its stem is registered first.
        images: what it shall take.
        seed: of weights that are drawn here.
        trained: whether the weights are.
    """
    # timm has a convolution of its own, so the layer is changed and not replaced.
    convolution = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    if trained:
        if images.channels == 1:
            convolution.weight = nn.Parameter(convolution.weight.detach().sum(1, keepdim=True))
            convolution.in_channels = 1
        return
    if images.stem == "cifar":
        convolution.kernel_size, convolution.stride, convolution.padding = (3, 3), (1, 1), (1, 1)
        named = model.named_modules()
        pooling = next((name for name, each in named if isinstance(each, nn.MaxPool2d)), None)
        if pooling is not None:
            model.set_submodule(pooling, nn.Identity())
    if images.stem == "cifar" or images.channels != _CHANNELS:
        shape = (convolution.out_channels, images.channels, *convolution.kernel_size)
        convolution.in_channels = images.channels
        with fresh_weights(seed_from(seed, "first layer")):
            convolution.weight = nn.Parameter(convolution.weight.new_empty(shape))
            convolution.reset_parameters()
