"""The complexity of the classes of a small real dataset, as its teachers see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import torch
from torch.nn.functional import relu

from fd2.artifacts.files import file_digest
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.config.complexity import ComplexitySettings
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import read_teacher
from fd2.stages.measure_complexity import measure_complexity
from fd2.stages.pretrain import pretrain

if TYPE_CHECKING:
    from tests.conftest import Chain

THRESHOLDS = (0.1, 0.5, 0.9)


@pytest.fixture(scope="module")
def networks(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Teachers whose last feature map has 16 cells."""
    folder, found = tmp_path_factory.mktemp("networks"), {}
    for training in ("plain", "cal"):
        found[training] = path = folder / f"{training}.safetensors"
        settings = chain.pretrain_settings(training, stem="cifar")
        pretrain(settings, chain.data, path, path.with_suffix(".json"), chain.job)
    return found


def measured(
    chain: Chain, network: Path, folder: Path, maps: str = "smooth_grad_cam"
) -> dict[str, Any]:
    settings = ComplexitySettings("cells", "resnet10t", "plain", "paper", THRESHOLDS, maps)
    record = folder / "a.json"
    folder.mkdir(exist_ok=True)
    measure_complexity(settings, chain.data, network, record, folder / "a.csv", chain.job)
    found: dict[str, Any] = json.loads(record.read_text())
    return found


def one_by_one(chain: Chain, network: Path) -> list[list[list[float]]]:
    """By class and image the complexity at each threshold and the mean activation.

    Of Grad-CAM, and with plain numbers.
    """
    teacher = read_teacher(network, torch.device("cpu"))
    train, backbone = open_prepared(chain.data).train, teacher.network.backbone
    found: list[list[list[float]]] = [[], [], []]
    for number, label in enumerate(train.labels.tolist()):
        pixels = train.batch(torch.tensor([number]), torch.device("cpu"))
        features = backbone.features(teacher.normaliser.normalise(pixels)).detach()
        features.requires_grad_()
        logits = backbone.classify(features)[0]
        logits[int(logits.argmax())].backward()
        assert features.grad is not None
        weights = features.grad[0].mean((1, 2))
        shown = relu((weights[:, None, None] * features.detach()[0]).sum(0)).flatten().tolist()
        least, most = min(shown), max(shown)
        scaled = [(value - least) / (most - least + 1e-8) for value in shown]
        of_thresholds = [1 - sum(v > t for v in scaled) / len(scaled) for t in THRESHOLDS]
        found[label].append([*of_thresholds, sum(scaled) / len(scaled)])
    return found


def mean(rows: list[list[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_means_against_a_slow_loop(
    chain: Chain, networks: dict[str, Path], training: str, tmp_path: Path
) -> None:
    network = networks[training]
    record = measured(chain, network, tmp_path, "grad_cam")
    result = record["result"]
    found = [mean(images) for images in one_by_one(chain, network)]
    wanted, active = [own[:-1] for own in found], [own[-1] for own in found]
    classes = result["classes"]
    assert result["activation"] == pytest.approx(sum(active) / 3, abs=1e-6)
    for own, class_mean, activation in zip(classes, wanted, active, strict=True):
        assert own["complexity"] == pytest.approx(class_mean, abs=1e-9)
        assert own["activation"] == pytest.approx(activation, abs=1e-6)
        assert own["images"] == 12
    assert result["complexity"] == pytest.approx(mean(wanted))
    assert (result["images"], result["thresholds"], result["halves_by"]) == (
        36,
        list(THRESHOLDS),
        0.5,
    )
    assert result["map_cells"] == [4, 4]
    assert min(map(min, wanted)) > 0 and 0.1 < max(map(max, wanted)) < 1
    order = sorted(
        range(3), key=lambda number: (round(wanted[number][1], 9), sum(wanted[number]), number)
    )
    assert [classes[number]["half"] for number in order] == ["easy", "neither", "hard"]
    assert result["easy_complexity"] == pytest.approx(wanted[order[0]])
    assert result["hard_complexity"] == pytest.approx(wanted[order[2]])


def test_the_record_and_the_table_of_classes(
    chain: Chain, networks: dict[str, Path], tmp_path: Path
) -> None:
    record = measured(chain, networks["plain"], tmp_path)
    assert record["complexity_of"] == {
        **{"dataset": "cells", "backbone": "resnet10t", "training": "plain"}
    }
    assert record["inputs"] == {"network": file_digest(networks["plain"])}
    assert record["stage"] == "measure_complexity" and record["preset"] == "paper"
    assert record["manifest"] == open_prepared(chain.data).manifest.digest()
    classes = record["result"]["classes"]
    assert [one["name"] for one in classes] == list(open_prepared(chain.data).manifest.classes)
    frame = pd.read_csv(tmp_path / "a.csv")
    assert frame["name"].tolist() == [one["name"] for one in classes]
    assert frame["half"].tolist() == [one["half"] for one in classes]
    for column, threshold in enumerate(THRESHOLDS):
        numbers = [one["complexity"][column] for one in classes]
        assert frame[f"complexity_{threshold:g}"].tolist() == pytest.approx(numbers, abs=1e-4)
        # The higher the threshold, the fewer cells are above it.
        assert column == 0 or all(
            one["complexity"][column] >= one["complexity"][column - 1] for one in classes
        )


def test_the_same_job_gives_the_same_numbers(
    chain: Chain, networks: dict[str, Path], tmp_path: Path
) -> None:
    first, second = (measured(chain, networks["plain"], tmp_path / name) for name in ("a", "b"))
    assert first["result"] == second["result"]
    assert (tmp_path / "a/a.csv").read_bytes() == (tmp_path / "b/a.csv").read_bytes()


def test_maps_of_one_cell_are_refused(chain: Chain, tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="one cell") as caught:
        measured(chain, chain.plain, tmp_path)
    assert "stem: cifar" in caught.value.fix and not list(tmp_path.iterdir())


def test_an_image_without_anything_for_its_class_is_told(
    chain: Chain, networks: dict[str, Path], tmp_path: Path
) -> None:
    """The head takes what it sees away from every logit, so that maps are 0 after their ReLU."""
    tensors, metadata = read_tensors(networks["plain"])
    head = "backbone.head.weight"
    against = tmp_path / "against.safetensors"
    write_tensors(against, {**tensors, head: -tensors[head].abs() - 0.1}, metadata)
    result = measured(chain, against, tmp_path, "grad_cam")["result"]
    assert result["flat_maps"] == 36 and result["complexity"] == [1, 1, 1]
    assert result["activation"] == 0


def test_a_network_of_other_data_is_refused(chain: Chain, tmp_path: Path) -> None:
    tensors, metadata = read_tensors(chain.plain)
    other = tmp_path / "other.safetensors"
    write_tensors(other, tensors, {**metadata, "manifest": "0" * 64})
    with pytest.raises(FD2Error, match="different manifests"):
        measured(chain, other, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other.safetensors"]
