"""Bodies of artefacts are verified, and artefacts in another's place refused."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fd2.artifacts import identity
from fd2.artifacts.files import canonical_json, write_array
from fd2.artifacts.identity import artefact_name, signed
from fd2.artifacts.images import read_distilled, read_slots, write_slots
from fd2.artifacts.manifests import Manifest, read_manifest
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.records import read_content, read_record, write_record
from fd2.artifacts.soft_labels import AUGMENTATION, LOGITS, read_soft_labels
from fd2.artifacts.tensors import read_metadata, read_tensors, write_tensors
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from tests.conftest import Chain

CPU = torch.device("cpu")
ELPV = "distilled/elpv/sre2lpp/fd2/base"


def flip(path: Path, position: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


def test_any_flipped_bit_of_a_tensor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    tensors = {"a": torch.rand(3, 2), "b": torch.tensor([True, False]), "c": torch.tensor(3)}
    write_tensors(path, tensors, {"format": 2})
    size = path.stat().st_size
    body = 6 * 4 + 2 + 8
    for position in range(size - body, size):
        flip(path, position, position % 8)
        with pytest.raises(
            FD2Error, match=r"damaged file: the digest of tensor '[abc]'"
        ) as refused:
            read_tensors(path)
        assert refused.value.where == str(path) and "delete it" in refused.value.fix
        flip(path, position, position % 8)
    assert torch.equal(read_tensors(path)[0]["a"], tensors["a"])


def test_pixels_and_labels_are_the_manifests(chain: Chain, tmp_path: Path) -> None:
    data = Path(shutil.copytree(chain.data, tmp_path / "copy"))
    size = (data / "test.npy").stat().st_size
    flip(data / "test.npy", size - random.Random(0).randrange(1, 1000))
    dataset = open_prepared(data)
    dataset.train.all_images(CPU)
    for read in (dataset.test.all_images, lambda at: dataset.test.batch(torch.tensor([0]), at)):
        with pytest.raises(FD2Error, match="digest of its pixels") as refused:
            read(CPU)
        assert refused.value.where == str(data / "test.npy")
    labels = np.load(data / "train_labels.npy")
    write_array(data / "train_labels.npy", labels[::-1])
    with pytest.raises(FD2Error, match="its labels are not the manifest's"):
        open_prepared(data)


def test_logits_belong_to_their_augmentation(labels: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(labels, tmp_path / "labels"))
    flip(folder / LOGITS, -5)
    with pytest.raises(FD2Error, match=f"its digest is not the one in {AUGMENTATION}") as refused:
        read_soft_labels(folder)
    assert refused.value.where == str(folder / LOGITS)


def test_any_flipped_bit_of_a_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    content = {"result": {"top1": 61.25, "curve": [1, 2.5]}, "numbers": {10: 1, 9: 2}}
    write_record(path, content)
    assert read_content(path) == json.loads(json.dumps(content))
    for position in range(path.stat().st_size):
        flip(path, position, position % 7)
        try:
            # White space and the form of a number may change, a value may not.
            assert read_content(path) == json.loads(json.dumps(content))
        except FD2Error as error:
            assert "damaged file" in error.what
        flip(path, position, position % 7)
    text = path.read_text()
    path.write_text(text.replace("61.25", "71.25"))
    with pytest.raises(FD2Error, match="digest of its content"):
        read_content(path)


def edit_json(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def edit_metadata(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite the metadata of a tensor file, its tensors as they are."""
    with safe_open(path, framework="pt") as stream:
        content = json.loads(stream.metadata()["fd2"])
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    edit(content)
    save_file(tensors, path, metadata={"fd2": canonical_json(content)})


def stripped(content: dict[str, Any]) -> None:
    """As if it were of a format without digests and names, and another number in it."""
    for key in [key for key in content if key.endswith("sha256")]:
        del content[key]
    content.pop("artefact", None)
    content.update(format=1, result={"top1": 99.9})


KINDS: dict[str, tuple[str, Callable[..., None], Callable[[Path], object]]] = {
    "teacher": ("plain.safetensors", edit_metadata, read_tensors),
    "patches": ("patches.safetensors", edit_metadata, read_slots),
    "group": ("group0.safetensors", edit_metadata, read_slots),
    "distilled set": ("ipc3.safetensors", edit_metadata, read_distilled),
    "metadata alone": ("ipc3.safetensors", edit_metadata, read_metadata),
    "soft labels": (
        f"labels/{AUGMENTATION}",
        edit_metadata,
        lambda path: read_soft_labels(path.parent),
    ),
    "record": ("plain.json", edit_json, read_record),
    "record beside labels": ("labels/record.json", edit_json, read_content),
    "cell": ("cell.json", edit_json, read_content),
    "download": ("downloaded.json", edit_json, read_content),
}


