"""Numbers of a network's shape, from one without storage."""

from __future__ import annotations

from functools import cache

from fd2.config import plugins
from fd2.config.networks import NetworkInput


@cache
def parameter_count(backbone: str, classes: int, images: NetworkInput) -> int:
    """Scalar parameters of a backbone, without buffers."""
    import torch

    with torch.device("meta"):
        network = plugins.load("backbones", backbone).build(
            classes, "scratch", seed=0, images=images
        )
    return sum(parameter.numel() for parameter in network.parameters())


@cache
def feature_channels(backbone: str) -> int:
    """D of a backbone, from a network without storage."""
    import torch

    with torch.device("meta"):
        network = plugins.load("backbones", backbone).build(2, "scratch", seed=0)
    return int(network.feature_channels)


@cache
def teacher_bytes(
    backbone: str, classes: int, attention_maps: int | None, images: NetworkInput
) -> int:
    """Bytes of a teacher's weights, buffers and prototypes, from a network without storage.

    Args:
        backbone: plug-in name.
        classes: C.
        attention_maps: M; None for a plain teacher.
        images: what it is built for.
    """
    import torch

    from fd2.networks.stored_teacher import build_teacher

    with torch.device("meta"):
        teacher = build_teacher(
            backbone, classes, attention_maps, initialisation="scratch", seed=0, images=images
        )
    return sum(tensor.numel() * tensor.element_size() for tensor in teacher.state_dict().values())
