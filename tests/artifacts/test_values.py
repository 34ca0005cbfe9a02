"""No artefact holds a number that is not finite or out of its range, written or read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from fd2.artifacts.benchmark_files import read_benchmark
from fd2.artifacts.files import read_json
from fd2.artifacts.identity import signed
from fd2.artifacts.records import read_content, write_record
from fd2.artifacts.soft_labels import AUGMENTATION, LOGITS, read_soft_labels, write_soft_labels
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import read_teacher, write_teacher
from fd2.stages.evaluate import evaluate
from fd2.stages.patches import make_patches
from fd2.stages.relabel import relabel

if TYPE_CHECKING:
    from tests.conftest import Chain

NAN, INF = float("nan"), float("inf")


def unchecked(path: Path, content: dict[str, Any]) -> None:
    """A record as a program that checks nothing would write it, with digests that fit."""
    path.write_text(json.dumps(signed(path, content, "record_sha256")), encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"result": {"last": {"top1": NAN}}}, "'result.last.top1' is nan"),
        ({"result": {"last": {"top1": 250.0}}}, "'result.last.top1' is 250.0, it should be from 0"),
        ({"result": {"last": {"top1": -0.5}}}, "'result.last.top1' is -0.5"),
        ({"result": {"last": {"top1": "high"}}}, "'result.last.top1' is 'high', not a number"),
        ({"result": {"last": {"top1": True}}}, "'result.last.top1' is True, not a number"),
        (
            {"result": {"chosen": {"cal": {"balanced_top1": 101}}}},
            r"'result\.chosen\.cal\.balanced_top1' is 101",
        ),
        ({"result": {"majority_class_top1": INF}}, "'result.majority_class_top1' is inf"),
        ({"result": {"curve": [{"loss": 1.0}, {"loss": -INF}]}}, "'result.curve.1.loss' is -inf"),
        ({"result": {"curve": [{"loss": -2.0}]}}, "it should be at least 0"),
        ({"chosen": [{"losses": [[0.5, NAN]]}]}, "'chosen.0.losses.0.1' is nan"),
        ({"result": {"margin": 2.5}}, "'result.margin' is 2.5, it should be from -2 to 2"),
        ({"result": {"pairwise_distance": 1.5}}, "it should be from 0 to 1"),
        ({"slots": {"first": {"milliseconds": {"median": -1.0}}}}, "slots.first.milliseconds.med"),
        ({"run": {"seconds": NAN}}, "'run.seconds' is nan"),
        ({"run": {"peak_memory_mb": {"gpu": -1.0}}}, "'run.peak_memory_mb.gpu' is -1.0"),
        ({"settings": {"weight": NAN}}, "'settings.weight' is nan"),
        ({"unheard_of": [{"deep": INF}]}, "'unheard_of.0.deep' is inf"),
    ],
)
def test_records(content: dict[str, Any], fault: str, tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    with pytest.raises(FD2Error, match=fault) as refused:
        write_record(path, content)
    assert refused.value.where == str(path) and not path.exists()
    unchecked(path, content)
    for read in (read_content, read_json):
        with pytest.raises(FD2Error, match=f"damaged file: .*{fault}"):
            read(path)


def test_what_is_right_or_not_known_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    content = {
        "result": {"last": {"top1": 100, "balanced_top1": 100.0 + 1e-12}, "cal": None},
        "margin": None,
        "curve": [{"loss": -1e-9}],
        "settings": {"margin": 9, "top1": "by class", "loss": "kl", "std": [3.0]},
    }
    write_record(path, content)
    assert read_content(path) == content


def test_large_numbers_in_text_are_infinite(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"loss": 1e999}')
    with pytest.raises(FD2Error, match="'loss' is inf"):
        read_json(path)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.float64])
def test_tensors(value: float, kind: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    tensors = {"good": torch.ones(2), "ids": torch.tensor([1]), "bad": torch.ones(2, 2, dtype=kind)}
    tensors["bad"][1, 0] = value
    fault = "tensor 'bad' holds 1 of 4 values that are not finite"
    with pytest.raises(FD2Error, match=fault):
        write_tensors(path, tensors, {})
    assert not path.exists()
    write_tensors(path, tensors, {}, finite=False)
    with pytest.raises(FD2Error, match=f"damaged file: {fault}"):
        read_tensors(path)
    assert read_tensors(path, finite=False)[0].keys() == tensors.keys()
    with pytest.raises(FD2Error, match=r"'std\.0' is nan"):
        write_tensors(path, {}, {"std": [NAN, 0.2, 0.2]})


def changed_teacher(
    chain: Chain, path: Path, change: Callable[[torch.Tensor], None], name: str, finite: bool
) -> Path:
    """The plain teacher with one tensor changed."""
    tensors, facts = read_tensors(chain.plain)
    change(tensors[name])
    write_tensors(path, tensors, facts, finite=finite)
    return path


def test_a_teacher_is_refused_by_tensor_when_written_and_when_read(
    chain: Chain, tmp_path: Path
) -> None:
    teacher = read_teacher(chain.plain, chain.job.device)
    name = "backbone.extractor.bn1.running_var"
    dict(teacher.network.named_buffers())[name][0] = NAN
    with pytest.raises(FD2Error, match=name) as refused:
        write_teacher(tmp_path / "t.safetensors", teacher.network, teacher.metadata)
    assert "learning rate" in refused.value.fix
    path = tmp_path / "teacher.safetensors"
    changed_teacher(chain, path, lambda t: t[0].fill_(NAN), "backbone.head.weight", False)
    patches = tmp_path / "p.safetensors"
    with pytest.raises(FD2Error, match=r"tensor 'backbone\.head\.weight'") as refused:
        make_patches(
            *(chain.patch_settings(), chain.data, path, patches, tmp_path / "p.json", chain.job)
        )
    assert refused.value.where == str(path)


def test_scores_and_labels_of_a_teacher_that_overflows(
    chain: Chain, nine: Path, tmp_path: Path
) -> None:
    """Each of its values is finite; what it makes of an image is not."""
    huge = tmp_path / "huge.safetensors"
    changed_teacher(chain, huge, lambda t: t.fill_(3e38), "backbone.head.weight", True)
    patches, record_file = tmp_path / "p.safetensors", tmp_path / "p.json"
    with pytest.raises(FD2Error, match="scores of crops are not finite") as refused:
        make_patches(chain.patch_settings(), chain.data, huge, patches, record_file, chain.job)
    assert "resnet10t" in refused.value.where and not patches.exists()
    with pytest.raises(FD2Error, match="soft labels of epoch 0 are not finite"):
        relabel(chain.relabel_settings(), nine, [huge], tmp_path / "labels", chain.job)
    assert not (tmp_path / "labels").exists()


def test_soft_labels(labels: Path, tmp_path: Path) -> None:
    soft = read_soft_labels(labels)
    logits = np.array(soft.logits)
    logits[1, 2, 0] = np.nan
    with pytest.raises(FD2Error, match="logits of epoch 1 are not finite"):
        write_soft_labels(tmp_path / "w", soft.augmentation, logits, soft.metadata)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("boxes", 1.5),
        ("boxes", -0.25),
        ("order", 0),
        ("partners", 99),
        ("mix_boxes", -1),
        ("half_sizes", -1),
    ],
)
def test_an_augmentation_that_no_image_has(
    labels: Path, tmp_path: Path, name: str, value: float
) -> None:
    soft = read_soft_labels(labels)
    tensor = getattr(soft.augmentation, name).clone()
    tensor[:2] = value
    if name == "half_sizes":
        tensor[2] += 4 - 2 * value
    augmentation = dataclasses.replace(soft.augmentation, **{name: tensor})
    write_soft_labels(tmp_path, augmentation, np.array(soft.logits), soft.metadata)
    with pytest.raises(FD2Error, match=f"'{name}' is out of range|do not cover") as refused:
        read_soft_labels(tmp_path)
    assert refused.value.where == str(tmp_path / AUGMENTATION)
    assert (tmp_path / LOGITS).is_file()


def test_a_student_that_diverges_in_its_last_step(
    chain: Chain, nine: Path, labels: Path, tmp_path: Path
) -> None:
    """No later loss tells, but no answer to a test image is one."""
    settings = chain.evaluate_settings(epochs=1, learning_rate=1e38, batch_size=100)
    cell = tmp_path / "cell.json"
    with pytest.raises(FD2Error, match="not finite") as refused:
        evaluate({cell: settings}, chain.data, nine, labels, chain.job)
    assert "epoch 0" in refused.value.where and "learning" in refused.value.fix
    assert not cell.exists()


@pytest.mark.parametrize("line", ["nan\t10", "-1\t10", "1\tinf", "1\t-5"])
def test_benchmarks(line: str, tmp_path: Path) -> None:
    path = tmp_path / "b.tsv"
    path.write_text(f"s\tmax_rss\n{line}\n")
    with pytest.raises(FD2Error, match="not a benchmark"):
        read_benchmark(path)
    path.write_text("s\tmax_rss\n1.5\t-\n")
    assert read_benchmark(path) is not None
