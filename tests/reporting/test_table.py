"""Reading a sheet and its results: aggregation, order, and what is refused."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.records import read_content, write_record
from fd2.config.cells import Cell
from fd2.errors import FD2Error
from fd2.reporting.differences import differences, variant_differences
from fd2.reporting.latex import latex
from fd2.reporting.markdown import markdown
from fd2.reporting.table import Table, build_table
from fd2.reporting.tidy import tidy
from fd2.reporting.wording import published, scores, signed

PLAIN = "d,sre2lpp,plain,base,1,resnet18,53.4"
WITH = "d,sre2lpp,fd2,base,1,resnet18,"


def cell(fd2: str = "plain", ipc: int = 1, seed: int = 0, variant: str = "base") -> Cell:
    return Cell("d", "sre2lpp", fd2, variant, ipc, "resnet18", seed)


def test_mean_and_sample_std_are_of_the_last_epoch(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> None:
    top1, balanced = [60.0, 61.0, 65.0], [40.0, 45.0, 41.0]
    for seed in range(3):
        write_cell(tmp_path, cell(seed=seed), top1[seed], balanced[seed])
    (entry,) = build_table(sheet(PLAIN), tmp_path, [0, 1, 2]).entries
    assert entry.mean("top1") == pytest.approx(62.0)
    assert entry.std("top1") == pytest.approx(7.0**0.5)
    assert entry.std("balanced_top1") == pytest.approx(statistics.stdev(balanced))
    assert scores(entry) == "62.0 ± 2.6 / 42.0 ± 2.6"
    assert published(entry) == "53.4 (+8.6) ✗"


def test_a_single_seed_has_no_spread(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> None:
    write_cell(tmp_path, cell(), 50.0, 40.0)
    (entry,) = build_table(sheet(PLAIN), tmp_path, [0]).entries
    assert entry.std("top1") is None
    assert scores(entry) == "50.0 ± – / 40.0 ± –"


def test_fewer_seeds_than_asked_are_counted_and_named(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> None:
    for seed in (0, 2):
        write_cell(tmp_path, cell(seed=seed), 50.0 + seed, 40.0)
    table = build_table(sheet(PLAIN), tmp_path, [0, 1, 2])
    assert scores(table.entries[0]) == "51.0 ± 1.4 / 40.0 ± 0.0 (n=2 of 3)"
    assert table.missing == [tmp_path / cell(seed=1).path()]
    frame = tidy(table)
    assert frame.loc[0, ["seeds", "n"]].tolist() == [3, 2]
    assert frame.loc[0, "missing"] == f"snakemake {tmp_path / cell(seed=1).path()}"


def test_nothing_there_gives_missing_and_still_the_published_number(
    sheet: Callable[..., Path], tmp_path: Path
) -> None:
    table = build_table(sheet(PLAIN), tmp_path, [0, 1])
    assert scores(table.entries[0]) == "missing"
    assert published(table.entries[0]) == "53.4"
    assert tidy(table).loc[0, ["n", "top1_mean", "difference"]].isna().tolist() == [
        False,
        True,
        True,
    ]


def test_a_block_a_dataset_with_full_data_first_and_rising_columns(
    sheet: Callable[..., Path], tmp_path: Path
) -> None:
    lines = [
        "b,sre2lpp,plain,base,5,resnet18,",
        "b,sre2lpp,plain,base,1,resnet18,",
        "b,rded,plain,base,3,resnet18,",
        "b,full,plain,base,,resnet18,",
        "a,rded,plain,base,2,resnet18,",
    ]
    first, second = build_table(sheet(*lines), tmp_path, [0]).blocks
    assert (first.counts, second.counts) == ([1, 3, 5], [2])
    assert (first.title, second.title) == ("b, resnet18", "a, resnet18")
    labels = [first.label(line) for line in first.lines]
    assert labels == ["Full data (teacher)", "SRe²L++", "RDED"]
    assert [second.label(line) for line in second.lines] == ["RDED"]


def test_students_have_blocks_of_their_own_and_a_shared_variant_stands_in_the_title(
    sheet: Callable[..., Path], tmp_path: Path
) -> None:
    lines = [
        "d,rded,plain,base,1,resnet18,",
        "d,rded,plain,small,1,resnet50,",
        "d,random,plain,small,1,resnet50,",
    ]
    first, second = build_table(sheet(*lines), tmp_path, [0]).blocks
    assert first.title == "d, resnet18"
    assert second.title == "d, resnet50, variant small"
    assert [second.label(line) for line in second.lines] == ["RDED", "Random real images"]


def test_students_that_start_differently_have_blocks_of_their_own(
    sheet: Callable[..., Path], tmp_path: Path
) -> None:
    lines = [
        "d,full,plain,base,,resnet50,",
        "d,rded,plain,base,1,resnet50,",
        "d,rded,plain,warm,1,resnet50,33.4",
        "d,rded,plain,hard,1,resnet50,",
    ]
    path = sheet(*lines)
    starts = [None, "scratch", "imagenet", "scratch"]
    scratch, imagenet = build_table(path, tmp_path, [0], starts).blocks
    assert scratch.title == "d, resnet50 from scratch"
    assert imagenet.title == "d, resnet50 from ImageNet weights, variant warm"
    for block in (scratch, imagenet):
        assert block.lines[0][0] == "full", "the teacher stands in both"
    labels = [scratch.label(line) for line in scratch.lines]
    assert labels == ["Full data (teacher)", "RDED", "RDED (hard)"]
    alone = build_table(path, tmp_path, [0])
    assert len(alone.blocks) == 1, "starts that are not known separate nothing"
    with pytest.raises(ValueError, match="zip"):
        build_table(path, tmp_path, [0], starts[:2])


def test_a_teacher_of_another_network_is_named_and_stands_in_every_block(
    sheet: Callable[..., Path], tmp_path: Path
) -> None:
    lines = [
        "d,full,plain,base,,resnet10t,",
        "d,full,plain,base,,resnet50,",
        "d,rded,plain,base,1,resnet18,",
        "d,rded,plain,base,1,resnet50,",
    ]
    first, second = build_table(sheet(*lines), tmp_path, [0]).blocks
    assert [first.label(line) for line in first.lines] == ["Full data (teacher), resnet10t", "RDED"]
    assert [second.label(line) for line in second.lines] == [
        "Full data (teacher), resnet10t",
        "Full data (teacher), resnet50",
        "RDED",
    ]


@pytest.mark.parametrize(
    ("values", "number", "verdict", "text"),
    [
        # mean 52, standard deviation 2: within 4 points
        ((50, 52, 54), "56.0", "agrees", "56.0 (−4.0) ✓"),
        ((50, 52, 54), "48.0", "agrees", "48.0 (+4.0) ✓"),
        ((50, 52, 54), "47.9", "differs", "47.9 (+4.1) ✗"),
        ((52, 52), "52.1", "differs", "52.1 (−0.1) ✗"),
        ((52,), "52.0", "unknown", "52.0 (+0.0)"),
        ((), "52.0", "", "52.0"),
        ((50, 52, 54), "", "", ""),
    ],
)
def test_agreement_is_two_standard_deviations_over_seeds(
    sheet: Callable[..., Path],
    tmp_path: Path,
    write_cell: Callable[..., Path],
    values: tuple[float, ...],
    number: str,
    verdict: str,
    text: str,
) -> None:
    for seed, top1 in enumerate(values):
        write_cell(tmp_path, cell(seed=seed), top1, 1.0)
    table = build_table(sheet(f"d,sre2lpp,plain,base,1,resnet18,{number}"), tmp_path, [0, 1, 2])
    assert table.entries[0].agreement() == verdict
    assert published(table.entries[0]) == text
    assert tidy(table).loc[0, "agreement"] == verdict


def test_two_published_numbers_are_both_shown(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> None:
    for seed, top1 in enumerate((63.0, 64.0, 65.0)):
        write_cell(tmp_path, cell(seed=seed), top1, 1.0)
    line = "d,sre2lpp,plain,base,1,resnet18,{}"
    table = build_table(sheet(line.format("65.1;67.2")), tmp_path, [0, 1, 2])
    assert published(table.entries[0]) == "65.1 (−1.1) ✓; elsewhere 67.2 (−3.2) ✗"
    frame = tidy(table)
    columns = ["published", "agreement", "published_elsewhere", "agreement_elsewhere"]
    assert [frame[name].tolist()[0] for name in columns] == [65.1, "agrees", 67.2, "differs"]
    assert frame.loc[0, "difference_elsewhere"] == pytest.approx(-3.2)
    for wrong in ("1;2;3", "1;", "x"):
        with pytest.raises(FD2Error, match=r"published number|not a number"):
            build_table(sheet(line.format(wrong)), tmp_path, [0])


def test_full_data_counts_by_the_backbone_head_as_it_is_used(
    sheet: Callable[..., Path], tmp_path: Path, write_teacher: Callable[..., Path]
) -> None:
    for training in ("plain", "cal"):
        write_teacher(tmp_path, "d", "resnet18", training)
    lines = ["d,full,plain,base,,resnet18,", "d,full,fd2,base,,resnet18,76.1"]
    plain, cal = build_table(sheet(*lines), tmp_path, [0, 1]).entries
    assert (plain.mean("top1"), plain.mean("balanced_top1")) == (70.0, 60.0)
    assert (cal.mean("top1"), cal.mean("balanced_top1")) == (70.0, 60.0)
    assert plain.asked == 1
    assert cal.difference() == pytest.approx(-6.1)
    assert cal.agreement() == "differs", "a teacher is trained once: one point decides"


@pytest.mark.parametrize(
    ("plain", "fd2", "value", "std", "verdict"),
    [
        # pooled: variances 4 and 16 with two degrees of freedom each
        ((48, 50, 52), (49, 53, 57), 3.0, 10**0.5, "within the spread over seeds"),
        ((48, 50, 52), (50, 54, 58), 4.0, 10**0.5, "exceeds the spread over seeds"),
        # variances 4 with two degrees of freedom and 2 with one
        ((48, 50, 52), (44, 46), -5.0, (10 / 3) ** 0.5, "exceeds the spread over seeds"),
        ((50,), (53,), 3.0, None, "one seed each: the spread is unknown"),
        ((50,), (), None, None, "missing"),
    ],
)
def test_differences(
    sheet: Callable[..., Path],
    tmp_path: Path,
    plain: tuple[float, ...],
    fd2: tuple[float, ...],
    value: float | None,
    std: float | None,
    verdict: str,
    write_cell: Callable[..., Path],
) -> None:
    for name, values in (("plain", plain), ("fd2", fd2)):
        for seed, top1 in enumerate(values):
            write_cell(tmp_path, cell(name, seed=seed), top1, 1.0)
    (pair,) = differences(build_table(sheet(PLAIN, WITH), tmp_path, [0, 1, 2]))
    assert pair.value("top1") == (value if value is None else pytest.approx(value))
    assert pair.pooled_std("top1") == (std if std is None else pytest.approx(std))
    assert pair.verdict("top1") == verdict


def test_a_variant_of_fd2_alone_is_compared_with_base(
    sheet: Callable[..., Path], tmp_path: Path
) -> None:
    lines = [
        PLAIN,
        "d,sre2lpp,plain,small,1,resnet18,",
        "d,sre2lpp,fd2,small,1,resnet18,",
        "d,sre2lpp,fd2,alpha,1,resnet18,",
        "d,rded,fd2,base,1,resnet18,",
    ]
    pairs = differences(build_table(sheet(*lines), tmp_path, [0]))
    assert [(p.entry.row.variant, p.reference.row.variant) for p in pairs] == [
        ("small", "small"),
        ("alpha", "base"),
    ]


def test_a_variant_of_all_methods_is_not_compared_with_base(
    trained_rows: Callable[..., Table],
) -> None:
    def row(names: str, training: str, images: str) -> tuple[str, Any, Any, tuple[float, ...]]:
        return f"sre2lpp,{names}", {"without_fd2": training}, {"without_fd2": images}, ()

    table = trained_rows(
        [
            row("plain,base", "t", "a"),
            row("plain,crops", "t", "b"),
            row("fd2,base", "t", "a"),
            row("fd2,constraint", "t", "a"),
            row("fd2,rate", "t", "c"),
            row("fd2,epochs", "u", "a"),
            row("fd2,crops", "t", "b"),
        ]
    )
    pairs = differences(table)
    assert [(p.entry.row.variant, p.reference.row.variant) for p in pairs] == [
        ("base", "base"),
        ("constraint", "base"),
        ("crops", "crops"),
    ]


def test_signed_never_shows_minus_zero() -> None:
    assert [signed(v) for v in (-0.04, 0.0, 1.25, -3.0, None)] == [
        "+0.0",
        "+0.0",
        "+1.2",
        "−3.0",
        "–",
    ]


def test_results_of_different_data_are_refused(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> None:
    write_cell(tmp_path, cell(seed=0), 50.0, 40.0, manifest="old")
    write_cell(tmp_path, cell(seed=1), 50.0, 40.0, manifest="new")
    with pytest.raises(FD2Error, match="different manifests"):
        build_table(sheet(PLAIN), tmp_path, [0, 1])


def test_a_file_of_another_cell_is_refused(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> None:
    path = write_cell(tmp_path, cell(seed=1), 50.0, 40.0)
    write_record(path.with_name("seed0.json"), read_content(path))
    with pytest.raises(FD2Error, match="holds the numbers of") as caught:
        build_table(sheet(PLAIN), tmp_path, [0])
    assert "seed0.json" in caught.value.where


def test_a_file_without_the_numbers_is_damaged(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> None:
    path = write_cell(tmp_path, cell(), 50.0, 40.0)
    content = read_content(path)
    del content["result"]["last"]["balanced_top1"]
    write_record(path, content)
    with pytest.raises(FD2Error, match="damaged file: KeyError 'balanced_top1'"):
        build_table(sheet(PLAIN), tmp_path, [0])


def test_faulty_sheets(sheet: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="row given twice: d,sre2lpp,plain,base,1,resnet18"):
        build_table(sheet(PLAIN, PLAIN), tmp_path, [0])
    with pytest.raises(FD2Error, match="did you mean 'sre2lpp'"):
        build_table(sheet("d,sre2lp,plain,base,1,resnet18,"), tmp_path, [0])
    with pytest.raises(FD2Error, match="no rows"):
        build_table(sheet(), tmp_path, [0])


def test_labels_notes_and_differences_of_an_ablation(
    tmp_path: Path, write_cell: Callable[..., Path]
) -> None:
    path = tmp_path / "ablation.csv"
    path.write_text(
        "# First note.\n# Second note.\n"
        "dataset,method,fd2,variant,ipc,student,published,label\n"
        "d,sre2lpp,plain,base,1,resnet18,60.0,\n"
        "d,sre2lpp,fd2,low,1,resnet18,62.8,ρ = 0.1\n"
        "d,sre2lpp,fd2,base,1,resnet18,63.4,ρ = 0.5\n"
        "d,rded,plain,hard,1,resnet18,,\n"
    )
    for variant, values in (("low", (50.0, 52.0)), ("base", (56.0, 56.0))):
        for seed, top1 in enumerate(values):
            write_cell(tmp_path, cell("fd2", seed=seed, variant=variant), top1, 1.0)
    table = build_table(path, tmp_path, [0, 1])
    assert table.notes == ("First note.", "Second note.")
    (block,) = table.blocks
    assert [block.label(line) for line in block.lines] == [
        "SRe²L++",
        "SRe²L++ + FD² (ρ = 0.1)",
        "SRe²L++ + FD² (ρ = 0.5)",
        "RDED (hard)",
    ]
    (pair,) = variant_differences(table)
    assert (pair.entry.row.variant, pair.reference.row.variant) == ("low", "base")
    assert pair.value("top1") == pytest.approx(-5.0)
    assert pair.verdict("top1") == "exceeds the spread over seeds"
    assert tidy(table)["label"].tolist()[1] == "SRe²L++ + FD² (ρ = 0.1)"
    text = markdown(table)
    assert "- First note.\n- Second note." in text
    assert "## Differences: variant minus base" in text
    assert latex(table).isascii() and r"FD\textsuperscript{2} ($\rho$ = 0.1)" in latex(table)
    path.write_text(path.read_text().replace("62.8", "x"))
    with pytest.raises(FD2Error, match="not a number") as refused:
        build_table(path, tmp_path, [0])
    assert refused.value.where.endswith("line 5"), "notes count as lines"
