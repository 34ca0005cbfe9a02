"""Vision transformers as backbones, and what their class token looks at."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any, cast

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers import Attention, resample_abs_pos_embed
from torch import Tensor, nn

from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.config.transformers import TransformerShape
from fd2.config.weights_files import WeightsFile
from fd2.errors import FD2Error
from fd2.networks.initial_weights import build_backbone
from fd2.networks.vision_transformer import VisionTransformerNetwork, class_attention

#: Of timm's little one, 64 wide with 2 heads, in patches of 16 pixels.
SMALL = {"resolution": 24, "patch_size": 4, "width": 24, "depth": 3, "heads": 3}
torch.set_num_threads(1)


def seen(resolution: int = 48, channels: int = 3, **shape: Any) -> NetworkInput:
    return NetworkInput(channels, resolution, transformer=TransformerShape(**shape))


def built(name: str = "test_vit", images: NetworkInput | None = None) -> VisionTransformerNetwork:
    body = plugins.load("backbones", name).build(5, "scratch", seed=3, images=images or seen())
    return cast(VisionTransformerNetwork, body.eval())


def pictures(size: int = 48, channels: int = 3) -> Tensor:
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(1))


def test_it_computes_what_timm_computes_of_the_resized_images() -> None:
    body, images = built(images=seen(**SMALL)), pictures()
    # A size that divides that of the images, so that each pixel is an average that one can name.
    size = (24, 24)
    small = nn.functional.interpolate(images.double(), size, mode="bilinear", antialias=True)
    with torch.no_grad():
        tokens = body.features(images)
        assert tokens.shape == (2, 1 + 36, 24) and body.feature_channels == 24
        torch.testing.assert_close(body(images), body.network(small.float()))
        assert torch.equal(body.classify(tokens), body(images))
        # What the classifier sees is the class token after the last norm.
        assert torch.equal(body.embedding(tokens), tokens[:, 0])
    assert body.batch_norms() == [] and (body.grid, body.depth) == (6, 3)
    assert {layer.num_heads for layer in body.modules() if isinstance(layer, Attention)} == {3}


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    "name", ["test_vit", "test_vit2", "test_vit3", "deit_tiny_distilled_patch16_224", "deit3_small"]
)
def test_attention_is_the_softmax_that_the_network_uses(name: str, fused: bool) -> None:
    """With registers, norms of queries and keys, and a second class token too."""
    name = "deit3_small_patch16_224" if name == "deit3_small" else name
    plugin = plugins.load("backbones", name)
    try:
        plugin.check(seen(depth=2))
    except FD2Error as error:
        # Some of timm's little ones have other kinds of attention or no class token.
        assert "classifies no class token" in error.what and name in ("test_vit2", "test_vit3")
        return
    body, images = built(name, seen(depth=2)), pictures()
    layers = [layer for layer in body.modules() if isinstance(layer, Attention)]
    used: list[Tensor] = []

    def attention(layer: Attention, tokens: Tensor) -> Tensor:
        """What multiplies the values, in float64, and with it the layer's output."""
        parts = layer.qkv(tokens).double().unflatten(-1, (3, layer.num_heads, layer.head_dim))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        query, key = layer.q_norm(query.float()), layer.k_norm(key.float())
        scores = torch.einsum("bhid,bhjd->bhij", query.double(), key.double())
        shares = (scores / math.sqrt(layer.head_dim)).exp()
        shares = shares / shares.sum(-1, keepdim=True)
        given = (shares @ value).transpose(1, 2).flatten(2).float()
        used.append(shares[:, :, 0])
        return cast(Tensor, layer.proj(layer.norm(given)))

    def compared(layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer, Attention)
        torch.testing.assert_close(output, attention(layer, *arguments), atol=1e-5, rtol=1e-4)

    for layer in layers:
        layer.fused_attn = fused
        layer.register_forward_hook(compared)
    with torch.no_grad():
        tokens, maps = body.attend(images)
        assert torch.equal(tokens, body.features(images))
    assert maps.shape == (2, 2, layers[0].num_heads, 3, 3)
    patches = torch.stack(used[:2], dim=1)[..., -9:].unflatten(-1, (3, 3))
    torch.testing.assert_close(maps.double(), patches, atol=1e-6, rtol=1e-4)
    assert float(maps.sum((3, 4)).max()) < 1 and float(maps.min()) > 0
    # Hooks are gone: another pass notes nothing.
    with torch.no_grad():
        assert torch.equal(body.features(images), tokens)


def test_norms_of_queries_and_keys_are_part_of_the_softmax() -> None:
    generator = torch.Generator().manual_seed(0)
    layer = Attention(12, num_heads=3, qkv_bias=True, qk_norm=True, norm_layer=nn.LayerNorm)
    tokens = torch.randn(2, 5, 12, generator=generator)
    layer.q_norm.weight.data.uniform_(0.5, 3, generator=generator)
    found = class_attention(layer, tokens)
    layer.fused_attn = False
    kept: list[Tensor] = []
    layer.attn_drop.register_forward_pre_hook(lambda _, arguments: kept.append(arguments[0]))
    layer(tokens)
    torch.testing.assert_close(found, kept[0][:, :, 0])


def test_position_embeddings_of_a_file_are_resized_as_timm_does(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(2)
    trained = timm.create_model("test_vit", num_classes=5, img_size=96)
    state = {k: torch.randn(v.shape, generator=generator) for k, v in trained.state_dict().items()}
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = WeightsFile(str(path), digest)
    made = build_backbone("test_vit", 5, "file", file, seed=0, images=seen())
    own = cast(VisionTransformerNetwork, made).network.state_dict()
    wanted = resample_abs_pos_embed(state["pos_embed"], new_size=[3, 3], num_prefix_tokens=1)
    torch.testing.assert_close(own["pos_embed"], wanted)
    rest = [name for name in state if name != "pos_embed"]
    assert all(torch.equal(own[name], state[name]) for name in rest)
    # As timm itself does with trained weights of a local file.
    plugin = plugins.load("backbones", "test_vit")
    loaded = plugin.build(5, "imagenet", path, seed=0, images=seen())
    assert torch.equal(loaded.network.pos_embed, own["pos_embed"])


def test_it_takes_one_channel_and_a_seed_decides_all_weights() -> None:
    body = built(images=seen(channels=1, **SMALL))
    with torch.no_grad():
        assert body(pictures(channels=1)).shape == (2, 5)
    same, first = built(images=seen(channels=1, **SMALL)).state_dict(), body.state_dict()
    assert all(torch.equal(first[name], same[name]) for name in first)


@pytest.mark.parametrize(
    ("name", "images", "message"),
    [
        ("test_vit", NetworkInput(3, 48, "cifar"), "stem 'cifar'"),
        ("test_vit", NetworkInput(3, 50), "50 pixels in patches of 16"),
        ("test_vit", seen(heads=5), "cannot be built"),
        ("vit_base_patch16_gap_224", NetworkInput(), "classifies no class token"),
        ("vit_base_patch16_siglip_224", NetworkInput(), "classifies no class token"),
    ],
)
def test_what_it_cannot_be_is_refused(name: str, images: NetworkInput, message: str) -> None:
    with pytest.raises(FD2Error, match=message) as refused:
        plugins.load("backbones", name).check(images)
    assert name in refused.value.where


def test_trained_weights_have_timms_own_shape() -> None:
    with pytest.raises(FD2Error, match="trained weights for a width, depth"):
        plugins.load("backbones", "test_vit").build(5, "imagenet", seed=0, images=seen(depth=2))
