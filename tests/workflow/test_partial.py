"""Tables from whatever there is, and a dataset that cannot be had beside one that can."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

CELL = "results/students/tiny/sre2lpp/fd2/base/ipc2/resnet10t/seed0.json"
PARTIAL = "results/tables/partial/tiny.md"
PAGE = "results/report/partial.html"
FIGURE = "results/figures/curves.png"
TINY = ("--cores", "1", "--configfile", "config/tiny.yaml")
SHEET = """\
dataset,method,fd2,variant,ipc,student,published
tiny,full,fd2,base,,resnet10t,
tiny,sre2lpp,fd2,base,2,resnet10t,60.5
absent,random,plain,hard-labels,2,resnet10t,
"""


def test_a_partial_table_follows_the_results_and_makes_none(expendable: Any) -> None:
    cell = expendable.folder / CELL
    content = cell.read_bytes()
    cell.unlink()
    done = expendable.snakemake(PARTIAL, *TINY)
    assert done.returncode == 0, done.stderr
    assert not cell.exists()
    table = (expendable.folder / PARTIAL).read_text()
    assert f"snakemake {CELL}" in table and "Missing: 1 of 4 results." in table
    assert expendable.dry_run(PARTIAL, "--configfile", "config/tiny.yaml") == {}
    cell.write_bytes(content)
    done = expendable.snakemake(PARTIAL, *TINY)
    assert done.returncode == 0, done.stderr
    assert "Missing" not in (expendable.folder / PARTIAL).read_text()


def test_a_partial_page_follows_the_results_and_makes_none(expendable: Any) -> None:
    files = ("--configfile", "config/tiny.yaml")
    missing = [expendable.folder / name for name in (CELL, FIGURE)]
    content = [path.read_bytes() for path in missing]
    for path in missing:
        path.unlink()
    done = expendable.snakemake("partial", *TINY)
    assert done.returncode == 0, done.stderr
    page = (expendable.folder / PAGE).read_text()
    for name in (CELL, FIGURE):
        assert f'"command">snakemake {name} --cores all {" ".join(files)}<' in page
    assert not any(path.exists() for path in missing)
    assert expendable.dry_run(PAGE, *files) == {}
    missing[1].write_bytes(content[1])
    assert expendable.dry_run(PAGE, *files) == {"summarise_partial": 1}
    missing[0].write_bytes(content[0])
    done = expendable.snakemake("partial", *TINY)
    assert done.returncode == 0, done.stderr
    page = (expendable.folder / PAGE).read_text()
    assert "has not been" not in page and f">snakemake {CELL}" not in page


def test_a_dataset_that_cannot_be_had_does_not_stop_the_others(expendable: Any) -> None:
    # A folder that is missing is refused before the first job; a picture is read by one.
    shutil.copytree(expendable.folder / "photos", expendable.folder / "broken")
    picture = next((expendable.folder / "broken/train/sound").iterdir())
    picture.write_bytes(picture.read_bytes()[:500])
    absent = {"kind": "imagefolder", "path": "broken", "resolution": 32}
    settings = {"tables": ["mixed", "tiny"], "datasets": {"absent": absent}}
    name = expendable.write("config/mixed.yaml", settings)
    expendable.write("config/tables/mixed.csv", SHEET)
    (expendable.folder / "results/tables/tiny.md").unlink()
    files = ("--cores", "1", "--configfile", "config/tiny.yaml", name)
    done = expendable.snakemake("mixed", "tiny", "--keep-going", *files)
    assert done.returncode != 0
    assert picture.name in done.stdout + done.stderr
    assert (expendable.folder / "results/tables/tiny.md").is_file(), "the other table is made"
    assert not (expendable.folder / "results/tables/mixed.md").exists()
    done = expendable.snakemake("partial", *files)
    assert done.returncode == 0, done.stderr
    table = (expendable.folder / "results/tables/partial/mixed.md").read_text()
    first, second = table.split("## absent, resnet10t from scratch")
    assert "## tiny, resnet10t from scratch" in first and "60.5 (" in first
    assert "| Random real images | missing |" in second
    assert "snakemake results/students/absent/random/plain/hard-labels/ipc2" in second
