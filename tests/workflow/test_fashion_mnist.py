"""Two hundred real garments of each class in one channel, through snakemake to a table."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fd2.artifacts.exports import read_export
from fd2.artifacts.images import read_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.datasets import mnist

#: They need Debian's package dataset-fashion-mnist, which .ci/run installs.
pytestmark = [pytest.mark.workflow, pytest.mark.slow]
FASHION = mnist.DATASETS["fashion_mnist"]
INSTALLED = FASHION.INSTALLED or Path()
PER_CLASS = {"train": 200, "test": 20}
SHEET = """\
dataset,method,fd2,variant,ipc,student,published
garments,full,plain,base,,resnet10t,
garments,random,plain,base,1,resnet10t,
garments,rded,plain,base,1,resnet10t,
garments,sre2lpp,plain,base,1,resnet10t,
garments,random,plain,direct,1,convnet,
garments,herding,plain,direct,1,convnet,
garments,dm,plain,direct,1,convnet,
garments,dm,plain,pictures,1,convnet,
"""
#: As the config's own variant 'direct', with fewer epochs.
DIRECT = {
    **{"protocol": "direct", "labels": "hard", "learning_rate": 0.01, "weight_decay": 5.0e-4},
    **{"epochs": 60, "test_every": 60},
}
CONFIG: dict[str, Any] = {
    "tables": ["garments"],
    "datasets": {"garments": {"kind": "fashion_mnist", "resolution": 28}},
    "pretrain": {
        **{"optimiser": "adamw", "learning_rate": 2.0e-3, "batch_size": 50, "epochs": 3},
        **{"schedule": "one_cycle", "test_every": 3},
    },
    "patches": {"images_scored": 50},
    "distill": {
        "slots": 1,
        "methods": {
            "rded": {"patches": {"images_scored": 50}},
            "sre2lpp": {"iterations": 20},
            "herding": {"teachers": ["resnet10t"]},
            "dm": {"iterations": 20, "batch_real": 16},
        },
    },
    "relabel": {"epochs": 5, "batch_size": 10},
    "evaluate": {"epochs": 5, "test_every": 5},
    "variants": {
        "direct": {"evaluate": DIRECT},
        "pictures": {"evaluate": {**DIRECT, "pictures": True}},
    },
}
ARGUMENTS = ("--configfile", "config/tiny.yaml", "config/garments.yaml")


def idx(values: np.ndarray) -> bytes:
    lengths = b"".join(length.to_bytes(4, "big") for length in values.shape)
    return bytes((0, 0, 8, values.ndim)) + lengths + values.tobytes()


def write_subset(folder: Path) -> dict[str, str]:
    """The first garments of each class as IDX files; returns the digests of their content."""
    folder.mkdir()
    digests = {}
    for split, names in mnist.NAMES.items():
        images, labels = (
            mnist.parse(
                gzip.decompress((INSTALLED / f"{name}.gz").read_bytes()),
                axes,
                Path(name),
            )
            for name, axes in zip(names, (3, 1), strict=True)
        )
        first = [np.flatnonzero(labels == c)[: PER_CLASS[split]] for c in range(10)]
        chosen = np.sort(np.concatenate(first))
        for name, values in zip(names, (images, labels), strict=True):
            content = idx(values[chosen])
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            digests[name] = hashlib.sha256(content).hexdigest()
    return digests


@pytest.fixture
def garments(tiny: Any, tmp_path: Path) -> Any:
    """The tiny workflow, whose Fashion-MNIST is the subset and lies where Debian's would."""
    digests = write_subset(tmp_path / "installed")
    plugin = tiny.folder / "src/fd2/datasets/mnist.py"
    text = plugin.read_text()
    changes = {f'"{FASHION.FILES[n].content_sha256}"': f'"{d}"' for n, d in digests.items()}
    changes[str(INSTALLED)] = str(tmp_path / "installed")
    counts = [10 * PER_CLASS[split] for split in ("train", "test")]
    numbers = f"PUBLISHED = Published(10, {counts[0]}, {counts[1]})"
    changes["PUBLISHED = Published(classes=10, train=60_000, test=10_000)"] = numbers
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    plugin.write_text(text)
    tiny.write("config/tables/garments.csv", SHEET)
    tiny.write("config/garments.yaml", CONFIG)
    return tiny


def test_from_debians_package_to_a_table(garments: Any) -> None:
    plan = garments.dry_run("garments", *ARGUMENTS)
    assert "download" not in plan and plan["prepare"] == 1
    target = "results/distilled/garments/sre2lpp/plain/base/ipc1.png"
    done = garments.snakemake("garments", target, "--cores", "1", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    results = garments.folder / "results"
    table = (results / "tables/garments.md").read_text()
    assert "missing" not in table.lower() and "garments (28 pixels, grey)" in table
    data = open_prepared(results / "data/garments")
    assert data.train.images.shape == (2000, 28, 28, 1)
    teacher = json.loads((results / "teachers/garments/resnet10t/plain.json").read_text())
    assert teacher["result"]["chosen"]["backbone"]["top1"] > 50
    reached = {}
    for method, variant, student in (
        *((method, "base", "resnet10t") for method in ("random", "rded", "sre2lpp")),
        *((method, "direct", "convnet") for method in ("random", "herding", "dm")),
    ):
        images = read_distilled(
            results / f"distilled/garments/{method}/plain/base/ipc1.safetensors"
        )
        assert images.images.shape == (10, 1, 28, 28)
        cell = results / f"students/garments/{method}/plain/{variant}/ipc1/{student}/seed0.json"
        reached[method] = json.loads(cell.read_text())["result"]["last"]["top1"]
        assert f"{reached[method]:.1f}" in table
    # One image a class by class labels; a tenth is chance.
    assert reached["herding"] > 30 and reached["dm"] > 30
    with Image.open(garments.folder / target) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert (pixels.max(-1) == pixels.min(-1)).all()
    export = "results/exports/garments/dm/plain/base/ipc1.zip"
    done = garments.snakemake(export, "--cores", "1", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = read_export(garments.folder / export)["students"]
    assert told["set"]["balanced_top1_mean"] == pytest.approx(reached["dm"])
    assert told["pictures"]["variants"] == ["pictures"]
    assert f"{told['pictures']['balanced_top1_mean']:.1f}" in table


def test_grey_data_to_imagenet_weights_are_refused_before_the_first_job(garments: Any) -> None:
    garments.write("config/tables/grey.csv", SHEET.replace("resnet10t", "resnet18"))
    weights = {"pretrain": {"initialisation": "imagenet"}}
    override = {"trained": {"where": {"backbone": "resnet18"}, "set": weights}}
    changed = {"tables": ["grey"], "overrides": override}
    garments.write("config/changed.yaml", changed)
    arguments = (*ARGUMENTS, "config/changed.yaml")
    done = garments.snakemake("grey", "--dry-run", *arguments)
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in output
    assert "the data have one" in output and "imagenet_repeated" in output
    target = "results/teachers/garments/resnet18/plain.safetensors"
    entry = {"garments": {**CONFIG["datasets"]["garments"], "channels": 3}}
    garments.write("config/changed.yaml", {**changed, "datasets": entry})
    assert garments.dry_run(target, *arguments)["pretrain"] == 1
    weights["pretrain"]["initialisation"] = "imagenet_repeated"
    garments.write("config/changed.yaml", changed)
    assert garments.dry_run(target, *arguments)["pretrain"] == 1
