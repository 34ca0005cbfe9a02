"""A record file as what it says: identity, run, settings; and what is no record of a stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.records import read_record, read_records, write_record
from fd2.errors import FD2Error

CELL = {"dataset": "d", "seed": 0}
RUN: dict[str, Any] = {
    "commit": "0123456789abcdef",
    "dirty": False,
    "versions": {"torch": "2"},
    "host": "Linux",
    "device": "cuda:0",
    "device_name": "Test GPU",
    "threads": 2,
    "started": "2026-01-01T00:00:00+00:00",
    "finished": "2026-01-01T00:01:00+00:00",
    "seconds": 60,
    "peak_memory_mb": {"resident": 100, "gpu": 50.5},
}
CONTENT: dict[str, Any] = {
    "cell": CELL,
    "preset": "paper",
    "resolution": 32,
    "result": {"last": {"top1": 50.0}},
    "format": 2,
    "stage": "evaluate",
    "settings": {"epochs": 3},
    "manifest": "m",
    "inputs": {"distilled": "ab"},
    "run": RUN,
}


def test_a_result_says_what_it_is_of_and_who_made_it(tmp_path: Path) -> None:
    write_record(tmp_path / "seed0.json", CONTENT)
    record = read_record(tmp_path / "seed0.json")
    assert (record.stage, record.kind, record.identity) == ("evaluate", "cell", CELL)
    assert (record.preset, record.resolution, record.tested_on) == ("paper", 32, "test images")
    assert (record.manifest, record.inputs) == ("m", {"distilled": "ab"})
    assert (record.run.device_name, record.run.seconds) == ("Test GPU", 60.0)
    assert record.run.peak_memory_mb == {"resident": 100.0, "gpu": 50.5}
    assert record.run.source() == "0123456789"
    record.require("cell", CELL)
    for kind, identity in (("cell", {**CELL, "seed": 1}), ("teacher", CELL)):
        with pytest.raises(FD2Error, match="holds the numbers of cell"):
            record.require(kind, identity)


@pytest.mark.parametrize(
    ("settings", "preset"),
    [
        ({"preset": "release"}, "release"),
        ({}, None),
    ],
)
def test_other_records_have_their_preset_in_the_settings(
    tmp_path: Path, settings: dict[str, Any], preset: str | None
) -> None:
    content = {k: v for k, v in CONTENT.items() if k not in ("cell", "preset", "result")}
    run = {**RUN, "commit": None, "dirty": None, "slot_seconds": [1, 2.5]}
    write_record(tmp_path / "group0.json", {**content, "settings": settings, "run": run})
    record = read_record(tmp_path / "group0.json")
    assert (record.kind, record.identity, record.preset) == ("", {}, preset)
    assert (record.run.source(), record.run.slot_seconds) == ("unknown", (1.0, 2.5))


@pytest.mark.parametrize(
    "change",
    [
        {"stage": None, "settings": None},
        {"run": {**RUN, "peak_memory_mb": {}}},
        {"run": {**RUN, "threads": [], "seconds": None}},
        {"run": {k: v for k, v in RUN.items() if k != "device_name"}},
        {"run": {**RUN, "slot_seconds": 3}},
        {"resolution": "small"},
        {"cell": 3},
    ],
)
def test_a_record_without_its_parts_is_damaged(tmp_path: Path, change: dict[str, Any]) -> None:
    write_record(tmp_path / "seed0.json", {**CONTENT, **change})
    with pytest.raises(FD2Error, match="damaged file") as caught:
        read_record(tmp_path / "seed0.json")
    assert caught.value.where == str(tmp_path / "seed0.json")


def test_records_of_a_folder_by_path(tmp_path: Path) -> None:
    record, teacher = "data/elpv/record.json", "teachers/elpv/resnet18/plain.json"
    for name in (teacher, record, "mine.json", f"copy/{teacher}", ".state/unfinished.json"):
        write_record(tmp_path / name, CONTENT)
    (tmp_path / "data/elpv/manifest.json").write_text('{"classes": []}')
    names = [found.path.relative_to(tmp_path).as_posix() for found in read_records(tmp_path)]
    assert names == [record, teacher]
    path = tmp_path / teacher
    path.write_text(path.read_text().replace("50.0", "51.0"))
    with pytest.raises(FD2Error, match="digest"):
        list(read_records(tmp_path))
