"""A table's Markdown, LaTeX and csv, word by word, and its caption."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from fd2.config.cells import Cell
from fd2.reporting.caption import caption
from fd2.reporting.latex import escape, latex
from fd2.reporting.table import build_table
from fd2.stages.tabulate import tabulate

GOLDEN_MARKDOWN = """\
# t_1

- Top-1 / class-balanced top-1 accuracy in percent on the test images at the last epoch (students: epoch 10; teachers: epoch 10, counted from 0), mean ± sample standard deviation over the student seeds 0, 1; a dash stands for the deviation of a single result.
- Preset: paper.
- Students (initial weights): resnet18 (scratch).
- Data: my_set.
- Hardware: Test CPU.
- Commits: 0123456789.
- Top-1 of always answering the commonest test class: my_set 42.0.
- A tick: ours lies within 2 standard deviations over our seeds of the published number; a cross: it does not; no mark: fewer than two seeds. Full-data lines, trained once, are ticked within 1 point.
- Missing: 3 of 9 results.

| method | IPC 1 | IPC 3 |
| --- | --- | --- |
| Full data (teacher) | 70.0 ± – / 60.0 ± – | ← |
| SRe²L++ | 51.0 ± 1.4 / 30.0 ± 0.0 | missing |
| – published top-1 (ours minus it) | 53.4 (−2.4) ✓ |  |
| SRe²L++ + FD² | 55.0 ± 1.4 / 30.0 ± 0.0 | 60.0 ± – / 50.0 ± – (n=1 of 2) |
| – published top-1 (ours minus it) |  | 61.0 (−1.0) |

`←`: full data knows no IPC; as in the column to the left.

## Differences: with FD² minus without

| method | dataset | IPC | student | top1 | pooled std | std error | verdict | balanced top1 | pooled std | std error | verdict |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| SRe²L++ + FD² | my_set | 1 | resnet18 | +4.0 | 1.4 | – | exceeds the spread over seeds | +0.0 | 0.0 | – | within the spread over seeds |
| SRe²L++ + FD² | my_set | 3 | resnet18 | – | – | – | missing | – | – | – | missing |

## Missing results

```
snakemake results/students/my_set/sre2lpp/plain/base/ipc3/resnet18/seed0.json
snakemake results/students/my_set/sre2lpp/plain/base/ipc3/resnet18/seed1.json
snakemake results/students/my_set/sre2lpp/fd2/base/ipc3/resnet18/seed1.json
```
"""  # noqa: E501

GOLDEN_TABULAR = r"""\begin{tabular}{lcc}
\toprule
 & \multicolumn{2}{c}{my\_set} \\
\cmidrule(lr){2-3}
Method & IPC 1 & IPC 3 \\
\midrule
Full data (teacher) & \multicolumn{2}{c}{70.0 $\pm$ -- / 60.0 $\pm$ --} \\
\midrule
SRe\textsuperscript{2}L++ & 51.0 $\pm$ 1.4 / 30.0 $\pm$ 0.0 & missing \\
\quad published top-1 (ours minus it) & 53.4 ($-$2.4) $\checkmark$ &  \\
SRe\textsuperscript{2}L++ + FD\textsuperscript{2} & 55.0 $\pm$ 1.4 / 30.0 $\pm$ 0.0 & 60.0 $\pm$ -- / 50.0 $\pm$ -- (n=1 of 2) \\
\quad published top-1 (ours minus it) &  & 61.0 ($-$1.0) \\
\bottomrule
\end{tabular}
"""  # noqa: E501

LINES = (
    "my_set,sre2lpp,plain,base,1,resnet18,53.4",
    "my_set,sre2lpp,plain,base,3,resnet18,",
    "my_set,sre2lpp,fd2,base,1,resnet18,",
    "my_set,sre2lpp,fd2,base,3,resnet18,61.0",
    "my_set,full,plain,base,,resnet18,",
)


def cell(fd2: str, ipc: int, seed: int) -> Cell:
    return Cell("my_set", "sre2lpp", fd2, "base", ipc, "resnet18", seed)


@pytest.fixture
def results(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_cell: Callable[..., Path],
    write_teacher: Callable[..., Path],
) -> Path:
    """A grid with gaps, in a folder that is named as on the command line."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results")
    for seed, top1 in enumerate((50.0, 52.0)):
        write_cell(folder, cell("plain", 1, seed), top1, 30.0)
        write_cell(folder, cell("fd2", 1, seed), top1 + 4, 30.0)
    write_cell(folder, cell("fd2", 3, 0), 60.0, 50.0)
    write_teacher(folder, "my_set", "resnet18", "plain")
    return folder


