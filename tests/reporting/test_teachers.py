"""The table of teachers: both heads beside the published numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from fd2.artifacts.records import read_content, write_record
from fd2.errors import FD2Error
from fd2.reporting.teachers import build_teacher_table
from fd2.stages.tabulate import tabulate

HEADER = "dataset,backbone,published_backbone,published_cal"
LINES = ("d_1,resnet18,71.0,81.1", "d_1,resnet50,76.1,79.6", "e,resnet18,,")

GOLDEN = """\
| dataset | backbone | M | ρ | backbone head | published | CAL head | published |
| --- | --- | --- | --- | --- | --- | --- | --- |
| d_1 | resnet18 | 8 | 0.5 | 70.0 / 60.0 | 71.0 (−1.0) ✓ | 80.0 / 75.0 | 81.1 (−1.1) ✗ |
| d_1 | resnet50 | – | – | missing | 76.1 | missing | 79.6 |
| e | resnet18 | – | – | missing |  | missing |  |

## Missing results

```
snakemake results/teachers/d_1/resnet50/cal.json
snakemake results/teachers/e/resnet18/cal.json
```
"""
GOLDEN_BODY = r"""\begin{tabular}{llcccccc}
\toprule
dataset & backbone & M & $\rho$ & backbone head & published & CAL head & published \\
\midrule
d\_1 & resnet18 & 8 & 0.5 & 70.0 / 60.0 & 71.0 ($-$1.0) $\checkmark$ & 80.0 / 75.0 & 81.1 ($-$1.1) $\times$ \\
d\_1 & resnet50 & -- & -- & missing & 76.1 & missing & 79.6 \\
\midrule
e & resnet18 & -- & -- & missing &  & missing &  \\
\bottomrule
\end{tabular}
"""  # noqa: E501


def write_sheet(folder: Path, *lines: str) -> Path:
    path = folder / "teachers.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


@pytest.fixture
def results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_teacher: Callable[..., Path]
) -> Path:
    """One of three teachers, in a folder that is named as on the command line."""
    monkeypatch.chdir(tmp_path)
    path = write_teacher(Path("results"), "d_1", "resnet18", "cal")
    content = read_content(path)
    content["settings"]["cal"] = {"attention_maps": 8, "cal_ratio": 0.5}
    content["settings"]["accuracy"] = "exact"
    write_record(path, content)
    return Path("results")


def test_golden_texts(results: Path) -> None:
    tabulate(write_sheet(Path(), *LINES), results, [0, 1, 2], Path("tables/teachers"))
    text = Path("tables/teachers.md").read_text()
    assert text.endswith(GOLDEN)
    for sentence in ("Preset: paper.", "Accuracy: exact;", "Missing: 2 of 3 results.", "Test CPU"):
        assert sentence in text
    tex = Path("tables/teachers.tex").read_text()
    assert GOLDEN_BODY in tex and tex.isascii()
    frame = pd.read_csv("tables/teachers.csv")
    assert frame["attention_maps"].tolist()[0] == 8
    assert frame["backbone_difference"].tolist()[0] == pytest.approx(-1.0)
    verdicts = [frame[f"{head}_agreement"].tolist()[0] for head in ("backbone", "cal")]
    assert verdicts == ["agrees", "differs"]
    assert frame["missing"].tolist()[1] == "snakemake results/teachers/d_1/resnet50/cal.json"


def test_without_results_all_is_missing(results: Path) -> None:
    table = build_teacher_table(write_sheet(Path(), LINES[1]), results)
    assert table.results == [] and table.missing == [results / "teachers/d_1/resnet50/cal.json"]
    tabulate(write_sheet(Path(), LINES[1]), results, [0], Path("t"))
    assert "Preset: no result yet." in Path("t.md").read_text()


def test_faulty_sheets(results: Path) -> None:
    with pytest.raises(FD2Error, match="teacher given twice: d_1,resnet50"):
        build_teacher_table(write_sheet(Path(), LINES[1], LINES[1]), results)
    with pytest.raises(FD2Error, match="no rows"):
        build_teacher_table(write_sheet(Path()), results)
    with pytest.raises(FD2Error, match="not a number") as caught:
        build_teacher_table(write_sheet(Path(), "d,resnet18,a,"), results)
    assert "line 2" in caught.value.where


def test_teachers_of_different_data_are_refused(
    results: Path, write_teacher: Callable[..., Path]
) -> None:
    path = write_teacher(results, "d_1", "resnet50", "cal")
    write_record(path, {**read_content(path), "manifest": "other"})
    with pytest.raises(FD2Error, match="different manifests"):
        build_teacher_table(write_sheet(Path(), *LINES), results)


def test_teachers_of_variants(results: Path, write_teacher: Callable[..., Path]) -> None:
    write_teacher(results, "d_1", "resnet18", "cal-low-0.1")
    path = results / "variants.csv"
    path.write_text(
        "# A note.\ndataset,backbone,variant,published_backbone,published_cal\n"
        "d_1,resnet18,base,71.0,81.1\nd_1,resnet18,low-0.1,,\nd_1,resnet18,high,,\n"
    )
    tabulate(path, results, [0], Path("t"))
    text = Path("t.md").read_text()
    assert "| d_1 | resnet18 (low-0.1) | – | – | 70.0 / 60.0 |  | 80.0 / 75.0 |  |" in text
    assert "- A note." in text
    assert "snakemake results/teachers/d_1/resnet18/cal-high.json" in text
    assert pd.read_csv("t.csv")["variant"].tolist() == ["base", "low-0.1", "high"]
    path.write_text(path.read_text().replace("high", "low-0.1"))
    with pytest.raises(FD2Error, match=r"teacher given twice: d_1,resnet18,low-0\.1"):
        build_teacher_table(path, results)
