"""Bodies of artefacts are verified, and artefacts in another's place refused."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from fd2.artifacts.files import write_array, write_json
from fd2.artifacts.identity import artefact_name
from fd2.artifacts.images import read_slots, write_slots
from fd2.artifacts.prepared import open_prepared, read_manifest
from fd2.artifacts.records import read_content, write_record
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
    content = {"format": 2, "result": {"top1": 61.25, "curve": [1, 2.5]}, "numbers": {10: 1, 9: 2}}
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


def test_files_of_the_first_format_have_no_digests(tmp_path: Path) -> None:
    write_json(tmp_path / "old.json", {"format": 1, "result": 3})
    assert read_content(tmp_path / "old.json")["result"] == 3
    write_json(tmp_path / "new.json", {"format": 2, "result": 3})
    with pytest.raises(FD2Error, match="digest of its content"):
        read_content(tmp_path / "new.json")
    write_json(tmp_path / "list.json", [3])
    with pytest.raises(FD2Error, match="not a record"):
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
