"""The table of diagnoses: numbers of sets seen through networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fd2.artifacts.records import read_content, write_record
from fd2.config.diagnostic_sheets import Diagnosis
from fd2.errors import FD2Error
from fd2.reporting.diagnostics import MEASURES, build_diagnostic_table
from fd2.stages.tabulate import tabulate

HEADER = "dataset,method,fd2,variant,ipc,backbone,training"
LINES = (
    "d_1,full,plain,base,,resnet18,cal",
    "d_1,sre2lpp,plain,base,1,resnet18,cal",
    "d_1,sre2lpp,fd2,base,1,resnet18,cal",
    "d_1,sre2lpp,fd2,base,1,resnet50,plain",
)
REAL = Diagnosis("d_1", "full", "plain", "base", None, "resnet18", "cal")
PLAIN = Diagnosis("d_1", "sre2lpp", "plain", "base", 1, "resnet18", "cal")
FD2 = Diagnosis("d_1", "sre2lpp", "fd2", "base", 1, "resnet18", "cal")

GOLDEN = """\
## d_1, seen by resnet18 (cal)

| set | IPC | variance in class | centre distance | nearest centre | margin | attention distance | coverage of group | coverage of image |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| Real training images | – | 0.250 | 0.500 | 0.400 | −0.125 | 0.600 | 0.700 | 0.300 |
| SRe²L++ | 1 | – | 0.500 | 0.400 | – | – | 0.700 | 0.300 |
| SRe²L++ + FD² | 1 | – | 0.600 | 0.350 | – | – | 0.700 | 0.300 |

## d_1, seen by resnet50 (plain)

| set | IPC | variance in class | centre distance | nearest centre | margin | attention distance | coverage of group | coverage of image |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| SRe²L++ + FD² | 1 | missing | missing | missing | missing | missing | missing | missing |

## Differences: with FD² minus without

| dataset | network | set | IPC | variance in class | centre distance | nearest centre | margin | attention distance | coverage of group | coverage of image |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| d_1 | resnet18 (cal) | SRe²L++ + FD² | 1 | – | +0.100 | −0.050 | – | – | +0.000 | +0.000 |

## Missing results

```
snakemake results/diagnostics/d_1/sre2lpp/fd2/base/ipc1/resnet50/plain.json
```
"""  # noqa: E501
GOLDEN_ROW = (
    r"Real training images & -- & 0.250 & 0.500 & 0.400 & $-$0.125 & 0.600 & 0.700 & 0.300 \\"
)


def write_sheet(*lines: str) -> Path:
    path = Path("seen.csv")
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def write_diagnosis(row: Diagnosis, manifest: str = "m", **changes: Any) -> Path:
    values = dict(zip(MEASURES, (0.25, 0.5, 0.4, -0.125, 0.6, 0.7, 0.3), strict=True))
    content = {
        "diagnosis": vars(row),
        "protocol": "paper",
        "result": {**values, "group_size": 4, "attention": "cal", **changes},
        "manifest": manifest,
        "run": {"commit": "0123456789abcdef", "dirty": True, "device_name": "Test CPU"},
    }
    path = Path("results") / row.path("json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(path, content)
    return path


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three of four diagnoses."""
    monkeypatch.chdir(tmp_path)
    undefined = {"intra_class_variance": None, "margin": None, "pairwise_distance": None}
    write_diagnosis(REAL)
    write_diagnosis(PLAIN, **undefined)
    write_diagnosis(FD2, **undefined, centre_distance=0.6, nearest_centre_distance=0.35)
    return Path("results")


def test_golden_texts(results: Path) -> None:
    tabulate(write_sheet(*LINES), results, [0], Path("tables/seen"))
    text = Path("tables/seen.md").read_text()
    assert text.endswith(GOLDEN)
    for sentence in (
        *("Preset: paper.", "Images in a group: 4.", "Hardware: Test CPU."),
        *("Commits: 0123456789 with uncommitted changes.", "Missing: 1 of 4 results."),
    ):
        assert sentence in text
    tex = Path("tables/seen.tex").read_text()
    assert GOLDEN_ROW in tex and tex.isascii()
    assert r"\label{tab:seen-2}" in tex
    frame = pd.read_csv("tables/seen.csv")
    assert (
        frame["margin"].tolist()[0] == -0.125 and frame["margin"].isna().tolist()[1:] == [True] * 3
    )
    assert frame["missing"].tolist()[3].endswith("ipc1/resnet50/plain.json")


def test_without_results_all_is_missing(results: Path) -> None:
    table = build_diagnostic_table(write_sheet(LINES[3]), results)
    assert table.found == [] and len(table.missing) == 1
    tabulate(write_sheet(LINES[3]), results, [0], Path("t"))
    assert "Preset: no result yet." in Path("t.md").read_text()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "no rows"),
        ((LINES[0], LINES[0]), "row given twice: diagnostics/d_1/full/resnet18/cal.json"),
        (("d,rded,plain,base,two,resnet18,cal",), "not a number"),
        (("d,rded,plain,base,0,resnet18,cal",), "ipc 0"),
        (("d,rded,both,base,1,resnet18,cal",), "fd2 is 'both'"),
        (("d,full,fd2,base,,resnet18,cal",), "fd2 is 'fd2'"),
    ],
)
def test_faulty_sheets(results: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(FD2Error, match=message):
        build_diagnostic_table(write_sheet(*lines), results)


def test_faulty_results(results: Path) -> None:
    write_diagnosis(REAL, manifest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        build_diagnostic_table(write_sheet(*LINES), results)
    path = write_diagnosis(PLAIN)
    write_record(Path("results") / FD2.path("json"), read_content(path))
    with pytest.raises(FD2Error, match="holds the numbers of"):
        build_diagnostic_table(write_sheet(LINES[2]), results)
    write_record(Path("results") / REAL.path("json"), {})
    with pytest.raises(FD2Error, match="damaged file: KeyError 'diagnosis'"):
        build_diagnostic_table(write_sheet(LINES[0]), results)