@pytest.fixture
def artefacts(chain: Chain, group: Path, nine: Path, labels: Path, tmp_path: Path) -> Path:
    """A copy of a file of each kind."""
    files = [chain.plain, chain.patches, group, nine, chain.plain.with_suffix(".json")]
    for path in files:
        shutil.copy(path, tmp_path)
    shutil.copytree(labels, tmp_path / "labels")
    shutil.copytree(chain.data, tmp_path / "data")
    for name in ("cell.json", "downloaded.json"):
        write_record(tmp_path / name, {"format": 2, "result": {"top1": 61.25}})
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_files_without_digests_are_refused(artefacts: Path, kind: str) -> None:
    name, edit, read = KINDS[kind]
    path = artefacts / name
    read(path)
    edit(path, stripped)
    with pytest.raises(FD2Error) as refused:
        read(path)
    assert refused.value.where == str(path) and "delete it and run again" in refused.value.fix


def test_digests_of_arrays_cannot_be_left_out(artefacts: Path) -> None:
    """Even where the digest of the rest is made anew."""
    path = artefacts / "labels" / AUGMENTATION
    tensors, metadata = read_tensors(path)
    del metadata["logits_sha256"]
    write_tensors(path, tensors, metadata)
    with pytest.raises(FD2Error) as refused:
        read_soft_labels(path.parent)
    assert refused.value.where == str(path.with_name(LOGITS))

    path = artefacts / "patches.safetensors"
    edit_metadata(
        path, lambda content: content.update(signed(path, unsigned(content), "metadata_sha256"))
    )
    with pytest.raises(FD2Error) as refused:
        read_slots(path)
    assert refused.value.where == str(path)

    path = artefacts / "data" / "manifest.json"
    edit_json(path, lambda content: content["source"].pop("pixels_sha256"))
    with pytest.raises(FD2Error):
        open_prepared(path.parent)
    manifest = read_manifest_unverified(path)
    edit_json(path, lambda content: content.update(digest=manifest.digest()))
    with pytest.raises(FD2Error, match="pixels") as refused:
        open_prepared(path.parent)
    assert refused.value.where == str(path) and "prepare" in refused.value.fix


def unsigned(content: dict[str, Any]) -> dict[str, Any]:
    for key in ("metadata_sha256", "tensors_sha256", "artefact"):
        del content[key]
    return content


def read_manifest_unverified(path: Path) -> Manifest:
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["digest"]
    return Manifest(**content)


@pytest.mark.parametrize("number", [1, 3, "2", None])
def test_another_format_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: object
) -> None:
    with monkeypatch.context() as version:
        version.setattr(identity, "FORMAT", number)
        write_record(tmp_path / "cell.json", {})
        write_tensors(tmp_path / "t.safetensors", {}, {})
    for read, name in ((read_content, "cell.json"), (read_tensors, "t.safetensors")):
        with pytest.raises(FD2Error, match="this version reads format 2") as refused:
            read(tmp_path / name)
        assert refused.value.where == str(tmp_path / name)


@pytest.mark.parametrize("content", ["[3]", "3", "null", "{}"])
def test_other_json_is_no_record(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(FD2Error, match="damaged file"):
        read_content(tmp_path / "list.json")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/x/results/{ELPV}/group0.safetensors", f"{ELPV}/group0.safetensors"),
        ("elsewhere/teachers/a/b/cal-v1.2.json", "teachers/a/b/cal-v1.2.json"),
        (f"labels/{ELPV[10:]}/ipc5/logits.npy", f"labels/{ELPV[10:]}/ipc5/logits.npy"),
        ("/x/teachers/a/b/c/cal.safetensors", None),
        ("/tmp/group0.safetensors", None),
    ],
)
def test_names_of_artefacts(path: str, name: str | None) -> None:
    assert artefact_name(path) == name


def test_an_artefact_in_anothers_place_is_refused(tmp_path: Path) -> None:
    images = torch.zeros(1, 2, 3, 4, 4).byte()
    first, second = (tmp_path / f"{ELPV}/group{g}.safetensors" for g in (0, 1))
    write_slots(first, images, (0,), {})
    second.write_bytes(first.read_bytes())
    assert torch.equal(read_slots(first).images, images)
    for read in (read_slots, read_metadata):
        with pytest.raises(FD2Error, match=f"the file is {ELPV}/group0") as refused:
            read(second)
        assert refused.value.where == str(second) and "put it back" in refused.value.fix
    # A copy under a name of one's own is nobody's place.
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(first.read_bytes())
    assert torch.equal(read_slots(mine).images, images)


def test_a_record_in_anothers_place_is_refused(tmp_path: Path) -> None:
    first, second = (
        tmp_path / f"students/elpv/sre2lpp/fd2/base/ipc1/resnet18/seed{s}.json" for s in (0, 1)
    )
    write_record(first, {"format": 2})
    second.write_bytes(first.read_bytes())
    with pytest.raises(FD2Error, match=r"the file is students/.*/seed0\.json"):
        read_content(second)


def test_data_of_another_dataset_is_refused(chain: Chain, tmp_path: Path) -> None:
    right = shutil.copytree(chain.data, tmp_path / "data" / "cells")
    assert read_manifest(right / "manifest.json").dataset == "cells"
    wrong = shutil.copytree(chain.data, tmp_path / "data" / "birds")
    with pytest.raises(FD2Error, match=r"the file is data/cells/manifest\.json"):
        open_prepared(wrong)
