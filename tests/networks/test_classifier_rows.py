"""Networks that look at a subset of ImageNet with ImageNet's own classifier."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
import torchvision
from torch.nn.functional import interpolate

from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.prepared import open_prepared, write_prepared
from fd2.artifacts.records import read_record
from fd2.artifacts.tensors import read_tensors
from fd2.config.complexity import ComplexitySettings
from fd2.config.networks import NetworkInput
from fd2.config.weights_files import WeightsFile
from fd2.datasets._imagenet_classes import CLASSES, MTT
from fd2.errors import FD2Error
from fd2.networks.activation_maps import activation_maps
from fd2.networks.classifier_rows import classifier_rows
from fd2.networks.initial_weights import build_backbone
from fd2.networks.stored_teacher import read_teacher
from fd2.stages.measure_complexity import measure_complexity
from fd2.stages.pretrain import pretrain
from fd2.training.accuracy import accuracies

if TYPE_CHECKING:
    from tests.conftest import Chain

WOOF = [CLASSES[number][0] for number in MTT["woof"]]


@pytest.fixture(scope="module")
def imagenet() -> torchvision.models.ResNet:
    """A network of a thousand classes; its batch norm has seen something."""
    torch.manual_seed(3)
    network = torchvision.models.resnet18()
    network.train()(torch.randn(8, 3, 32, 32))
    return network.eval()


@pytest.fixture(scope="module")
def stored(
    imagenet: torchvision.models.ResNet, tmp_path_factory: pytest.TempPathFactory
) -> WeightsFile:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(imagenet.state_dict(), path)
    return WeightsFile(str(path), hashlib.sha256(path.read_bytes()).hexdigest())


def test_logits_and_maps_are_those_of_the_dataset_s_classes(
    chain: Chain, imagenet: torchvision.models.ResNet, stored: WeightsFile
) -> None:
    manifest = read_manifest(chain.data / "manifest.json")
    woof = replace(manifest, classes=tuple(WOOF), source={**manifest.source, "wnids": WOOF})
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for classifier, rows in (("imagenet", MTT["woof"]), ("imagenet_unmapped", tuple(range(10)))):
        found = classifier_rows(classifier, woof)
        assert found is not None and tuple(found) == rows
        network = build_backbone(
            "resnet18", 10, "file", stored, found, seed=0, images=NetworkInput(3, 32)
        ).eval()
        logits = imagenet(images)
        torch.testing.assert_close(network(images), logits[:, list(rows)])
        # By hand, of the class's own logit among a thousand.
        shown = torch.tensor([0, 3, 9, 4])
        features = network.features(images).detach()
        weights = imagenet.fc.weight[torch.tensor(rows)[shown]][:, :, None, None]
        raw = (weights * features).sum(1).relu()
        low, high = raw.amin((1, 2), keepdim=True), raw.amax((1, 2), keepdim=True)
        wanted = interpolate(
            ((raw - low) / (high - low + 1e-8))[:, None], (32, 32), mode="bilinear"
        )
        maps = activation_maps("grad_cam", network, images, shown, torch.Generator())
        torch.testing.assert_close(maps, wanted[:, 0], atol=1e-4, rtol=1e-4)


def test_a_network_is_taken_as_it_is(
    chain: Chain, imagenet: torchvision.models.ResNet, stored: WeightsFile, tmp_path: Path
) -> None:
    """Without an epoch; what it scores is told all the same."""
    settings = chain.pretrain_settings(
        "plain",
        **{"backbone": "resnet18", "initialisation": "file", "weights_file": asdict(stored)},
        **{"classifier": "imagenet_unmapped", "epochs": 0, "batch_norm_statistics": "running"},
        **{"schedule": "cosine"},
    )
    path = tmp_path / "teacher.safetensors"
    pretrain(settings, chain.data, path, path.with_suffix(".json"), chain.job)
    weights, _ = read_tensors(path)
    own = imagenet.state_dict()
    for name, value in weights.items():
        plain = name.removeprefix("backbone.").removeprefix("extractor.")
        if name.startswith("backbone.extractor."):
            assert torch.equal(value, own[plain])
    assert torch.equal(weights["backbone.head.weight"], own["fc.weight"][:3])
    teacher = read_teacher(path, torch.device("cpu"))
    dataset = open_prepared(chain.data)
    with torch.no_grad():
        seen = teacher.normaliser.normalise(dataset.test.all_images(torch.device("cpu")))
        wanted = accuracies(imagenet(seen)[:, :3].argmax(1), dataset.test.labels)
    result = read_record(path.with_suffix(".json")).result
    assert result["curve"] == [] and result["last"]["epoch"] == -1
    assert result["last"]["backbone"] == result["chosen"]["backbone"] == pytest.approx(wanted)


def test_a_network_keeps_all_of_imagenet_s_classes(
    chain: Chain, imagenet: torchvision.models.ResNet, stored: WeightsFile, tmp_path: Path
) -> None:
    """Complexity has maps of what it predicts among them; for anything else it is refused."""
    small, numbers = open_prepared(chain.data), [258, 162, 9]
    wnids = [CLASSES[number][0] for number in numbers]
    own = replace(small.manifest, resolution=64, source={**small.manifest.source, "wnids": wnids})
    # Twice as large, so that a map has four cells.
    images = {
        split: getattr(small, split).images.repeat(2, axis=1).repeat(2, axis=2)
        for split in ("train", "test")
    }
    data, path = tmp_path / "data", tmp_path / "teacher.safetensors"
    write_prepared(data, own, images)
    settings = chain.pretrain_settings(
        "plain",
        **{"backbone": "resnet18", "initialisation": "file", "weights_file": asdict(stored)},
        **{"classifier": "imagenet_whole", "epochs": 0, "batch_norm_statistics": "running"},
        **{"schedule": "cosine"},
    )
    pretrain(settings, data, path, path.with_suffix(".json"), chain.job)
    cpu, dataset = torch.device("cpu"), open_prepared(data)
    with pytest.raises(FD2Error, match="answers with the classes of all ImageNet"):
        read_teacher(path, cpu)
    teacher = read_teacher(path, cpu, any_classes=True)
    normalise = teacher.normaliser.normalise
    with torch.no_grad():
        logits = imagenet(normalise(dataset.test.all_images(cpu)))
    # Right is who names the image's class among a thousand.
    labels = torch.tensor(numbers)[dataset.test.labels]
    found = read_record(path.with_suffix(".json")).result["chosen"]["backbone"]
    assert found == pytest.approx(accuracies(logits.argmax(1), labels))

    record = tmp_path / "complexity.json"
    look = ComplexitySettings("cells", "resnet18", "plain", "paper", (0.5,), "grad_cam")
    measure_complexity(look, data, path, record, tmp_path / "complexity.csv", chain.job)
    with torch.no_grad():
        seen = normalise(dataset.train.all_images(cpu))
        features = teacher.network.backbone.features(seen)
        raw = (imagenet.fc.weight[imagenet(seen).argmax(1)][:, :, None, None] * features).sum(1)
    raw = raw.relu()
    low, high = raw.amin((1, 2), keepdim=True), raw.amax((1, 2), keepdim=True)
    shares = ((raw - low) / (high - low + 1e-8) > 0.5).double().mean((1, 2))
    wanted = [1 - shares[dataset.train.labels == label].mean().item() for label in range(3)]
    result = read_record(record).result
    assert [one["complexity"][0] for one in result["classes"]] == pytest.approx(wanted)


def test_classes_that_are_not_imagenet_s_are_refused(chain: Chain, stored: WeightsFile) -> None:
    manifest = read_manifest(chain.data / "manifest.json")
    assert classifier_rows("fresh", manifest) is None
    with pytest.raises(FD2Error, match="none of ImageNet's"):
        classifier_rows("imagenet", manifest)
    with pytest.raises(FD2Error, match="no classifier to take row 1200"):
        build_backbone("resnet18", 2, "file", stored, [0, 1200], seed=0)
