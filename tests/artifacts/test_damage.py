"""Every kind of file, damaged in every way: one error that names it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fd2.artifacts.files import parse_json, read_array, read_json
from fd2.artifacts.images import read_distilled
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.prepared import open_verified
from fd2.artifacts.records import read_content, read_records, write_record
from fd2.artifacts.soft_labels import AUGMENTATION, LOGITS, read_soft_labels
from fd2.artifacts.tensors import read_metadata, read_tensors, write_tensors
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from tests.conftest import Chain

Read = Callable[[Path], object]
#: By kind: the file, and the reader, which takes its path.
JSON: dict[str, tuple[str, Read]] = {
    "manifest": ("data/manifest.json", read_manifest),
    "prepared data": ("data/manifest.json", lambda path: open_verified(path.parent)),
    "record": ("plain.json", read_content),
    "cell": ("cell.json", read_content),
}
BINARY: dict[str, tuple[str, Read]] = {
    "tensors": ("plain.safetensors", read_tensors),
    "distilled set": ("ipc3.safetensors", read_distilled),
    "pixels": ("data/train.npy", lambda path: open_verified(path.parent)),
    "labels": ("data/test_labels.npy", lambda path: open_verified(path.parent)),
    "logits": (f"labels/{LOGITS}", lambda path: read_soft_labels(path.parent)),
    "augmentation": (f"labels/{AUGMENTATION}", lambda path: read_soft_labels(path.parent)),
}


@pytest.fixture
def files(chain: Chain, nine: Path, labels: Path, tmp_path: Path) -> Path:
    """A copy of a file of each kind."""
    for path in (chain.plain, chain.plain.with_suffix(".json"), nine):
        shutil.copy(path, tmp_path)
    shutil.copytree(labels, tmp_path / "labels")
    shutil.copytree(chain.data, tmp_path / "data")
    write_record(tmp_path / "cell.json", {"result": {"top1": 61.25}})
    return tmp_path


def refused(read: Read, path: Path) -> None:
    with pytest.raises(FD2Error) as error:
        read(path)
    assert str(path) in error.value.where or str(path.parent) == error.value.where
    assert error.value.fix


def edited(edit: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        values = json.loads(content)
        edit(values)
        return json.dumps(values).encode()

    return apply


def without_digests(values: dict[str, Any]) -> None:
    for key in [key for key in values if "sha256" in key or key == "digest"]:
        del values[key]


TEXT: dict[str, Callable[[bytes], bytes]] = {
    "digest removed": edited(without_digests),
    "digest null": edited(lambda values: values.update(record_sha256=None, digest=None)),
    "value added": edited(lambda values: values.update(more=1)),
    "other format": edited(lambda values: values.update(format=1)),
    "first key twice": lambda content: content.replace(b"{", b'{"a": 1, "a": 1,', 1),
    "same key and value twice": lambda content: content.replace(
        b"{", b'{"b": {"a": 1, "a": 1},', 1
    ),
    "NaN": lambda content: content.replace(b"{", b'{"a": NaN,', 1),
    "infinite": lambda content: content.replace(b"{", b'{"a": -Infinity,', 1),
    "beyond a float": lambda content: content.replace(b"{", b'{"a": 1e999,', 1),
    "half a character": lambda content: content.replace(b"{", rb'{"a": "\ud800",', 1),
    "too many digits": lambda content: content.replace(b"{", b'{"a": ' + b"9" * 5000 + b",", 1),
    "nested too deeply": lambda content: b"[" * 100_000 + b"]" * 100_000,
    "byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "another encoding": lambda content: content.decode().encode("utf-16"),
    "truncated": lambda content: content[: len(content) // 2],
    "appended": lambda content: content + b"{}",
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", TEXT)
@pytest.mark.parametrize("kind", JSON)
def test_damaged_json(files: Path, kind: str, damage: str) -> None:
    name, read = JSON[kind]
    path = files / name
    read(path)
    path.write_bytes(TEXT[damage](path.read_bytes()))
    refused(read, path)


def test_any_changed_number_of_a_manifest(files: Path) -> None:
    path = files / "data/manifest.json"
    text, manifest = path.read_text(encoding="utf-8"), read_manifest(path)
    for position, character in enumerate(text):
        if character.isdecimal():
            other = str((int(character) + 1) % 10)
            path.write_text(f"{text[:position]}{other}{text[position + 1 :]}", encoding="utf-8")
            try:
                # The last digits of a mean may not change the number.
                assert read_manifest(path) == manifest
            except FD2Error as error:
                assert error.where == str(path)


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[:-1],
    "cut in its header": lambda content: content[:20],
    "appended": lambda content: content + b"\0",
    "last bit": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "a zip": lambda content: b"PK\x03\x04" + content[4:],
    "a pickle": lambda content: b"\x80\x04" + content[2:],
}


@pytest.mark.parametrize("damage", BYTES)
@pytest.mark.parametrize("kind", BINARY)
def test_damaged_arrays_and_tensors(files: Path, kind: str, damage: str) -> None:
    name, read = BINARY[kind]
    path = files / name
    read(path)
    path.write_bytes(BYTES[damage](path.read_bytes()))
    refused(read, path)


@pytest.mark.parametrize("kind", [*JSON, *BINARY])
def test_a_folder_in_its_place(files: Path, kind: str) -> None:
    name, read = (JSON | BINARY)[kind]
    path = files / name
    path.unlink()
    path.mkdir()
    refused(read, path)


@pytest.mark.parametrize("link", [False, True])
def test_two_files_swapped(tmp_path: Path, link: bool) -> None:
    cells = [
        tmp_path / f"students/elpv/random/plain/base/ipc1/resnet18/seed{seed}.json"
        for seed in (0, 1)
    ]
    sets = [tmp_path / f"distilled/elpv/random/plain/base/ipc{n}.safetensors" for n in (1, 2)]
    for first, second, read in ((*cells, read_content), (*sets, read_metadata)):
        for number, path in enumerate((first, second)):
            if path.suffix == ".json":
                write_record(path, {"result": number})
            else:
                write_tensors(path, {}, {"result": number})
        contents = [first.read_bytes(), second.read_bytes()]
        if link:
            first.unlink()
            first.symlink_to(second.name)
            refused(read, first)
        else:
            first.write_bytes(contents[1])
            second.write_bytes(contents[0])
            refused(read, first)
            refused(read, second)


def test_tensors_taken_out_or_added_are_seen_in_the_metadata_alone(tmp_path: Path) -> None:
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    path = tmp_path / "a.safetensors"
    write_tensors(path, {"x": torch.ones(2), "y": torch.zeros(2)}, {})
    with safe_open(path, framework="pt") as stream:
        header = stream.metadata()
    for tensors in ({"x": torch.ones(2)}, {name: torch.ones(2) for name in "xyz"}, {}):
        save_file(tensors, path, metadata=header)
        refused(read_metadata, path)


def test_results_in_place_are_read_and_refused_without_what_makes_them_records(
    tmp_path: Path,
) -> None:
    own = tmp_path / "backup/students/elpv/random/plain/base/ipc1/resnet18/seed0.json"
    write_record(own, {"stage": "evaluate"})
    (tmp_path / "notes.json").write_text("{", encoding="utf-8")
    assert list(read_records(tmp_path)) == []
    path = tmp_path / "students/elpv/random/plain/base/ipc1/resnet18/seed0.json"
    write_record(path, {"result": {"top1": 99.9}})
    with pytest.raises(FD2Error, match="damaged file") as error:
        list(read_records(tmp_path))
    assert error.value.where == str(path)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000000000000), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (), }",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': 3, }",
        "[1]",
        "(" * 9000,
        "__import__('os').system('true')",
    ],
)
def test_hostile_headers_of_arrays(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(3, np.float32))
    text = header.encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(12))
    refused(read_array, path)


def test_json_is_strict_and_keeps_what_it_says(tmp_path: Path) -> None:
    values = {"a": [1, 2.5, -0.0, 1e308, None, True, "é\u2028"], "b": {"a": {}}}
    assert parse_json(json.dumps(values), "x") == values
    with pytest.raises(FD2Error, match="key 'b' stands twice"):
        parse_json('{"a": 1, "b": 2, "b": 3}', "x")
    with pytest.raises(FD2Error, match="file not found"):
        read_json(tmp_path / "none.json")
