"""Class activation maps: where a network looks for a class, from its last feature map.

Sources: Grad-CAM, Selvaraju et al., ICCV 2017; SmoothGradCAM++, Omeiza et al., 2019, as in the
library torch-cam, which EDF's code uses.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.networks.backbone import Backbone

MAPS = ("grad_cam", "smooth_grad_cam")
#: Noisy images that ``smooth_grad_cam`` looks at beside each.
SAMPLES = 4
_NOISE = 0.3
_BATCH = 256
_TINY = 1e-8


def activation_maps(
    kind: str, backbone: Backbone, images: Tensor, classes: Tensor, generator: torch.Generator
) -> Tensor:
    """Maps in [0, 1] of the size of the images: 0 where an image's map is least, 1 where most.

    Args:
        kind: one of `MAPS`.
        backbone: in evaluation mode.
        images: ``[n, C, H, W]``, normalised for the backbone.
        classes: ids ``[n]`` that the maps are of.
        generator: on the CPU; of the noise of ``smooth_grad_cam``.

    Returns:
        ``[n, H, W]``.
    """
    found = []
    for some, wanted in zip(images.split(_BATCH), classes.split(_BATCH), strict=True):
        small = small_maps(kind, backbone, some, wanted, generator)
        size = tuple(some.shape[2:])
        found.append(interpolate(small[:, None], size, mode="bilinear")[:, 0])
    return torch.cat(found)


def small_maps(
    kind: str, backbone: Backbone, images: Tensor, classes: Tensor, generator: torch.Generator
) -> Tensor:
    """As `activation_maps`, of the size of the last feature map, ``[n, h, w]``."""
    if kind == "grad_cam":
        return _scaled(grad_cam(backbone, images, classes))
    shape = (SAMPLES, *images.shape)
    noise = torch.randn(shape, generator=generator) * _NOISE
    return _scaled(smooth_grad_cam(backbone, images, classes, noise.to(images)))


def grad_cam(backbone: Backbone, images: Tensor, classes: Tensor) -> Tensor:
    """Channels weighted by the mean gradient of the class's logit, ``[n, h, w]``, at least 0."""
    features, gradient = _gradient(backbone, images, classes)
    weights = gradient.mean((2, 3), keepdim=True)
    return (weights * features).sum(1).relu()


def smooth_grad_cam(backbone: Backbone, images: Tensor, classes: Tensor, noise: Tensor) -> Tensor:
    """SmoothGradCAM++ with gradients averaged over noisy images, ``[n, h, w]``, at least 0.

    After a linear head's average pooling the gradient is the same for all images, so that noise
    changes something only where the head has more layers.

    Args:
        backbone: in evaluation mode.
        images: ``[n, C, H, W]``, normalised.
        classes: ids ``[n]``.
        noise: ``[samples, n, C, H, W]``, added to the images.
    """
    with torch.no_grad():
        features = backbone.features(images)
    gradients = torch.stack([_gradient(backbone, images + each, classes)[1] for each in noise])
    square, cube = gradients.square().mean(0), gradients.pow(3).mean(0)
    around = (cube * features).sum((2, 3), keepdim=True)
    alpha = square / (2 * square + around + _TINY)
    weights = (alpha * gradients.mean(0).relu()).sum((2, 3), keepdim=True)
    return (weights * features).sum(1).relu()


def _gradient(backbone: Backbone, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """The last feature map, and the gradient of the classes' logits by it."""
    with torch.no_grad():
        features = backbone.features(images)
    leaf = features.detach().requires_grad_()
    with torch.enable_grad():
        logits = backbone.classify(leaf).gather(1, classes[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), leaf)
    return features, gradient


def _scaled(maps: Tensor) -> Tensor:
    """Each map from 0 to 1; one without contrast is 0."""
    least, most = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - least) / (most - least + _TINY)
