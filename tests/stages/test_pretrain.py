"""Teachers: order of images, statistics, prototypes, selection, and what is written down."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.tensors import read_tensors
from fd2.augment.normalise import Normaliser
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import read_teacher
from fd2.networks.teacher import Teacher, recalibrate_batch_norm
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.pretrain import pretrain
from fd2.training import teacher_training

if TYPE_CHECKING:
    from tests.conftest import Chain

NOT_AUGMENTED = {
    **{"crop_scale": [1.0, 1.0], "flip": "none", "rotation": 0.0},
    **{"rotation_filter": "bilinear"},
    **dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.0),
}


def trained(chain: Chain, path: Path, training: str, **changes: Any) -> dict[str, Any]:
    """The metrics of a teacher that is written to ``path``."""
    settings = chain.pretrain_settings(training, **changes)
    pretrain(settings, chain.data, path, path.with_suffix(".json"), chain.job)
    written: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return written


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_same_seed_same_bytes(chain: Chain, tmp_path: Path, training: str) -> None:
    again = trained(chain, tmp_path / "again.safetensors", training)
    first = getattr(chain, training)
    assert (tmp_path / "again.safetensors").read_bytes() == first.read_bytes()
    written = json.loads(first.with_suffix(".json").read_text())
    # The digest covers the times of the run, and the name is the path's.
    unlike = dict.fromkeys(("run", "record_sha256", "artefact"))
    assert {**again, **unlike} == {**written, **unlike}
    trained(chain, tmp_path / "other.safetensors", training, seed=1)
    other, mine = (read_tensors(path)[0] for path in (tmp_path / "other.safetensors", first))
    assert not torch.equal(other["backbone.head.weight"], mine["backbone.head.weight"])


def test_metrics_of_both_heads(chain: Chain) -> None:
    for path, heads in ((chain.plain, ("backbone",)), (chain.cal, ("backbone", "cal"))):
        written = json.loads(path.with_suffix(".json").read_text())
        result = written["result"]
        for point in (result["last"], result["chosen"], *result["curve"]):
            for head in ("backbone", "cal"):
                if head not in heads:
                    assert point[head] is None
                    continue
                assert set(point[head]) == {"top1", "balanced_top1"}
                assert 0 <= point[head]["top1"] <= 100
        assert result["majority_class_top1"] == pytest.approx(100 / 3)
        assert written["teacher"] == {
            "dataset": "cells",
            "backbone": "resnet10t",
            "training": path.stem,
        }
        assert written["manifest"] == open_prepared(chain.data).manifest.digest()


def test_a_stored_teacher_predicts_as_its_metrics_say(chain: Chain) -> None:
    written = json.loads(chain.plain.with_suffix(".json").read_text())
    teacher = read_teacher(chain.plain, chain.job.device)
    test = open_prepared(chain.data).test
    logits = teacher.network.backbone(
        teacher.normaliser.normalise(test.all_images(chain.job.device))
    )
    hits = (logits.argmax(1) == test.labels).double().mean()
    chosen = written["result"]["chosen"]["backbone"]["top1"]
    assert chosen == pytest.approx(100 * float(hits))
    assert not any(p.requires_grad for p in teacher.network.parameters())
    assert not teacher.network.training


def test_plain_and_cal_see_the_same_images(chain: Chain, tmp_path: Path, fed: list[Tensor]) -> None:
    """In the same order with the same augmentation; CAL also sees crops and drops of them."""
    shown = {}
    for training in ("plain", "cal"):
        fed.clear()
        running = {"epochs": 2, "batch_norm_statistics": "running"}
        trained(chain, tmp_path / f"{training}.safetensors", training, **running)
        shown[training] = list(fed)
    assert [len(batch) for batch in shown["plain"]] == [12] * 6
    assert [len(batch) for batch in shown["cal"]] == [12, 24] * 6
    for plain, cal in zip(shown["plain"], shown["cal"][::2], strict=True):
        assert torch.equal(plain, cal)
    assert not torch.equal(shown["plain"][0], shown["plain"][3])


def test_plain_and_cal_start_from_the_same_backbone(chain: Chain, tmp_path: Path) -> None:
    started = []
    for training in ("plain", "cal"):
        path = tmp_path / f"{training}.safetensors"
        trained(chain, path, training, learning_rate=0.0)
        started.append(read_tensors(path)[0])
    for name in started[0]:
        if "running" not in name and "tracked" not in name:
            assert torch.equal(started[0][name], started[1][name]), name


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_statistics_are_averages_over_the_training_images(
    chain: Chain, tmp_path: Path, training: str
) -> None:
    """Each layer's buffers are mean and variance of what reaches it from all 36 images."""
    path = tmp_path / f"{training}.safetensors"
    trained(chain, path, training, augmentation=NOT_AUGMENTED)
    teacher = read_teacher(path, chain.job.device)
    train = open_prepared(chain.data).train
    inputs: dict[nn.Module, Tensor] = {}
    network = teacher.network
    layers = [*network.batch_norms(), *network.cal_batch_norms()]
    stored = [(layer.running_mean.clone(), layer.running_var.clone()) for layer in layers]
    for layer in layers:
        layer.train()
        layer.register_forward_pre_hook(lambda m, x: inputs.__setitem__(m, x[0].double()))
    network(teacher.normaliser.normalise(train.all_images(chain.job.device)))
    for layer, (mean, variance) in zip(layers, stored, strict=True):
        columns = inputs[layer].transpose(0, 1).flatten(1)
        expected = columns.sum(1) / columns.shape[1]
        torch.testing.assert_close(mean.double(), expected, rtol=1e-3, atol=1e-4)
        spread = (columns - expected[:, None]).square().sum(1) / (columns.shape[1] - 1)
        torch.testing.assert_close(variance.double(), spread, rtol=1e-3, atol=1e-4)


