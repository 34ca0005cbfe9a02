"""Tables of costs: known times give known cells, and what is missing says how to make it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fd2.artifacts.records import read_content, write_record
from fd2.errors import FD2Error
from fd2.reporting.group_times import group_time_table
from fd2.reporting.iterations import iteration_table
from fd2.stages.tabulate import tabulate

RUN = {"commit": "0123456789abcdef", "dirty": False, "device_name": "Test GPU"}
ITERATIONS = """\
# A note.
dataset,method,fd2,variant,published_ms,published_gb
d,DSA,plain,,3900,68.4
d,sre2lpp,plain,base,64.6,4.8
d,sre2lpp,fd2,base,96.8,5.3
"""
GROUPS = """\
dataset,method,fd2,variant,ipc,published_seconds,label
d,sre2lpp,fd2,two,5,100.0,N_s = 2
d,sre2lpp,fd2,five,5,125.0,N_s = 5
"""
GRID = """\
| method | first of a group (ms) | last of a group (ms) | published (ms) | classes | pixels | peak memory (GiB) | published (GB) | device |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| DSA | – | – | 3900 | – | – | – | 68.4 | – |
| SRe²L++ | missing | – | 64.6 | – | – | missing | 4.8 | – |
| SRe²L++ + FD² | 10.0 (9.0 to 12.0) | 20.0 (18.0 to 24.0) | 96.8 | 100 | 224 | 2.00 | 5.3 | Test GPU |
"""  # noqa: E501


def sheet(text: str) -> Path:
    path = Path("costs.csv")
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_measurement(fd2: str, factor: float, kind: str = "gpu", device: str = "Test GPU") -> Path:
    def slot(scale: float, earlier: int, peak: float) -> dict[str, Any]:
        times = {"lower_quartile": 9 * scale, "median": 10 * scale, "upper_quartile": 12 * scale}
        memory = {"resident": 512.0, kind: peak}
        return {"earlier_slots": earlier, "milliseconds": times, "peak_memory_mb": memory}

    names = {"dataset": "d", "method": "sre2lpp", "fd2": fd2, "variant": "base"}
    slots = {"first": slot(factor, 0, 1024.0), "last": slot(2 * factor, 3, 2048.0)}
    content = {
        "measured": names,
        "classes": 100,
        "resolution": 224,
        "slots": slots,
        "settings": {"distill": {"protocol": "paper"}},
        "run": {**RUN, "device_name": device},
    }
    path = Path(f"results/measured/d/sre2lpp/{fd2}/base.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(path, content)
    return path


def write_group(variant: str, number: int, seconds: Sequence[float]) -> Path:
    path = Path(f"results/distilled/d/sre2lpp/fd2/{variant}/group{number}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    run = {**RUN, "slot_seconds": list(seconds)}
    content = {"settings": {"protocol": "paper"}, "run": run}
    write_record(path, content)
    return path


def test_iterations_beside_the_published() -> None:
    write_measurement("fd2", 1.0)
    tabulate(sheet(ITERATIONS), Path("results"), [0], Path("tables/costs"))
    text = Path("tables/costs.md").read_text()
    assert GRID in text
    for sentence in (
        *("A note.", "Hardware: Test GPU.", "Preset: paper.", "Missing: 1 of 2 results."),
        "peak of allocated GPU memory",
        "snakemake results/measured/d/sre2lpp/plain/base.json",
    ):
        assert sentence in text
    assert "resident" not in text and "different hardware" not in text
    tex = Path("tables/costs.tex").read_text()
    assert tex.isascii() and r"SRe\textsuperscript{2}L++" in tex
    frame = pd.read_csv("tables/costs.csv")
    assert frame["last_median_ms"].tolist()[2] == 20.0
    assert frame["peak_memory_gib"].tolist()[2] == 2.0
    assert frame["published_ms"].tolist() == [3900.0, 64.6, 96.8]


def test_times_of_several_machines_are_marked() -> None:
    write_measurement("fd2", 1.0)
    write_measurement("plain", 1.0, "resident", "Test CPU")
    text = iteration_table(sheet(ITERATIONS), Path("results"))[1].markdown()
    assert "Rows are of different hardware: their times cannot be compared." in text
    assert "| 2.00 | 4.8 | Test CPU |" in text, "the resident peak where there is no GPU"


def test_a_misplaced_or_damaged_measurement_is_refused() -> None:
    path = write_measurement("fd2", 1.0)
    content = read_content(path)
    measured = content["measured"]
    write_record(path, {**content, "measured": {**measured, "variant": "other"}})
    with pytest.raises(FD2Error, match=r"holds .*other"):
        iteration_table(sheet(ITERATIONS), Path("results"))
    write_record(path, {key: value for key, value in content.items() if key != "classes"})
    with pytest.raises(FD2Error, match="damaged file: KeyError 'classes'"):
        iteration_table(sheet(ITERATIONS), Path("results"))


def test_time_of_full_groups_per_image_and_of_all() -> None:
    """Groups of 2, 2 and 1: the last one is not full and has no earlier image to keep away from."""
    for number, seconds in enumerate(([10.0, 12.0], [11.0, 15.0], [2.0])):
        write_group("two", number, seconds)
    write_group("five", 0, [10.0, 12.0, 14.0, 16.0, 18.0])
    frame, grid = group_time_table(sheet(GROUPS), Path("results"))
    assert frame["seconds_per_slot"].tolist() == [12.0, 14.0]
    assert frame["total_seconds"].tolist() == [50.0, 70.0]
    assert grid.lines == (
        ("SRe²L++ + FD² (N_s = 2)", "12.0", "1.000", "100.0", "1.000", "50.0", "3"),
        ("SRe²L++ + FD² (N_s = 5)", "14.0", "1.167", "125.0", "1.250", "70.0", "1"),
    )
    assert grid.missing == () and "Hardware: Test GPU." in grid.sentences


def test_a_row_without_all_of_its_groups_is_missing() -> None:
    write_group("two", 0, [10.0, 12.0])
    write_group("five", 0, [1.0] * 5)
    _, grid = group_time_table(sheet(GROUPS), Path("results"))
    assert grid.lines[0][1:] == ("missing", "–", "100.0", "1.000", "missing", "–")
    assert grid.missing == (Path("results/distilled/d/sre2lpp/fd2/two/ipc5.safetensors"),)
    assert grid.lines[1][2] == "–", "the first row is what others are compared with"


@pytest.mark.parametrize("times", [{"slot_seconds": []}, {}])
def test_a_record_without_times_is_damaged(times: dict[str, Any]) -> None:
    path = write_group("two", 0, [])
    write_record(path, {"settings": {"protocol": "paper"}, "run": {**RUN, **times}})
    with pytest.raises(FD2Error, match="damaged file"):
        group_time_table(sheet(GROUPS), Path("results"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ITERATIONS.replace("64.6", "a"), "not a number"),
        (ITERATIONS.replace("64.6", "1;2"), "2 published numbers"),
        (ITERATIONS.replace("fd2,base", "FD2,base"), "fd2 is 'FD2'"),
        (GROUPS.replace("two,5", "two,0"), "ipc '0'"),
        (ITERATIONS.split("d,DSA")[0], "no rows"),
        (GROUPS.split("d,sre")[0], "no rows"),
    ],
)
def test_faulty_sheets(text: str, message: str) -> None:
    with pytest.raises(FD2Error, match=message):
        tabulate(sheet(text), Path("results"), [0], Path("t"))
