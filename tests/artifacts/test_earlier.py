"""Finished results under their data's digest: none is lost, whenever the process is killed."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.earlier import (
    earlier_data,
    earlier_folder,
    link,
    move,
    note_data,
    put_aside,
)
from fd2.artifacts.manifests import PIXELS, Manifest
from fd2.artifacts.records import read_content, write_record

OLD, NEW = "0a" * 32, "1b" * 32


def write_result(results: Path, name: str, manifest: str, content: str = "tensors") -> Path:
    """A record, and a file beside it."""
    path = results / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".safetensors").write_text(content)
    write_record(path, {"stage": "pretrain", "manifest": manifest})
    return path


def teacher(number: int) -> str:
    return f"teachers/mine/resnet18/plain-v{number}.json"


def test_results_are_kept_under_the_digest_of_their_own_data(tmp_path: Path) -> None:
    old = write_result(tmp_path, teacher(0), OLD)
    # Of a name that begins with another's.
    tenth = write_result(tmp_path, "teachers/mine/resnet18/plain-v0.1.json", NEW)
    labels = tmp_path / "labels/mine/random/plain/base/ipc1"
    labels.mkdir(parents=True)
    (labels / "logits.npy").write_text("numbers")
    write_record(labels / "record.json", {"manifest": OLD})
    other = write_result(tmp_path, "teachers/others/resnet18/plain.json", OLD)
    note = old.with_name("notes.txt")
    note.write_text("mine")
    assert put_aside(tmp_path, "mine", NEW) == {OLD: 2, NEW: 1}
    kept = earlier_folder(tmp_path, "mine", OLD)
    assert read_content(kept / teacher(0))["manifest"] == OLD
    assert (kept / teacher(0)).with_suffix(".safetensors").read_text() == "tensors"
    assert (kept / labels.relative_to(tmp_path) / "logits.npy").is_file()
    assert not old.exists() and not list(labels.iterdir())
    # Of the present data: in both places.
    assert tenth.samefile(earlier_folder(tmp_path, "mine", NEW) / tenth.relative_to(tmp_path))
    assert other.is_file() and note.is_file()
    assert put_aside(tmp_path, "mine", NEW) == {NEW: 1}


def test_a_newer_result_of_the_same_data_takes_the_place_of_a_kept_one(tmp_path: Path) -> None:
    for content in ("first", "second"):
        write_result(tmp_path, teacher(0), OLD, content)
        put_aside(tmp_path, "mine", NEW)
    kept = earlier_folder(tmp_path, "mine", OLD) / teacher(0)
    assert kept.with_suffix(".safetensors").read_text() == "second"
    # It came back, and the pictures change once more.
    for path in (kept, kept.with_suffix(".safetensors")):
        link(path, tmp_path / path.relative_to(earlier_folder(tmp_path, "mine", OLD)))
    assert put_aside(tmp_path, "mine", NEW) == {OLD: 1}
    assert kept.is_file() and not (tmp_path / teacher(0)).exists()


def test_a_damaged_result_is_left_in_place_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_result(tmp_path, teacher(0), OLD)
    path.write_text(path.read_text().replace("pretrain", "distill"))
    assert put_aside(tmp_path, "mine", NEW) == {}
    assert path.is_file() and str(path) in capsys.readouterr().out


def test_a_process_killed_between_moves_loses_nothing(tmp_path: Path) -> None:
    count = 120
    for number in range(count):
        write_result(tmp_path, teacher(number), OLD, str(number))
    kept = earlier_folder(tmp_path, "mine", OLD)
    context = multiprocessing.get_context("fork")
    for _ in range(3):
        process = context.Process(target=put_aside, args=(tmp_path, "mine", NEW))
        process.start()
        begun = len(list(kept.rglob("*.json")))
        while len(list(kept.rglob("*.json"))) < begun + 10 and process.is_alive():
            time.sleep(0.0005)
        process.kill()
        process.join()
        for number in range(count):
            for suffix in (".json", ".safetensors"):
                name = Path(teacher(number)).with_suffix(suffix)
                assert (tmp_path / name).is_file() != (kept / name).is_file()
    put_aside(tmp_path, "mine", NEW)
    for number in range(count):
        assert (kept / teacher(number)).is_file()
        assert (kept / teacher(number)).with_suffix(".safetensors").read_text() == str(number)


def test_a_file_on_another_file_system_is_copied(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm") / f"fd2-{tmp_path.name}"
    path, target = tmp_path / "one", elsewhere / "two"
    try:
        path.write_text("content")
        link(path, target)
        assert target.read_text() == path.read_text()
        target.unlink()
        move(path, target)
        assert target.read_text() == "content" and not path.exists()
        assert [entry.name for entry in elsewhere.iterdir()] == ["two"]
    finally:
        for left in elsewhere.glob("*"):
            left.unlink()
        elsewhere.rmdir()


def test_of_data_prepared_in_one_second_the_later_one_is_last(tmp_path: Path) -> None:
    files: dict[str, list[Any]] = {"train": [], "test": []}
    pixels = {PIXELS: {"train": "0", "test": "0"}}
    one, other = (Manifest("d", size, ("a",), files, (0.5,), (0.5,), pixels) for size in (32, 64))
    for manifest in (one, other, one):
        note_data(tmp_path, manifest, {"run": {"finished": "2026-01-01T00:00:00+00:00"}})
        # Longer than the steps of a file system's clock.
        time.sleep(0.02)
        assert earlier_data(tmp_path, "d")[-1].manifest.resolution == manifest.resolution
