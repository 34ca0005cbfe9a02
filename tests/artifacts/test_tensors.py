"""Tensor files: round trips, equal bytes, and every kind of damage refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fd2.artifacts.images import (
    read_distilled,
    read_slots,
    write_distilled,
    write_slots,
)
from fd2.artifacts.tensors import read_metadata, read_tensors, write_tensors
from fd2.errors import FD2Error

FACTS = {"manifest": "ab", "mean": [0.5, 0.25], "settings": {"rate": 1e-3, "name": "é"}}


def test_round_trip_of_types_shapes_and_facts(tmp_path: Path) -> None:
    tensors = {
        "float": torch.rand(2, 3).T,
        "half": torch.rand(4).half(),
        "bytes": torch.arange(6, dtype=torch.uint8).reshape(1, 2, 3),
        "flags": torch.tensor([True, False]),
        "long": torch.tensor(7),
        "empty": torch.empty(0, 4),
    }
    write_tensors(tmp_path / "t", tensors, FACTS)
    read, facts = read_tensors(tmp_path / "t")
    assert facts == FACTS == read_metadata(tmp_path / "t")
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype and torch.equal(read[name], tensor)
    assert list(read_tensors(tmp_path / "t", ("half",))[0]) == ["half"]


def test_a_tensor_may_be_called_as_a_number_of_a_range_is(tmp_path: Path) -> None:
    """Its digest, which stands under its name, is no number."""
    tensors = {"losses": torch.tensor([2.0]), "top1": torch.tensor([300.0])}
    write_tensors(tmp_path / "t", tensors, FACTS)
    assert torch.equal(read_tensors(tmp_path / "t")[0]["losses"], tensors["losses"])
    with pytest.raises(FD2Error, match="'losses' is -1"):
        write_tensors(tmp_path / "t", tensors, {**FACTS, "losses": -1.0})


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    tensors = {name: torch.ones(3) for name in "abcdefgh"}
    for number in range(8):
        order = list(tensors) if number % 2 else list(tensors)[::-1]
        facts = dict(sorted(FACTS.items(), reverse=bool(number % 2)))
        write_tensors(tmp_path / str(number), {name: tensors[name] for name in order}, facts)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_slots_and_distilled_sets(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (2, 3, 3, 4, 4)).byte()
    write_slots(tmp_path / "s", images, (4, 5), FACTS)
    slots = read_slots(tmp_path / "s")
    assert torch.equal(slots.images, images) and slots.slots == (4, 5)
    assert slots.metadata["manifest"] == "ab"
    write_distilled(tmp_path / "d", images, FACTS)
    made = read_distilled(tmp_path / "d")
    assert made.labels.tolist() == [0, 0, 1, 1, 2, 2] and made.images_per_class == 2
    for row in range(6):
        assert torch.equal(made.images[row], images[row % 2, row // 2])


def test_what_a_method_learned_beside_images(tmp_path: Path) -> None:
    images, path = torch.rand(2, 3, 1, 4, 4), tmp_path / "d"
    logits = torch.randn(2, 3, 3)
    write_distilled(path, images, FACTS, learned_labels=logits, learned_rate=0.03)
    made = read_distilled(path)
    assert made.learned_labels is not None and made.learned_rate == 0.03
    for row in range(6):
        assert torch.equal(made.learned_labels[row], logits[row % 2, row // 2])
    write_distilled(path, images, FACTS)
    assert set(read_tensors(path)[0]) == {"images", "labels"}
    made = read_distilled(path)
    assert made.learned_labels is None and made.learned_rate is None


def test_learned_values_that_cannot_be_are_refused(tmp_path: Path) -> None:
    images, path = torch.rand(2, 3, 1, 4, 4), tmp_path / "d"
    for shape, kind in (((2, 3, 4), torch.float32), ((2, 3, 3), torch.float64)):
        with pytest.raises(ValueError, match="learned labels"):
            write_distilled(path, images, FACTS, learned_labels=torch.zeros(shape, dtype=kind))
    for rate in (0.0, -0.1, float("nan")):
        with pytest.raises(FD2Error, match="tensor 'learned_rate' holds"):
            write_distilled(path, images, FACTS, learned_rate=rate)
    with pytest.raises(FD2Error, match="'learned_labels' holds 1 of 18 values that are not finite"):
        logits = torch.zeros(2, 3, 3)
        logits[1, 2, 0] = torch.inf
        write_distilled(path, images, FACTS, learned_labels=logits)
    assert not path.exists()
    whole = {"images": images.flatten(0, 1), "labels": torch.arange(6) // 2}
    facts = {**FACTS, "images_per_class": 2}
    for learned, fault in (
        ({"learned_labels": torch.zeros(6, 4)}, "learned labels"),
        ({"learned_rate": torch.ones(1)}, "a learned rate of shape"),
    ):
        write_tensors(path, {**whole, **learned}, facts)
        with pytest.raises(FD2Error, match=f"damaged file: {fault}"):
            read_distilled(path)


def test_other_types_and_shapes_are_not_written(tmp_path: Path) -> None:
    def slots(bad: torch.Tensor) -> None:
        write_slots(tmp_path / "x", bad, (0, 1), {})

    def whole(bad: torch.Tensor) -> None:
        write_distilled(tmp_path / "x", bad, {})

    single, double = torch.zeros(2, 3, 3, 4, 4), torch.zeros(2, 3, 3, 4, 4).double()
    flat = torch.zeros(3, 3, 4, 4).byte()
    for write, bad in ((slots, single), (slots, flat), (whole, double), (whole, flat)):
        with pytest.raises(ValueError, match=r"uint8.* images with 5 axes"):
            write(bad)
    assert not list(tmp_path.iterdir())


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="file not found") as refused:
        read_slots(tmp_path / "none")
    assert refused.value.fix == f"make it: snakemake {tmp_path / 'none'}"


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    save_file({"images": torch.zeros(1, 1, 3, 2, 2).byte()}, tmp_path / "x")
    with pytest.raises(FD2Error, match="no fd2 metadata"):
        read_slots(tmp_path / "x")
    write_tensors(tmp_path / "y", {"weights": torch.zeros(2)}, {})
    for read in (read_slots, read_distilled):
        with pytest.raises(FD2Error, match="damaged file") as refused:
            read(tmp_path / "y")
        assert refused.value.where == str(tmp_path / "y")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    write_slots(tmp_path / "s", torch.zeros(2, 3, 3, 4, 4).byte(), (0, 1), FACTS)
    return tmp_path / "s"


def test_a_truncated_file_is_refused(whole: Path) -> None:
    content = whole.read_bytes()
    for length in (*range(0, len(content) - 1, 17), len(content) - 1):
        whole.write_bytes(content[:length])
        with pytest.raises(FD2Error, match="damaged file") as refused:
            read_slots(whole)
        assert "delete it and run again" in refused.value.fix


def test_a_flipped_bit_in_the_header_is_refused(whole: Path) -> None:
    """Two of every byte. Only the name of the digest may be spoilt: all else is then intact."""
    content, intact = whole.read_bytes(), read_slots(whole)
    length = 8 + struct.unpack("<Q", content[:8])[0]
    read = 0
    for position in range(length):
        for bit in (position % 8, (position + 3) % 8):
            spoilt = bytearray(content)
            spoilt[position] ^= 1 << bit
            whole.write_bytes(spoilt)
            try:
                slots = read_slots(whole)
            except FD2Error as error:
                assert "damaged file" in error.what or "no fd2 metadata" in error.what
                continue
            read += 1
            assert torch.equal(slots.images, intact.images)
            assert FACTS.items() <= slots.metadata.items() and slots.slots == (0, 1)
    assert read <= 2 * len("metadata_sha256")
