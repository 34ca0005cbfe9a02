"""Vision transformers: their shape, and what one, or any other network, is refused for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fd2.config import plugins
from fd2.errors import FD2Error


@dataclass(frozen=True)
class TransformerShape:
    """How a vision transformer differs from the library's of its name; None is the library's own.

    Attributes:
        resolution: height and width in pixels that images are resized to before it sees them; None
            takes them as they are. Trained position embeddings are resized to its patches.
        patch_size: height and width of a patch in pixels.
        width: of the tokens.
        depth: blocks.
        heads: of each block.
    """

    resolution: int | None = None
    patch_size: int | None = None
    width: int | None = None
    depth: int | None = None
    heads: int | None = None


def is_transformer(backbone: str) -> bool:
    """Whether a backbone is a vision transformer: it has tokens, and no feature map."""
    return bool(getattr(plugins.load("backbones", backbone), "TRANSFORMER", False))


def transformer_shape(section: Mapping[str, Any], backbone: str) -> dict[str, Any] | None:
    """The section's ``transformer`` for a vision transformer; None for other backbones.

    So that a setting of transformers makes no other network again.
    """
    return dict(section["transformer"]) if is_transformer(backbone) else None


def check_feature_map(backbones: Sequence[str], where: str, why: str) -> None:
    """Refuse vision transformers where a last feature map is needed.

    Args:
        backbones: the networks.
        where: they are asked for.
        why: what needs the map.

    Raises:
        FD2Error: for the first one.
    """
    for backbone in backbones:
        if is_transformer(backbone):
            raise FD2Error(
                f"network '{backbone}' is a vision transformer, which has no feature map: {why}",
                where,
                "take a convolutional network",
            )


def check_class_token(backbone: str, where: str) -> None:
    """Refuse a network whose class token pays no attention to patches: it has none.

    Raises:
        FD2Error: for any but a vision transformer.
    """
    if not is_transformer(backbone):
        raise FD2Error(
            f"teacher '{backbone}' has no class token, whose attention the method looks at",
            where,
            "take a vision transformer of timm, such as deit_small_patch16_224",
        )
