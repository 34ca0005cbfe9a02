"""Whole files or none, and damage that is named."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fd2.artifacts.files import (
    atomic_write,
    canonical_json,
    file_digest,
    read_array,
    read_json,
    write_array,
    write_json,
)
from fd2.artifacts.tensors import write_tensors
from fd2.errors import FD2Error

WRITERS: dict[str, Callable[[Path], None]] = {
    "json": lambda path: write_json(path, ["a" * 10_000]),
    "array": lambda path: write_array(path, np.zeros(10_000)),
    "tensors": lambda path: write_tensors(path, {"x": torch.zeros(10_000)}, {}),
}


def test_round_trips(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None, True], "a": "é"}
    write_json(tmp_path / "deep" / "j.json", value)
    assert read_json(tmp_path / "deep" / "j.json") == value
    array = np.arange(12, dtype=np.float16).reshape(3, 4)
    write_array(tmp_path / "a.npy", array)
    read = read_array(tmp_path / "a.npy")
    assert np.array_equal(read, array) and read.dtype == array.dtype
    with pytest.raises(ValueError, match="read-only"):
        read[0, 0] = 1
    assert canonical_json({"b": 1, "a": [1]}) == '{"a":[1],"b":1}'


@pytest.mark.parametrize("failure", [RuntimeError("stop"), KeyboardInterrupt()])
def test_a_failed_write_leaves_what_was_there(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def fail() -> None:
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            assert target.read_text() == "old"
            raise failure

    with pytest.raises(type(failure)):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "old"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path, kind: str) -> None:
    (tmp_path / "results").write_text("not a folder")
    target = tmp_path / "results" / "file"
    with pytest.raises(FD2Error, match="cannot write") as refused:
        WRITERS[kind](target)
    assert refused.value.where == str(target)
    assert "make the folder writable and check free space" in refused.value.fix


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_files import WRITERS
from fd2.errors import FD2Error
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for kind, write in WRITERS.items():
    try:
        write(Path(sys.argv[2]) / kind)
    except FD2Error as error:
        print(error)
"""


def test_a_full_disk_leaves_no_half_written_file(tmp_path: Path) -> None:
    """The system refuses to write beyond 1,000 bytes, as it does when space runs out."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(Path(__file__).parent), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")},
    )
    assert done.stdout.count("cannot write") == len(WRITERS)
    assert all(str(tmp_path / kind) in done.stdout for kind in WRITERS)
    assert not list(tmp_path.iterdir())


def test_json_that_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="file not found"):
        read_json(tmp_path / "none.json")
    for content in (b"", b'{"a": 1', b'{"a": "\xff"}'):
        (tmp_path / "bad.json").write_bytes(content)
        with pytest.raises(FD2Error, match="damaged file") as refused:
            read_json(tmp_path / "bad.json")
        assert refused.value.where == str(tmp_path / "bad.json")


def test_arrays_of_objects_are_not_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    with path.open("wb") as stream:
        np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FD2Error, match=r"damaged file.*Python objects"):
        read_array(path)
    path.write_bytes(pickle.dumps([1, 2, 3]))
    with pytest.raises(FD2Error, match="damaged file"):
        read_array(path)


def test_truncated_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    write_array(path, np.ones((4, 9, 3), dtype=np.float16))
    content = path.read_bytes()
    for length in (*range(0, len(content), 13), len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(FD2Error, match="damaged file"):
            read_array(path)
    with pytest.raises(FD2Error, match="file not found"):
        read_array(tmp_path / "none.npy")


def test_a_flipped_bit_in_an_arrays_header_is_refused_or_harmless(tmp_path: Path) -> None:
    """Two of every byte; the byte order alone may turn round, which readers of a type refuse."""
    path = tmp_path / "a.npy"
    array = np.ones((4, 9, 3), dtype=np.float16)
    write_array(path, array)
    content = path.read_bytes()
    for position in range(128):
        for bit in (position % 8, (position + 1) % 8):
            spoilt = bytearray(content)
            spoilt[position] ^= 1 << bit
            path.write_bytes(spoilt)
            try:
                read = read_array(path)
            except FD2Error as error:
                assert "damaged file" in error.what
                continue
            assert read.shape == array.shape
            assert read.dtype == np.dtype(">f2") or np.array_equal(read, array)


def test_digests_are_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_digest(tmp_path / "f") == expected