def test_golden_texts(sheet: Callable[..., Path], results: Path) -> None:
    tabulate(sheet(*LINES), results, [0, 1], Path("tables/t_1.v"))
    assert Path("tables/t_1.v.md").read_text() == GOLDEN_MARKDOWN
    tex = Path("tables/t_1.v.tex").read_text()
    assert GOLDEN_TABULAR in tex
    assert r"top-1 accuracy in percent on the test images at the last epoch" in tex
    assert tex.isascii()
    frame = pd.read_csv("tables/t_1.v.csv")
    assert frame["ipc"].tolist()[:4] == [1, 3, 1, 3]
    assert frame["n"].tolist() == [2, 0, 2, 1, 1]
    assert frame["top1_std"].isna().tolist() == [False, True, False, True, True]
    assert frame["difference"].dropna().tolist() == pytest.approx([-2.4, -1.0])


def test_tables_of_equal_results_are_equal_files(sheet: Callable[..., Path], results: Path) -> None:
    for name in ("a", "b"):
        tabulate(sheet(*LINES), results, [0, 1], Path(name) / "t")
    for kind in ("csv", "md", "tex"):
        assert Path(f"a/t.{kind}").read_bytes() == Path(f"b/t.{kind}").read_bytes()


def test_mixed_presets_are_listed(
    sheet: Callable[..., Path], results: Path, write_cell: Callable[..., Path]
) -> None:
    write_cell(results, cell("plain", 3, 0), 50.0, 40.0, protocol="release")
    dirty = {"commit": "f" * 40, "dirty": True, "device_name": "NVIDIA H200"}
    write_cell(results, cell("plain", 3, 1), 50.0, 40.0, run=dirty, initialisation="imagenet")
    text = "\n".join(caption(build_table(sheet(*LINES), results, [0, 1])))
    assert "Presets are mixed" in text
    assert "release: SRe²L++ IPC 3." in text
    assert "resnet18 (imagenet, scratch)" in text
    assert "Hardware: NVIDIA H200, Test CPU." in text
    assert "0123456789, ffffffffff with uncommitted changes." in text


def test_a_caption_without_results_says_so(sheet: Callable[..., Path], results: Path) -> None:
    sentences = caption(build_table(sheet("d,rded,plain,base,1,resnet50,"), results, [0]))
    assert "Preset: no result yet." in sentences
    assert "Students (initial weights): resnet50 (no result yet)." in sentences
    assert "Missing: 1 of 1 results." in sentences


def test_teachers_chosen_on_test_images_are_told(
    sheet: Callable[..., Path], results: Path, write_teacher: Callable[..., Path]
) -> None:
    write_teacher(results, "my_set", "resnet18", "plain", selected="best_on_test")
    text = " ".join(caption(build_table(sheet(*LINES), results, [0])))
    assert "chosen on test images" in text


def test_a_table_of_full_data_alone_has_one_column(
    sheet: Callable[..., Path], results: Path
) -> None:
    table = build_table(sheet("my_set,full,plain,base,,resnet18,"), results, [0])
    assert [block.counts for block in table.blocks] == [[None]]
    assert "Full data (teacher) & 70.0 $\\pm$ -- / 60.0 $\\pm$ -- \\\\" in latex(table)


def test_a_wide_table_has_a_section_and_a_float_a_block(
    sheet: Callable[..., Path], results: Path
) -> None:
    lines = ["other,rded,plain,base,50,resnet50,27.0", *LINES]
    starts = ["imagenet", *["scratch"] * 4, None]
    tabulate(sheet(*lines), results, [0, 1], Path("tables/t"), starts)
    text = Path("tables/t.md").read_text()
    first = text.index("## other, resnet50 from ImageNet weights\n\n| method | IPC 50 |")
    assert first < text.index("## my_set, resnet18 from scratch\n\n| method | IPC 1 | IPC 3 |")
    assert "Students (initial weights): resnet50 (imagenet), resnet18 (scratch)." in text
    assert "| – published top-1 (ours minus it) | 27.0 |\n" in text
    tex = Path("tables/t.tex").read_text()
    assert tex.count(r"\begin{table}") == tex.count(r"\end{tabular}") == 2
    assert r"\caption{my\_set, resnet18 from scratch. Notes as in Table~\ref{tab:t_1}.}" in tex
    assert r"\label{tab:t_1}" in tex and r"\label{tab:t_1-2}" in tex
    assert r" & \multicolumn{2}{c}{my\_set, resnet18 from scratch} \\" in tex
    assert "multirow" not in tex and tex.isascii()
    assert set(pd.read_csv("tables/t.csv")["initialisation"].dropna()) == {"imagenet", "scratch"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b", r"a\_b"),
        ("50% & #1 $x", r"50\% \& \#1 \$x"),
        (r"\cmd{x}", r"\textbackslash{}cmd\{x\}"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("SRe²L++ ± −", r"SRe\textsuperscript{2}L++ $\pm$ $-$"),
        ("✓ ✗ ρ", r"$\checkmark$ $\times$ $\rho$"),
    ],
)
def test_escape(text: str, expected: str) -> None:
    assert escape(text) == expected
