"""Vision transformers of timm: their tokens, and what the class token looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers import Attention
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn
from torch.nn import functional

from fd2.config.transformers import TransformerShape
from fd2.errors import FD2Error
from fd2.networks.timm_network import TimmNetwork, trained_network


class VisionTransformerNetwork(TimmNetwork):
    """Its features are the last tokens ``[B, N, D]``, the class token first; it has no map."""

    def __init__(self, network: nn.Module, resolution: int) -> None:
        super().__init__(network)
        self.feature_channels = int(self.network.embed_dim)
        self._resolution = resolution

    @property
    def grid(self) -> int:
        """Patches n along and across an image."""
        return int(self.network.patch_embed.grid_size[0])

    @property
    def depth(self) -> int:
        """Blocks L."""
        return len(self.network.blocks)

    def features(self, images: Tensor) -> Tensor:
        """Images [B, K, H, W], resized to the network's own size, to tokens [B, N, D]."""
        return super().features(self.resized(images))

    def resized(self, images: Tensor) -> Tensor:
        """Images [B, K, H, W] as the network sees them: bilinear, antialiased."""
        if images.shape[-1] == self._resolution:
            return images
        size = (self._resolution, self._resolution)
        return functional.interpolate(images, size, mode="bilinear", antialias=True)

    def attend(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens, and how much of its attention the class token pays to each patch.

        It is the softmax that the network itself uses, also where that is computed in one fused
        operation. What the class token pays to itself and to other tokens that are no patches is
        left out, so that a map sums to less than 1.

        Args:
            images: ``[B, K, H, W]``, normalised; the network is in evaluation mode.

        Returns:
            Tokens ``[B, N, D]``, and attention ``[B, L, heads, n, n]`` of each block, the one
            nearest to the image first.
        """
        prefix, found = int(self.network.num_prefix_tokens), list[Tensor]()
        with _watched(self.network.blocks, found):
            tokens = self.features(images)
        maps = torch.stack(found, dim=1)[..., prefix:]
        return tokens, maps.unflatten(-1, (self.grid, self.grid))

    def fitted(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights of timm's network with position embeddings resized to its own patches."""
        if "pos_embed" not in state:
            return state
        resized: Mapping[str, Tensor] = checkpoint_filter_fn(dict(state), self.network)
        return resized


def class_attention(layer: Attention, tokens: Tensor) -> Tensor:
    """What share of its attention the first token pays to each.

    Args:
        layer: of a block.
        tokens: ``[B, N, D]``, what the layer is given.

    Returns:
        ``[B, heads, N]``; each sums to 1.
    """
    weights = layer.qkv.weight.chunk(3)
    biases = (None,) * 3 if layer.qkv.bias is None else layer.qkv.bias.chunk(3)

    def of_heads(part: int, seen: Tensor) -> Tensor:
        split = functional.linear(seen, weights[part], biases[part])
        return split.unflatten(-1, (layer.num_heads, layer.head_dim)).transpose(1, 2)

    query = layer.q_norm(of_heads(0, tokens[:, :1]))
    key = layer.k_norm(of_heads(1, tokens))
    scores = (query * layer.scale) @ key.transpose(-2, -1)
    return scores.softmax(dim=-1).squeeze(2)


def create(
    model: str,
    num_classes: int,
    shape: TransformerShape,
    resolution: int,
    weights_file: Path | None = None,
    *,
    trained: bool = False,
) -> VisionTransformerNetwork:
    """The network for three channels, with timm's fresh weights or its trained ones.

    Args:
        model: timm's name.
        num_classes: C.
        shape: what differs from timm's.
        resolution: of images, where the shape names none.
        weights_file: a local copy of trained weights.
        trained: whether these are taken; timm resizes their position embeddings.

    Raises:
        FD2Error: if trained weights cannot be had.
    """
    size = shape.resolution or resolution
    named = {"patch_size": shape.patch_size, "embed_dim": shape.width}
    named |= {"depth": shape.depth, "num_heads": shape.heads}
    own: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    own["img_size"] = size
    if trained:
        network = trained_network(model, num_classes, weights_file, **own)
    else:
        network = timm.create_model(model, pretrained=False, num_classes=num_classes, **own)
    return VisionTransformerNetwork(network, size)


def check_shape(model: str, shape: TransformerShape, resolution: int, where: str) -> None:
    """Refuse a network without a class token that is classified, or a shape that it cannot have.

    Args:
        model: timm's name.
        shape: what differs from timm's.
        resolution: of images, where the shape names none.
        where: the network, for errors.

    Raises:
        FD2Error: names the setting, or another network.
    """
    try:
        with torch.device("meta"):
            network = create(model, 2, shape, resolution).network
    except (AssertionError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        fix = "give other values in 'transformer', such as heads that divide the width"
        raise FD2Error(f"the vision transformer cannot be built: {said}", where, fix) from error
    plain = isinstance(network, VisionTransformer) and all(
        type(getattr(block, "attn", None)) is Attention for block in network.blocks
    )
    if not plain or network.cls_token is None or network.global_pool != "token":
        raise FD2Error(
            "the network classifies no class token, or its attention cannot be looked at",
            where,
            "take one that does, such as deit_small_patch16_224 or vit_tiny_patch16_224",
        )
    size, patch = shape.resolution or resolution, network.patch_embed.patch_size[0]
    if size % patch:
        raise FD2Error(
            f"images of {size} pixels in patches of {patch}",
            where,
            f"set 'transformer.resolution' to a multiple of {patch}, such as "
            f"{max(size // patch, 1) * patch}, or another 'transformer.patch_size'",
        )


@contextmanager
def _watched(blocks: nn.Module, found: list[Tensor]) -> Iterator[None]:
    """Adds what each block's class token attends to, ``[B, heads, N]``, in forward order."""

    def note(layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(layer, Attention)
        found.append(class_attention(layer, arguments[0]))

    hook: Callable[..., None] = note
    layers = [layer for layer in blocks.modules() if isinstance(layer, Attention)]
    handles = [layer.register_forward_pre_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
