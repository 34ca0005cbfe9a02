"""Results that were copied: what fits is current without a job, what does not is named."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.__main__ import main
from fd2.commands.adopt import judge
from fd2.planning.jobs import RuleJob, read_jobs
from fd2.planning.project import open_project

pytestmark = pytest.mark.workflow
TINY = ["--configfile", "config/tiny.yaml"]
CELL = "students/tiny/sre2lpp/fd2/base/ipc2/resnet10t/seed0"
TEACHER = "teachers/tiny/resnet10t/cal"
GROUP = "distilled/tiny/sre2lpp/fd2/base/group0"
LABELS = "labels/tiny/sre2lpp/fd2/base/ipc2"
FROM_TEACHER = {TEACHER, GROUP, "distilled/tiny/sre2lpp/fd2/base/ipc2", LABELS, CELL}


@pytest.fixture(scope="module")
def jobs(finished: Any) -> list[RuleJob]:
    """Every job behind the cell."""
    project = open_project(finished.folder, TINY[1:])
    return read_jobs(project, [f"results/{CELL}.json"])


@contextlib.contextmanager
def changed_bytes(path: Path, content: bytes) -> Iterator[None]:
    """Other content for a while, with the same time stamps."""
    before, stamps = path.read_bytes(), path.stat()
    for each in (content, before):
        path.write_bytes(each)
        os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
        if each is content:
            yield


def flipped(path: Path) -> bytes:
    """The file with its last bit turned over."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    return bytes(content)


def refused(finished: Any, jobs: list[RuleJob], *changed: str) -> dict[str, str]:
    """Reasons by job under the tiny config and further ones."""
    project = open_project(finished.folder, [*TINY[1:], *changed])
    with contextlib.chdir(finished.folder):
        verdicts = judge(project, jobs)
    assert {job.name for job in verdicts.fit}.isdisjoint(job.name for job in verdicts.misfit)
    return {job.name: "; ".join(why) for job, why in verdicts.misfit.items()}


def test_what_was_just_made_fits(finished: Any, jobs: list[RuleJob]) -> None:
    project = open_project(finished.folder, TINY[1:])
    verdicts = judge(project, jobs)
    assert (verdicts.misfit, verdicts.missing) == ({}, [])
    assert {job.rule for job in verdicts.fit} == {
        *("prepare", "pretrain", "patches", "distill", "assemble", "relabel", "evaluate")
    }


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_changed_file_and_what_is_made_from_it_do_not_fit(
    finished: Any, jobs: list[RuleJob], suffix: str
) -> None:
    path = (finished.folder / "results" / TEACHER).with_suffix(suffix)
    with changed_bytes(path, flipped(path)):
        reasons = refused(finished, jobs)
    assert reasons.keys() == FROM_TEACHER
    assert "damaged file" in reasons[TEACHER] and path.name in reasons[TEACHER]
    assert f"made from results/{TEACHER}.safetensors" in reasons[GROUP]


def test_prepared_data_is_compared_with_its_digests_and_with_the_images(
    finished: Any, jobs: list[RuleJob]
) -> None:
    everything = {job.name for job in jobs}
    photo = sorted((finished.folder / "photos/train/sound").iterdir())[0]
    for path, why in (
        (finished.folder / "results/data/tiny/train.npy", "pixels"),
        (photo, f"1 images are others: train/sound/{photo.name}"),
    ):
        with changed_bytes(path, flipped(path)):
            reasons = refused(finished, jobs)
        assert reasons.keys() == everything and why in reasons["data/tiny"]
    photos = finished.folder / "photos"
    photos.rename(photos.with_name("elsewhere"))
    try:
        assert refused(finished, jobs) == {}, "images that are not there are not compared"
    finally:
        photos.with_name("elsewhere").rename(photos)


@pytest.mark.parametrize(
    ("settings", "first", "why"),
    [
        (
            {"relabel": {"epochs": 3}},
            "labels/tiny/sre2lpp/fd2/base/ipc2",
            "'epochs' was 2 and is 3",
        ),
        ({"distill": {"fd2": {"cal_ratio": 0.1}}}, "distilled/tiny/sre2lpp/fd2/base/group0", "0.1"),
        ({"evaluate": {"labels": "hard"}}, CELL, "['augmentation', 'distilled', 'logits']"),
        ({"relabel": {"teachers": ["resnet18"]}}, "labels/tiny/sre2lpp/fd2/base/ipc2", "teacher0"),
    ],
    ids=["setting", "nested", "inputs", "teacher"],
)
def test_a_changed_setting(
    finished: Any, jobs: list[RuleJob], settings: object, first: str, why: str
) -> None:
    if "teacher0" in why:
        # Another teacher lies where the config points now.
        other = finished.folder / "results/teachers/tiny/resnet18/cal.safetensors"
        other.parent.mkdir()
        shutil.copy(finished.folder / "results/teachers/tiny/resnet10t/plain.safetensors", other)
    name = finished.write("config/changed.yaml", yaml.safe_dump(settings))
    try:
        reasons = refused(finished, jobs, name)
    finally:
        shutil.rmtree(finished.folder / "results/teachers/tiny/resnet18", ignore_errors=True)
    assert why in reasons[first]
    assert CELL in reasons and "data/tiny" not in reasons and TEACHER not in reasons


def test_other_sources_are_named(
    finished: Any, jobs: list[RuleJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the sources lie is of no matter, their content is."""
    monkeypatch.setattr("fd2.health.artefacts.PACKAGE", finished.folder / "src" / "fd2")
    assert refused(finished, jobs) == {}
    with finished.edited("src/fd2/losses/batch_norm.py"):
        reasons = refused(finished, jobs)
    assert "src/fd2/losses/batch_norm.py" in reasons[GROUP]
    assert CELL in reasons and TEACHER not in reasons


@pytest.mark.slow
def test_a_copy_in_scrambled_order_is_current_after_it(
    expendable: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without `.snakemake`, with stamps in any order; one file is damaged meanwhile, and mended."""
    cell = [f"results/{CELL}.json", *TINY]
    shutil.rmtree(expendable.folder / ".snakemake")
    rng = random.Random(0)
    for path in (expendable.folder / "results").rglob("*.*"):
        os.utime(path, (time.time() - rng.randrange(10**6),) * 2)
    assert expendable.dry_run(*cell)
    monkeypatch.chdir(expendable.folder)
    wanted = {path: path.read_bytes() for path in Path("results").rglob("*.safetensors")}

    def adopt() -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main(["adopt", cell[0], "--json", *TINY])
        return code, json.loads(capsys.readouterr().out)

    code, said = adopt()
    assert (code, said["misfit"], said["missing"]) == (0, {}, [])
    assert expendable.dry_run(*cell) == {}
    teacher = Path(f"results/{TEACHER}.safetensors")
    teacher.write_bytes(flipped(teacher))
    code, said = adopt()
    assert code == 1 and said["misfit"].keys() == FROM_TEACHER
    assert set(expendable.dry_run(*cell)) == {
        *("pretrain", "distill", "assemble", "relabel", "evaluate")
    }
    teacher.write_bytes(wanted[teacher])
    assert adopt()[0] == 0 and expendable.dry_run(*cell) == {}
    assert {path: path.read_bytes() for path in wanted} == wanted
