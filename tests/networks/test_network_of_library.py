"""Networks of torchvision and timm by their own names keep the contract of a backbone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
import timm
import torch
import torchvision
from torch import nn

from fd2.config import libraries, plugins
from fd2.config.code import stage_sources
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.network_of_library import LibraryNetwork

#: One of each class of torchvision, and of those of timm that differ in what follows the map.
AVERAGING = (
    *("mnasnet0_5", "mobilenet_v3_small", "regnet_y_400mf", "torchvision.shufflenet_v2_x0_5"),
    *("mobilenetv3_small_050", "mobilenetv4_conv_small_035", "eca_resnet33ts"),
    *("test_byobnet", "test_convnext", "test_nfnet", "test_resnet"),
)
LARGER = (
    *("convnext_tiny", "efficientnet_b0", "googlenet", "torchvision.densenet121"),
    *("torchvision.mobilenet_v2", "torchvision.resnet18", "timm.resnet18"),
)
OTHERS = ("squeezenet1_1", "efficientvit_b0")
torch.set_num_threads(1)


def built(name: str, seed: int = 3, **seen: object) -> LibraryNetwork:
    images = NetworkInput(**{"resolution": 64, **seen})  # type: ignore[arg-type]
    body = plugins.load("backbones", name).build(5, "scratch", seed=seed, images=images)
    return cast(LibraryNetwork, body)


def images(channels: int = 3, size: int = 64) -> torch.Tensor:
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(1))


def met(body: LibraryNetwork) -> list[nn.Module]:
    """Batch-norm layers in the order in which the library's own forward pass meets them."""
    layers: list[nn.Module] = []
    every = [m for m in body.modules() if isinstance(m, nn.BatchNorm2d)]
    handles = [m.register_forward_pre_hook(lambda m, _: layers.append(m)) for m in every]
    body.network(images())
    for handle in handles:
        handle.remove()
    return layers


def test_names_are_those_that_the_libraries_register() -> None:
    assert libraries.networks("timm") == set(timm.list_models())
    models = torchvision.models
    assert libraries.networks("torchvision") == set(models.list_models(module=models))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LARGER, "torchvision.alexnet"])
def test_larger_networks_compute_what_the_library_computes(name: str) -> None:
    test_it_computes_what_the_library_computes(name)


@pytest.mark.parametrize("name", [*AVERAGING, *OTHERS])
def test_it_computes_what_the_library_computes(name: str) -> None:
    body = built(name).eval()
    seen, averages = images(), name in AVERAGING + LARGER
    with torch.no_grad():
        features = body.features(seen)
        logits = body.classify(features)
        torch.testing.assert_close(logits, body.network(seen))
        assert torch.equal(body(seen), logits)
        assert features.shape[:2] == (2, body.feature_channels) and features.ndim == 4
        assert body.embedding(features).ndim == 2
        if averages:
            mean = features.mean((2, 3), keepdim=True)
            # FD² eq. 7: what is classified is the average alone.
            torch.testing.assert_close(body.classify(mean.expand_as(features)), logits)
    plugin = plugins.load("backbones", name)
    assert averages == plugin.POOLS_FEATURES
    assert list(map(id, body.batch_norms())) == list(map(id, met(body)))
    assert bool(body.batch_norms()) == plugin.BATCH_NORM


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "test_byobnet"])
def test_a_seed_decides_all_weights(name: str) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one, two = built(name).state_dict(), built(name).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[key], two[key]) for key in one)
    other = built(name, seed=4).state_dict()
    assert not any(torch.equal(one[key], other[key]) for key in one if one[key].ndim > 1)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "test_convnext"])
def test_it_takes_one_channel_and_small_images(name: str) -> None:
    body = built(name, channels=1, resolution=32, stem="cifar").eval()
    usual = built(name, channels=1, resolution=32).eval()
    with torch.no_grad():
        assert body(images(1, 32)).shape == (2, 5)
        larger, smaller = body.features(images(1, 32)), usual.features(images(1, 32))
    assert larger.shape[2] > smaller.shape[2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vit_b_16", "no last feature map"),
        ("swin_t", "no last feature map"),
        ("swin_tiny_patch4_window7_224", "no last feature map"),
        ("inception_v3", "does not take images of 32 pixels"),
    ],
)
def test_what_has_no_map_is_refused(name: str, message: str) -> None:
    size = 32 if name == "inception_v3" else 224
    with pytest.raises(FD2Error, match=message) as refused:
        plugins.load("backbones", name).check(NetworkInput(resolution=size))
    assert name in refused.value.where and "resnet18" in refused.value.fix


def test_a_library_decides_between_equal_names() -> None:
    assert libraries.find("efficientnet_b0") == libraries.LibraryName(
        "torchvision", "efficientnet_b0"
    )
    assert libraries.find("timm.efficientnet_b0") == libraries.LibraryName(
        "timm", "efficientnet_b0"
    )
    assert libraries.find("timm.regnet_y_400mf") is None


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("mobilenetv3_smal_100", "did you mean 'mobilenetv3_small_100'?"),
        ("regnet_y_400MF", "did you mean 'regnet_y_400mf'?"),
        ("timm/resnet34", "write 'timm.resnet34'"),
    ],
)
def test_a_misspelt_name_is_told_its_nearest(name: str, fix: str) -> None:
    with pytest.raises(FD2Error, match=f"unknown backbone '{name}'") as refused:
        plugins.load("backbones", name)
    assert fix in refused.value.fix
    assert len(refused.value.fix) < 500


def test_a_job_is_made_by_the_files_that_make_its_network() -> None:
    names = {path.name for path in stage_sources("evaluate", ("backbones.mobilenetv3_small_100",))}
    assert {"timm.py", "timm_network.py", "network_of_library.py"} <= names


def test_names_are_known_without_the_libraries() -> None:
    code = (
        "import sys\nfrom fd2.config import plugins\n"
        "plugins.require('backbones', 'mobilenetv3_small_100', 'student', 'here')\n"
        "plugins.load('backbones', 'convnext_tiny')\n"
        "print([name for name in ('torch', 'torchvision', 'timm') if name in sys.modules])"
    )
    source = str(Path(plugins.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
