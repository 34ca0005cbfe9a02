"""Photographs that come, go, and come back, in a run of Snakemake."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.workflow.test_rerun import TINY

from fd2.config.yaml_reader import read_yaml

pytestmark = pytest.mark.workflow
FEW = ["results/tables/few.md", "--configfile", "config/few.yaml"]
SHEET = """\
dataset,method,fd2,variant,ipc,student,published
tiny,random,plain,hard-labels,2,resnet10t,
"""


def records(results: Path) -> dict[str, bytes]:
    """Every record but that of prepare, which holds its times."""
    return {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in results.rglob("*.json")
        if "data" not in path.parts and "earlier" not in path.parts
    }


def add(folder: Path, count: int) -> list[Path]:
    """More photographs of a class: of those that are there, turned."""
    sources = sorted(folder.iterdir())[:count]
    added = [folder / f"added{number}.png" for number in range(count)]
    for source, path in zip(sources, added, strict=True):
        with Image.open(source) as image:
            image.transpose(Image.Transpose.ROTATE_90).save(path)
    return added


def test_a_dry_run_tells_what_came_and_what_becomes_of_results(finished: Any) -> None:
    added = add(finished.folder / "photos/train/sound", 2)
    try:
        done = finished.snakemake("--dry-run", *TINY)
    finally:
        for path in added:
            path.unlink()
    told = done.stdout + done.stderr
    assert "came: 2, first 'train/sound/added0.png', 'train/sound/added1.png'" in told
    kept = next((finished.folder / "results/earlier/tiny").iterdir())
    assert f"kept in {kept.relative_to(finished.folder)}" in told
    assert finished.dry_run(*TINY) == {}


@pytest.mark.slow
def test_results_of_every_stage_are_taken_back(expendable: Any) -> None:
    results = expendable.folder / "results"
    before = records(results)
    # The same pictures, prepared once more: Snakemake runs every job again.
    done = expendable.snakemake("--cores", "2", "--forcerun", "prepare", *TINY)
    assert done.returncode == 0, done.stderr
    assert records(results) == before
    assert expendable.pending(*TINY) == set()


@pytest.mark.slow
def test_both_tables_and_back_again(tiny: Any) -> None:
    settings = read_yaml(tiny.folder / "config/tiny.yaml")
    few = {"tables": ["few"], "figures": {}, "seeds": [0, 1], "seeds_together": True}
    tiny.write("config/few.yaml", {**settings, **few})
    tiny.write("config/tables/few.csv", SHEET)
    results = tiny.folder / "results"
    run = ["--cores", "2", *FEW]

    def made(*words: str) -> dict[str, bytes]:
        done = tiny.snakemake(*words, *run)
        assert done.returncode == 0, done.stdout + done.stderr
        assert tiny.dry_run(*FEW) == {}
        return records(results)

    first = made()
    table = results / "tables/few.md"
    assert "earlier" not in table.read_text()
    added = add(tiny.folder / "photos/train/cracked", 3)
    gone = sorted((tiny.folder / "photos/train/sound").iterdir())[0]
    kept = shutil.move(gone, tiny.folder / "taken away.png")
    # A picture that is refused stops the run, and costs nothing.
    broken = tiny.folder / "photos/train/sound/broken.png"
    broken.write_bytes(b"")
    assert tiny.snakemake(*run).returncode != 0
    broken.unlink()
    second = made()
    assert second.keys() == first.keys()
    assert all(second[name] != first[name] for name in first)
    assert "– on earlier data" in table.read_text() and "(now 18 and 6" in table.read_text()
    for path in added:
        path.unlink()
    shutil.move(kept, gone)
    assert made() == first
    log = (tiny.folder / "logs/data/tiny.log").read_text()
    assert "cracked/added0.png" in log and gone.name in log
