"""The table of a sheet of cells: numbers of rows, grids, gaps, refusals, and golden files."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.tables.conftest import FACTS, RUN, TEMPLATES, check_golden, write_cell, write_teacher

from fd2.artifacts.earlier import earlier_folder, note_data
from fd2.artifacts.manifests import PIXELS, Manifest, write_manifest
from fd2.artifacts.records import read_content, write_record
from fd2.config.names import Cell, SetName
from fd2.config.sheets import read_sheet
from fd2.errors import FD2Error
from fd2.stages.tabulate import tabulate
from fd2.tables.render import Table, texts
from fd2.tables.students import student_table

RESULTS = Path("results")
PLAIN = "d,sre2lpp,plain,base,1,resnet18,53.4"
Sheet = Callable[..., Path]


def cell(fd2: str = "plain", ipc: int = 1, seed: int = 0, variant: str = "base") -> Cell:
    return Cell(SetName("d", "sre2lpp", fd2, variant), ipc, "resnet18", seed)


def build(sheet: Path, seeds: list[int], **facts: list[str]) -> Table:
    """A table whose rows have equal facts, but for those named."""
    lines = [
        line
        for line in sheet.read_text(encoding="utf-8").splitlines()[1:]
        if not line.startswith("#")
    ]
    known: list[dict[str, str]] = [
        {} if ",full," in line else {**FACTS, **{k: v[i] for k, v in facts.items()}}
        for i, line in enumerate(lines)
    ]
    return student_table(read_sheet(sheet), RESULTS, seeds, known)


def first(table: Table) -> dict[str, Any]:
    return {str(name): value for name, value in table.frame.iloc[0].items()}


def labels(table: Table, grid: int = 0) -> list[str]:
    return [line["label"] for line in table.grids[grid].lines]


def test_mean_and_deviation_are_of_the_last_epoch(sheet: Sheet) -> None:
    top1, balanced = [60.0, 61.0, 65.0], [40.0, 45.0, 41.0]
    for seed in range(3):
        write_cell(RESULTS, cell(seed=seed), top1[seed], balanced[seed])
    found = first(build(sheet(PLAIN), [0, 1, 2]))
    assert found["top1_mean"] == pytest.approx(62.0)
    assert found["top1_sd"] == pytest.approx(7.0**0.5)
    assert found["balanced_top1_sd"] == pytest.approx(statistics.stdev(balanced))
    assert (found["published"], found["difference"]) == pytest.approx((53.4, 8.6))
    # 4.303 is where 97.5 % of a t distribution of two degrees of freedom lie below.
    assert found["top1_half_width"] == pytest.approx(4.3027 * (7 / 3) ** 0.5, rel=1e-4)


def test_published_numbers_alone_stand_beside_ours(sheet: Sheet) -> None:
    """Of methods and students that do not exist; nothing is missing, and nothing compared."""
    write_cell(RESULTS, cell(), 50.0, 40.0)
    alone = ["d,Herding,plain,,1,resnet18,1.5", "d,DSA,plain,,1,convnet,3.6"]
    path = sheet(PLAIN, *alone, "d,random,plain,base,1,resnet18,")
    facts = [FACTS, {}, {}, FACTS]
    table = student_table(read_sheet(path), RESULTS, [0], facts)
    frame = table.frame.set_index("label")
    assert frame.loc[["Herding", "DSA"], ["asked", "n"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert list(frame.loc[["Herding", "DSA"], "published"]) == [1.5, 3.6]
    assert (frame.loc[["Herding", "DSA"], "missing"] == "").all()
    assert frame.loc[["Herding", "DSA"], "over_random_reference"].isna().all()
    assert len(table.missing) == 1 and "random" in table.missing[0]
    shown = texts(table, TEMPLATES)[".md"]
    assert "| Herding | – |\n| – published top-1 (ours minus it) | 1.5 |" in shown
    assert "## d, convnet\n" in shown and "Herding, DSA are not made here" in shown
    assert "convnet (" not in shown


def test_a_single_seed_has_no_deviation(sheet: Sheet) -> None:
    write_cell(RESULTS, cell(), 50.0, 40.0)
    table = build(sheet(PLAIN), [0])
    found = first(table)
    assert pd.isna(found["top1_sd"]) and pd.isna(found["top1_half_width"])
    assert "50.0 ± – / 40.0 ± – (n=1)" in texts(table, TEMPLATES)[".md"]


def test_fewer_seeds_than_asked_are_counted_and_named(sheet: Sheet) -> None:
    for seed in (0, 2):
        write_cell(RESULTS, cell(seed=seed), 50.0 + seed, 40.0)
    table = build(sheet(PLAIN), [0, 1, 2])
    found, absent = first(table), f"snakemake {RESULTS / cell(seed=1).path()}"
    assert (found["asked"], found["n"], found["missing"]) == (3, 2, absent)
    assert table.missing == [absent]
    text = texts(table, TEMPLATES)[".md"]
    assert "51.0 ± 1.4 / 40.0 ± 0.0 (n=2 of 3)" in text and absent in text


def test_nothing_there_leaves_the_published_number(sheet: Sheet) -> None:
    table = build(sheet(PLAIN), [0, 1])
    found = first(table)
    assert found["n"] == 0 and pd.isna(found["top1_mean"]) and pd.isna(found["difference"])
    grid = texts(table, TEMPLATES)[".md"].split("| --- | --- |\n")[1].splitlines()
    assert [line.split(" | ")[-1] for line in grid[:2]] == ["missing |", "53.4 |"]


def test_a_grid_a_dataset_with_full_data_first_and_rising_columns(sheet: Sheet) -> None:
    lines = [
        "b,sre2lpp,plain,base,5,resnet18,",
        "b,sre2lpp,plain,base,1,resnet18,",
        "b,rded,plain,base,3,resnet18,",
        "b,full,plain,base,,resnet18,",
        "a,rded,plain,base,2,resnet18,",
    ]
    table = build(sheet(*lines), [0])
    assert [grid.counts for grid in table.grids] == [[1, 3, 5], [2]]
    assert [grid.title["dataset"] for grid in table.grids] == ["b", "a"]
    assert labels(table) == ["Full data (teacher)", "SRe²L++", "RDED"]
    assert labels(table, 1) == ["RDED"]


def test_students_have_grids_of_their_own_and_a_shared_variant_stands_in_the_title(
    sheet: Sheet,
) -> None:
    lines = [
        "d,rded,plain,base,1,resnet18,",
        "d,rded,plain,small,1,resnet50,",
        "d,random,plain,small,1,resnet50,",
    ]
    table = build(sheet(*lines), [0])
    assert "variant" not in table.grids[0].title
    assert table.grids[1].title["variant"] == "small"
    assert labels(table, 1) == ["RDED", "Random real images"]


def test_students_that_start_differently_have_grids_of_their_own(sheet: Sheet) -> None:
    lines = [
        "d,full,plain,base,,resnet50,",
        "d,rded,plain,base,1,resnet50,",
        "d,rded,plain,warm,1,resnet50,33.4",
        "d,rded,plain,hard,1,resnet50,",
    ]
    starts = ["", "scratch", "imagenet", "scratch"]
    table = build(sheet(*lines), [0], initialisation=starts)
    assert [grid.title["initialisation"] for grid in table.grids] == ["scratch", "imagenet"]
    # The teacher stands in both.
    assert labels(table) == ["Full data (teacher)", "RDED", "RDED (hard)"]
    assert labels(table, 1) == ["Full data (teacher)", "RDED"]
    text = texts(table, TEMPLATES)[".tex"]
    assert text.count(r"\begin{table}") == text.count(r"\end{tabular}") == 2
    assert r"\label{tab:t_1}" in text and r"\label{tab:t_1-2}" in text


def test_a_teacher_of_another_network_is_named_and_stands_in_every_grid(sheet: Sheet) -> None:
    lines = [
        "d,full,plain,base,,resnet10t,",
        "d,full,plain,base,,resnet50,",
        "d,rded,plain,base,1,resnet18,",
        "d,rded,plain,base,1,resnet50,",
    ]
    table = build(sheet(*lines), [0])
    assert labels(table) == ["Full data (teacher), resnet10t", "RDED"]
    assert labels(table, 1) == [
        "Full data (teacher), resnet10t",
        "Full data (teacher), resnet50",
        "RDED",
    ]


def test_two_published_numbers_are_both_shown(sheet: Sheet) -> None:
    for seed, top1 in enumerate((63.0, 64.0, 65.0)):
        write_cell(RESULTS, cell(seed=seed), top1, 1.0)
    line = "d,sre2lpp,plain,base,1,resnet18,{}"
    table = build(sheet(line.format("65.1;67.2")), [0, 1, 2])
    found = first(table)
    assert (found["published"], found["published_elsewhere"]) == (65.1, 67.2)
    assert found["difference_elsewhere"] == pytest.approx(-3.2)
    text = texts(table, TEMPLATES)[".md"]
    assert "65.1 (−1.1 ± 2.5); elsewhere 67.2 (−3.2 ± 2.5)" in text
    for wrong in ("1;2;3", "1;", "x"):
        with pytest.raises(FD2Error, match=r"published number|not a number"):
            build(sheet(line.format(wrong)), [0])


def test_full_data_counts_by_the_backbone_head_as_it_is_used(sheet: Sheet) -> None:
    for training in ("plain", "cal"):
        write_teacher(RESULTS, "d", "resnet18", training)
    lines = ["d,full,plain,base,,resnet18,", "d,full,fd2,base,,resnet18,76.1"]
    table = build(sheet(*lines), [0, 1])
    assert table.grids[0].counts == [None]
    assert table.frame["top1_mean"].tolist() == [70.0, 70.0]
    assert table.frame["balanced_top1_mean"].tolist() == [60.0, 60.0]
    assert table.frame["asked"].tolist() == [1, 1]
    assert table.frame["difference"].tolist()[1] == pytest.approx(-6.1)


def test_results_of_different_data_are_refused(sheet: Sheet) -> None:
    write_cell(RESULTS, cell(seed=0), 50.0, 40.0, manifest="old")
    write_cell(RESULTS, cell(seed=1), 50.0, 40.0, manifest="new")
    with pytest.raises(FD2Error, match="different manifests"):
        build(sheet(PLAIN), [0, 1])


def test_a_teacher_of_other_data_is_refused(sheet: Sheet) -> None:
    write_cell(RESULTS, cell(seed=0), 50.0, 40.0)
    write_teacher(RESULTS, "d", "resnet18", "plain", manifest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        build(sheet(PLAIN, "d,full,plain,base,,resnet18,"), [0])


def test_a_file_of_another_cell_is_refused(sheet: Sheet) -> None:
    path = write_cell(RESULTS, cell(seed=1), 50.0, 40.0)
    path.rename(path.with_name("seed0.json"))
    with pytest.raises(FD2Error) as caught:
        build(sheet(PLAIN), [0])
    assert caught.value.where.endswith("seed0.json")
    # Also where its name inside was changed with it.
    content = read_content(write_cell(RESULTS, cell(seed=1), 50.0, 40.0))
    write_record(RESULTS / cell(seed=0).path(), content)
    with pytest.raises(FD2Error, match="holds the numbers of cell"):
        build(sheet(PLAIN), [0])


def test_damaged_files_are_refused(sheet: Sheet) -> None:
    path = write_cell(RESULTS, cell(), 50.0, 40.0)
    content = read_content(path)
    text = path.read_text()
    path.write_text(text.replace("50.0", "90.0"))
    with pytest.raises(FD2Error, match="damaged file"):
        build(sheet(PLAIN), [0])
    del content["result"]["last"]["balanced_top1"]
    write_record(path, content)
    with pytest.raises(FD2Error, match="damaged file: KeyError 'balanced_top1'"):
        build(sheet(PLAIN), [0])
    path.write_text(json.dumps(content)[:-5])
    with pytest.raises(FD2Error, match="damaged file"):
        build(sheet(PLAIN), [0])


def test_faulty_sheets(sheet: Sheet) -> None:
    with pytest.raises(FD2Error, match="a row stands twice"):
        build(sheet(PLAIN, PLAIN), [0])
    with pytest.raises(FD2Error, match="did you mean 'sre2lpp'"):
        build(sheet("d,sre2lp,plain,base,1,resnet18,"), [0])
    with pytest.raises(FD2Error, match="no rows"):
        build(sheet(), [0])
    path = sheet("d,sre2lpp,plain,base,1,resnet18,x,")
    path.write_text("# A note.\n# Another.\n" + path.read_text())
    with pytest.raises(FD2Error, match="not a number") as refused:
        build(path, [0])
    assert refused.value.where.endswith("line 4, column published"), "notes count as lines"


GRID = (
    "my_set,sre2lpp,plain,base,1,resnet18,53.4",
    "my_set,sre2lpp,plain,base,3,resnet18,",
    "my_set,sre2lpp,fd2,base,1,resnet18,",
    "my_set,sre2lpp,fd2,base,3,resnet18,61.0",
    "my_set,sre2lpp,fd2,low,1,resnet18,,ρ = 0.1|2",
    "my_set,random,fd2,base,1,resnet18,",
    "my_set,full,plain,base,,resnet18,",
    "my_set,random,fd2,set-1,1,resnet18,,set 1",
)
GRID_FACTS: list[dict[str, str]] = [
    {**FACTS, "labels": "plain", "images": "plain"},
    {**FACTS, "labels": "plain", "images": "plain"},
    FACTS,
    FACTS,
    {**FACTS, "images": "low", "images_of_any_teacher": "low"},
    {**FACTS, "images": "random"},
    {},
    {**FACTS, "images": "random", "image_seeds": "[1]"},
]


@pytest.fixture
def grid(sheet: Sheet) -> Path:
    """A grid with gaps."""

    def write(method: str, fd2: str, variant: str, ipc: int, *values: float) -> None:
        for seed, top1 in enumerate(values):
            named = Cell(SetName("my_set", method, fd2, variant), ipc, "resnet18", seed)
            moved = None if method == "random" else 3.25
            write_cell(RESULTS, named, top1, 30.0 + seed, moved=moved)

    write("sre2lpp", "plain", "base", 1, 50.0, 52.0)
    write("sre2lpp", "fd2", "base", 1, 54.0, 56.0)
    write("sre2lpp", "fd2", "base", 3, 60.0)
    write("sre2lpp", "fd2", "low", 1, 53.0, 53.5)
    write("random", "fd2", "base", 1, 45.0, 45.2)
    write("random", "fd2", "set-1", 1, 46.0, 47.0)
    write_teacher(RESULTS, "my_set", "resnet18", "plain")
    path = sheet(*GRID)
    path.write_text("# What is tried.\n" + path.read_text())
    return path


def test_golden_files(grid: Path) -> None:
    tabulate(grid, RESULTS, [0, 1], GRID_FACTS, TEMPLATES, Path("students"))
    check_golden(Path(), "students")


def test_equal_results_give_equal_files(grid: Path) -> None:
    for name in ("a", "b"):
        tabulate(grid, RESULTS, [0, 1], GRID_FACTS, TEMPLATES, Path(name) / "t_1.v")
    for kind in ("csv", "md", "tex"):
        assert Path(f"a/t_1.v.{kind}").read_bytes() == Path(f"b/t_1.v.{kind}").read_bytes()


def caption(table: Table) -> str:
    return texts(table, TEMPLATES)[".md"].split("\n\n")[1]


def test_the_caption_tells_mixed_presets_machines_and_sources(grid: Path) -> None:
    one, two = (
        Cell(SetName("my_set", "sre2lpp", "plain", "base"), 3, "resnet18", s) for s in (0, 1)
    )
    write_cell(RESULTS, one, 50.0, 40.0, preset="release")
    run = {**RUN, "commit": "f" * 40, "dirty": True, "device_name": "NVIDIA H200"}
    settings = {"initialisation": "imagenet"}
    write_cell(RESULTS, two, 50.0, 40.0, run=run, settings=settings)
    text = caption(student_table(read_sheet(grid), RESULTS, [0, 1], GRID_FACTS))
    for told in (
        "release: SRe²L++ IPC 3.",
        "resnet18 (imagenet, scratch)",
        "NVIDIA H200, Test CPU",
        "0123456789, ffffffffff with uncommitted changes",
        "Missing: 1 of 15 results.",
    ):
        assert told in text


def test_the_caption_tells_what_accuracies_are_of(grid: Path) -> None:
    held_out = "my_set: tested on held-out training images"
    assert held_out not in caption(student_table(read_sheet(grid), RESULTS, [0, 1], GRID_FACTS))
    one = Cell(SetName("my_set", "sre2lpp", "plain", "base"), 3, "resnet18", 0)
    write_cell(RESULTS, one, 50.0, 40.0, tested_on="held-out training images")
    write_teacher(RESULTS, "my_set", "resnet18", "plain", selected="best_on_test")
    table = student_table(read_sheet(grid), RESULTS, [0, 1], GRID_FACTS)
    assert held_out in caption(table) and "chosen on test images" in caption(table)
    assert table.frame["tested_on"].tolist()[:2] == ["test images", "held-out training images"]


def test_the_caption_tells_that_data_are_grey(sheet: Sheet) -> None:
    for channels, told in ((1, "Data: d (32 pixels, grey)."), (3, "Data: d (32 pixels).")):
        write_cell(RESULTS, cell(), 50.0, 40.0, channels=channels)
        assert told in caption(build(sheet(PLAIN), [0]))


def test_the_caption_tells_what_students_were_trained_on(sheet: Sheet) -> None:
    words = ("8-bit pictures", "Labels of the students", "Learning rate of the students")
    for settings, told in (
        ({}, ()),
        ({"pictures": True}, words[:1]),
        ({"labels": "learned"}, words[1:2]),
        ({"labels": "learned", "learning_rate": "learned"}, words[1:]),
    ):
        write_cell(RESULTS, cell(), 50.0, 40.0, settings=settings)
        text = caption(build(sheet(PLAIN), [0]))
        assert [word for word in words if word in text] == list(told)


def test_a_caption_without_results_says_so(sheet: Sheet) -> None:
    text = caption(build(sheet("d,rded,plain,base,1,resnet50,"), [0]))
    assert "no result yet" in text and "Missing: 1 of 1 results." in text


def write_data(paths: list[str], finished: str, present: bool) -> Manifest:
    """Prepared data of these pictures, as it was noted when it was prepared."""
    files = {
        "train": [{"path": path, "class": 0, "sha256": path} for path in paths],
        "test": [{"path": "t", "class": 0, "sha256": "t"}],
    }
    pixels = {PIXELS: {"train": "0", "test": "0"}}
    manifest = Manifest("d", 32, ("a",), files, (0.5,), (0.5,), pixels)
    run = {**RUN, "finished": finished}
    content = {"stage": "prepare", "settings": {}, "manifest": manifest.digest(), "inputs": {}}
    note_data(RESULTS, manifest, {**content, "run": run})
    if present:
        write_manifest(RESULTS / "data/d/manifest.json", manifest)
    return manifest


def test_rows_of_earlier_data_stand_beside_the_present_ones(sheet: Sheet) -> None:
    dates = [f"2026-01-0{day}T00:00:00+00:00" for day in (1, 2, 3)]
    first_of, before, now = (
        write_data(paths, date, paths == ["a", "b", "c"])
        for paths, date in zip((["a"], ["a", "b"], ["a", "b", "c"]), dates, strict=True)
    )
    folders = {m.digest(): earlier_folder(RESULTS, "d", m.digest()) for m in (first_of, before)}
    write_cell(folders[first_of.digest()], cell(), 20.0, 10.0, manifest=first_of.digest())
    for seed, top1 in enumerate((41.0, 44.0)):
        old = before.digest()
        write_cell(folders[old], cell(seed=seed), top1, 30.0, manifest=old)
        settings = {"epochs": 9} if seed else {}
        write_cell(RESULTS, cell(seed=seed), 60.0, 50.0, manifest=now.digest(), settings=settings)
    path = sheet(PLAIN, "d,random,plain,base,1,resnet18,")
    facts = [FACTS, FACTS]
    for choice, digest, mean, count in (
        ("last", before.digest(), 42.5, 2),
        (first_of.digest()[:8], first_of.digest(), 20.0, 1),
    ):
        table = student_table(read_sheet(path), RESULTS, [0, 1], facts, choice)
        row = first(table)
        assert (row["earlier_data"], row["earlier_n"]) == (digest[:8], count)
        assert (row["earlier_top1_mean"], row["top1_mean"]) == (mean, 60.0)
        assert row["earlier_training_images"] == count
        shown = texts(table, TEMPLATES)[".md"]
        assert f"Earlier data of d: {digest[:8]}, prepared 2026-01-0{count}" in shown
        assert "(now 3 and 1; the test images are the same)" in shown
    # One of the students now has other settings than the one of then.
    table = student_table(read_sheet(path), RESULTS, [0, 1], facts, "last")
    assert first(table)["earlier_settings"] == "same"
    write_cell(RESULTS, cell(), 60.0, 50.0, manifest=now.digest(), settings={"epochs": 9})
    table = student_table(read_sheet(path), RESULTS, [0, 1], facts, "last")
    assert "42.5 ± 2.1 / 30.0 ± 0.0 (n=2; other settings)" in texts(table, TEMPLATES)[".md"]
    for choice in ("none", "0" * 8):
        table = student_table(read_sheet(path), RESULTS, [0, 1], facts, choice)
        assert first(table)["earlier_data"] == "" and "arlier" not in texts(table, TEMPLATES)[".md"]
