"""The reading examples run on files that fd2 wrote, and read what it wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from fd2.artifacts.images import write_distilled
from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.manifests import Manifest
from fd2.artifacts.prepared import write_prepared
from fd2.artifacts.records import write_record
from fd2.artifacts.soft_labels import epoch_logits, read_soft_labels, write_soft_labels
from fd2.artifacts.tensors import write_tensors
from fd2.config.names import TENSORS
from fd2.replay.plan import plan_augmentation

CLASSES, SLOTS, EPOCHS, SIZE = 2, 5, 3, 8
CELL = "results/students/elpv/random/plain/base/ipc5/resnet18/seed0.json"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Files at the documented paths below the working directory, and what is in them."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    files = [{"path": f"é{c}.png", "class": c, "sha256": "0"} for c in range(CLASSES)]
    manifest = Manifest(
        dataset="elpv",
        resolution=SIZE,
        classes=("mono", "poly"),
        files={"train": files, "test": files},
        mean=(0.5, 0.5, 0.5),
        std=(0.1, 0.25, 1 / 3),
        source={"licence": "CC"},
    )
    pixels = generator.integers(256, size=(CLASSES, SIZE, SIZE, 3), dtype=np.uint8)
    manifest = write_prepared("results/data/elpv", manifest, {"train": pixels, "test": pixels})
    slots = torch.from_numpy(
        generator.integers(256, size=(SLOTS, CLASSES, 3, SIZE, SIZE), dtype=np.uint8)
    )
    folder = "distilled/elpv/random/plain/base/ipc5"
    facts = {"manifest": manifest.digest()}
    write_distilled(f"results/{folder}.safetensors", slots, facts)
    count = CLASSES * SLOTS
    augmentation = plan_augmentation(
        *(("test",), count, EPOCHS, SIZE), batch_size=5, crop_scale=(0.2, 1.0), cutmix_alpha=1.0
    )
    logits = generator.normal(size=(EPOCHS, count, CLASSES)).astype(np.float16)
    labels = "results/labels/elpv/random/plain/base/ipc5"
    write_soft_labels(labels, augmentation, logits, facts)
    packed = "results/labels/elpv/random/plain/top-2-8-bits/ipc5"
    form = LabelFormat(8, 2, 8)
    rows = [form.pack(each) for each in generator.normal(size=(EPOCHS, count, 8)).astype("f4")]
    storage = {"top_k": 2, "bits": 8, "stored_epochs": None}
    told = {**facts, "settings": {"storage": storage}, "classes": 8}
    write_soft_labels(packed, augmentation, np.stack(rows), told)
    content = {
        "cell": {"method": "random"},
        "result": {"last": {"top1": 12.5}},
        "run": {"device_name": "abacus"},
    }
    write_record(CELL, content)
    state = torchvision.models.resnet18(num_classes=CLASSES).state_dict()
    network = {"library": "torchvision", "model": "resnet18"}
    of_student = {"network": network, "classes": list(manifest.classes)}
    write_tensors(CELL.replace("students", "weights").replace("json", TENSORS), state, of_student)
    made = {
        "weights": state,
        "pixels": pixels,
        "slots": slots,
        "augmentation": augmentation,
        "logits": logits,
    }
    return {**made, "packed": read_soft_labels(packed)}


def test_reading_examples(
    written: dict[str, Any],
    blocks: Callable[[str, str], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, distilled, packed, cell, weights = blocks("docs/files.md", "python")
    names: dict[str, Any] = {}
    exec(data, names)
    assert np.array_equal(names["images"], written["pixels"])
    assert names["labels"].tolist() == [0, 1]
    names = {}
    exec(distilled, names)
    assert np.array_equal(names["by_class"][1, 4], written["slots"][4, 1].numpy())
    assert names["labels"].tolist() == [0] * SLOTS + [1] * SLOTS
    names = {}
    exec(packed, names)
    kept = np.isfinite(names["logits"])
    assert kept.sum(1).tolist() == [2] * len(kept)
    assert np.array_equal(names["logits"], epoch_logits(written["packed"], 0, torch.device("cpu")))
    exec(cell, {})
    assert capsys.readouterr().out == "random 12.5 abacus\n"
    names = {}
    exec(weights, names)
    student = names["student"].state_dict()
    assert all(torch.equal(student[key], value) for key, value in written["weights"].items())


def test_size_of_soft_labels_is_as_told(written: dict[str, Any]) -> None:
    folder = Path("results/labels/elpv/random/plain/base/ipc5")
    told = EPOCHS * CLASSES * SLOTS * (2 * CLASSES + 65)
    stored = written["logits"].nbytes + sum(
        tensor.numel() * tensor.element_size()
        for name, tensor in vars(written["augmentation"]).items()
        if name != "half_sizes"
    )
    assert stored == told
    assert 0 < sum(path.stat().st_size for path in folder.iterdir()) - told < 4096
