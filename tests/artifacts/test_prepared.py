"""Manifests and arrays: what identifies them, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from fd2.artifacts.images import write_slots
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.prepared import open_prepared, write_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.errors import FD2Error
from fd2.stages.assemble import assemble
from fd2.stages.evaluate import evaluate
from fd2.stages.patches import make_patches
from fd2.stages.prepare import PrepareSettings, prepare

if TYPE_CHECKING:
    from tests.conftest import Chain


@pytest.fixture
def copied(chain: Chain, tmp_path: Path) -> Path:
    return Path(shutil.copytree(chain.data, tmp_path / "data"))


@pytest.fixture(scope="module")
def fewer(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared from the same photographs but one."""
    root = tmp_path_factory.mktemp("fewer")
    shutil.copytree(chain.images, root / "images")
    next((root / "images" / "train" / "mono_000").iterdir()).unlink()
    options = {"path": str(root / "images")}
    prepare(PrepareSettings("cells", "imagefolder", 32, options), root / "data", chain.job)
    return root / "data"


def test_round_trip(chain: Chain, tmp_path: Path) -> None:
    dataset = open_prepared(chain.data)
    images = {split: np.array(getattr(dataset, split).images) for split in ("train", "test")}
    write_prepared(tmp_path, dataset.manifest, images)
    again = open_prepared(tmp_path)
    assert again.manifest == dataset.manifest
    assert again.manifest.digest() == dataset.manifest.digest()
    assert (again.num_classes, len(again.train.labels), len(again.test.labels)) == (3, 36, 12)
    for name in ("train.npy", "train_labels.npy", "test.npy", "test_labels.npy", "manifest.json"):
        assert (tmp_path / name).read_bytes() == (chain.data / name).read_bytes()


def test_batches_are_the_rows_asked_for(chain: Chain) -> None:
    train = open_prepared(chain.data).train
    chosen = train.batch(torch.tensor([5, 0, 5]), torch.device("cpu"))
    for row, index in enumerate((5, 0, 5)):
        assert np.array_equal(chosen[row].permute(1, 2, 0).numpy(), train.images[index])


def test_the_digest_covers_every_field(chain: Chain) -> None:
    manifest = read_manifest(chain.data / "manifest.json")
    changes = {
        "dataset": "other",
        "resolution": 33,
        "classes": manifest.classes[::-1],
        "files": {**manifest.files, "test": manifest.files["test"][1:]},
        "mean": (0.1, 0.2, 0.3),
        "std": (0.1, 0.2, 0.3),
        "source": {},
    }
    digests = {replace(manifest, **{name: value}).digest() for name, value in changes.items()}
    assert len(digests | {manifest.digest()}) == 8


def test_a_manifest_edited_by_hand_is_refused(copied: Path) -> None:
    path = copied / "manifest.json"
    content = json.loads(path.read_text())
    content["classes"][0], content["classes"][1] = content["classes"][1], content["classes"][0]
    path.write_text(json.dumps(content))
    with pytest.raises(FD2Error, match="changed by hand") as refused:
        open_prepared(copied)
    assert refused.value.where == str(path) and "prepare" in refused.value.fix


@pytest.mark.parametrize("content", ["[]", "{}", '{"digest": "x", "classes": 3}'])
def test_other_json_is_no_manifest(copied: Path, content: str) -> None:
    (copied / "manifest.json").write_text(content)
    with pytest.raises(FD2Error, match="not a manifest"):
        open_prepared(copied)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("train.npy", np.zeros((35, 32, 32, 3), np.uint8)),
        ("train.npy", np.zeros((36, 32, 32, 3), np.float32)),
        ("train_labels.npy", np.zeros(37, np.int64)),
        ("train_labels.npy", np.zeros(36, ">i8")),
    ],
)
def test_arrays_that_do_not_fit_the_manifest(copied: Path, name: str, array: np.ndarray) -> None:
    np.save(copied / name, array)
    with pytest.raises(FD2Error, match=r"train\.npy holds .* the manifest says"):
        open_prepared(copied)


def test_artefacts_of_other_manifests_refuse_each_other(
    chain: Chain, group: Path, nine: Path, labels: Path, fewer: Path, tmp_path: Path
) -> None:
    """One photograph fewer: every stage that would mix the two sets stops."""
    output, written = tmp_path / "output", tmp_path / "record.json"
    assert open_prepared(fewer).manifest.digest() != open_prepared(chain.data).manifest.digest()

    def patches() -> None:
        make_patches(chain.patch_settings(), fewer, chain.plain, output, written, chain.job)

    def distilled() -> None:
        replace(chain, data=fewer).group(output, state=tmp_path)

    def assembled() -> None:
        other = tmp_path / "group1.safetensors"
        facts = {"manifest": open_prepared(fewer).manifest.digest(), "mean": [], "std": []}
        write_slots(other, torch.zeros(1, 3, 3, 32, 32).byte(), (3,), facts)
        assemble(4, [group, other], output, written, chain.job)

    def evaluated() -> None:
        evaluate({output: chain.evaluate_settings()}, fewer, nine, labels, chain.job)

    for stage in (patches, distilled, assembled, evaluated):
        with pytest.raises(FD2Error, match="different manifests") as refused:
            stage()
        assert "remake the older ones" in refused.value.fix
        assert not output.exists()


def test_one_manifest_is_returned() -> None:
    assert same_manifest({"a": "x", "b": "x"}) == "x"
    with pytest.raises(FD2Error) as refused:
        same_manifest({"a": "x", "b": "y"})
    assert "a: x; b: y" in refused.value.where


def test_provenance_tells_what_shaped_from_how_it_ran(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"abc")
    shaped = shaped_by("relabel", chain.relabel_settings(), "m", {"one": tmp_path / "input"})
    assert shaped["settings"]["teacher_mode"] == "train_halves"
    assert shaped["inputs"]["one"].startswith("ba7816bf") and "input" not in str(shaped["inputs"])
    assert shaped == shaped_by(
        "relabel", chain.relabel_settings(), "m", {"one": tmp_path / "input"}
    )
    run = record(shaped, chain.job.facts())["run"]
    assert {"commit", "dirty", "versions", "device", "threads", "seconds"} <= set(run)
    assert run["versions"]["torch"] == version("torch")