def test_statistics_are_of_shuffled_images_as_they_were_augmented(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arrays lie class by class: a batch of one class lacks the variance between classes."""
    shown: list[Tensor] = []

    def recorded(teacher: Teacher, batches: Iterable[Tensor]) -> None:
        shown.extend(batches)
        recalibrate_batch_norm(teacher, shown)

    monkeypatch.setattr(teacher_training, "recalibrate_batch_norm", recorded)
    monkeypatch.setattr(teacher_training, "_RECALIBRATION_BATCH", 12)
    flipped = {**NOT_AUGMENTED, "flip": "horizontal"}
    trained(chain, tmp_path / "flipped.safetensors", "plain", augmentation=flipped)

    dataset = open_prepared(chain.data)
    normaliser = Normaliser(dataset.manifest.mean, dataset.manifest.std)
    plain = normaliser.normalise(dataset.train.all_images(chain.job.device))
    images = torch.cat(shown)[:, None]
    as_is = (images == plain).flatten(2).all(2)
    mirrored = (images == plain.flip(3)).flatten(2).all(2)
    assert as_is.any() and mirrored.any()
    found = as_is | mirrored
    assert (found.sum(0) == 1).all() and (found.sum(1) == 1).all()
    labels = dataset.train.labels[found.float().argmax(1)]
    assert [len(batch.unique()) for batch in labels.split(12)] == [3, 3, 3]


def test_running_statistics_are_left_alone(chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / "running.safetensors"
    trained(chain, path, "plain", batch_norm_statistics="running")
    running, recomputed = read_tensors(path)[0], read_tensors(chain.plain)[0]
    for name in running:
        same = torch.equal(running[name], recomputed[name])
        assert same == ("running" not in name and "tracked" not in name), name
    assert running["backbone.extractor.bn1.num_batches_tracked"] == 3


def test_prototypes_of_both_rules(chain: Chain, tmp_path: Path) -> None:
    """Averages of unit features have norm 1 at most; the release's have its rate as norm."""
    norms = read_tensors(chain.cal)[0]["prototypes"].norm(dim=1)
    assert (norms > 0).all() and (norms <= 1).all()
    # Three batches of momentum 0.05 from zero cannot exceed 1 - 0.95 ** 3.
    assert (norms <= 1 - 0.95**3 + 1e-6).all()
    path = tmp_path / "last.safetensors"
    trained(chain, path, "cal", prototypes="last_feature", epochs=2)
    last = read_tensors(path)[0]["prototypes"].norm(dim=1)
    torch.testing.assert_close(last, torch.full((3,), 0.05), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_best_on_test_keeps_the_best(chain: Chain, tmp_path: Path, training: str) -> None:
    changes = {"epochs": 3, "test_every": 1, "batch_norm_statistics": "running"}
    best = trained(
        chain, tmp_path / "best.safetensors", training, selection="best_on_test", **changes
    )["result"]
    last = trained(chain, tmp_path / "last.safetensors", training, **changes)["result"]
    assert best["curve"] == last["curve"] and len(best["curve"]) == 3

    def score(point: dict[str, Any]) -> float:
        return max(point[head]["top1"] for head in ("backbone", "cal") if point[head])

    winner = max(best["curve"], key=score)
    assert best["chosen"] == {head: winner[head] for head in ("backbone", "cal")}
    assert last["chosen"] == {head: last["curve"][-1][head] for head in ("backbone", "cal")}
    assert best["selected"] == "best_on_test" and last["selected"] == "last"
    kept, final = (read_tensors(tmp_path / f"{name}.safetensors")[0] for name in ("best", "last"))
    same = all(torch.equal(kept[name], final[name]) for name in final)
    assert same == (winner["epoch"] == 2)


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_the_loss_falls(chain: Chain, tmp_path: Path, training: str) -> None:
    changes = {"epochs": 5, "test_every": 1, "learning_rate": 0.003}
    result = trained(chain, tmp_path / "t.safetensors", training, **changes)["result"]
    losses = [point["loss"] for point in result["curve"]]
    assert min(losses[-2:]) < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("rule", "tested"), [("last_of_each", [1, 3, 4]), ("first_of_each", [0, 2, 4])]
)
def test_tests_happen_every_so_often_and_at_the_end(
    chain: Chain, tmp_path: Path, rule: str, tested: list[int]
) -> None:
    changes = {"epochs": 5, "test_every": 2, "tested_epochs": rule}
    result = trained(chain, tmp_path / "t.safetensors", "plain", **changes)["result"]
    assert [point["epoch"] for point in result["curve"]] == tested


def test_the_attention_heads_settings_reach_it(chain: Chain, tmp_path: Path) -> None:
    """Untrained: the head starts from other weights, and sees other crops where boxes differ."""
    # The least size at which an attention map has more than one cell.
    options = {"path": str(chain.images)}
    prepare(PrepareSettings("cells", "imagefolder", 64, options), tmp_path / "data", chain.job)
    made = {}
    for name, changes in {
        "paper": {},
        "start": {"attention_initialisation": "torch_default"},
        "box": {"attention_box": "truncated"},
    }.items():
        path = tmp_path / f"{name}.safetensors"
        fixed = {"learning_rate": 0.0, "batch_norm_statistics": "running"}
        settings = chain.pretrain_settings("cal", **fixed, **changes)
        pretrain(settings, tmp_path / "data", path, path.with_suffix(".json"), chain.job)
        made[name] = read_tensors(path)[0]
    start, paper, box = (made[name]["cal.fc.weight"] for name in ("start", "paper", "box"))
    assert torch.equal(box, paper) and start.std() < 0.7 * paper.std()
    mean = "cal.attentions.bn.running_mean"
    assert not torch.equal(made["box"][mean], made["paper"][mean])


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_a_loss_that_is_not_finite_is_an_error(chain: Chain, tmp_path: Path, training: str) -> None:
    with pytest.raises(FD2Error, match="the training loss is not finite") as refused:
        trained(chain, tmp_path / "t.safetensors", training, learning_rate=1e30)
    terms = {"plain": "backbone", "cal": "backbone, cal"}[training]
    assert f": {terms}, first in step 1, all 3 classes" in refused.value.what
    assert refused.value.where == f"teacher resnet10t/{training}, epoch 0"
    assert "pretrain.learning_rate" in refused.value.fix
    assert not list(tmp_path.iterdir())
