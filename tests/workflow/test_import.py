"""`fd2 import` in the workflow: a config and a sheet that run, beside sets of our own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.imports.layouts import FOLDERS, write_fkd, write_folders, write_matching
from tests.workflow.conftest import Project

from fd2.__main__ import main
from fd2.artifacts.images import read_distilled
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.soft_labels import read_soft_labels

pytestmark = pytest.mark.workflow
RANDOM = "results/distilled/tiny/random/plain/base/ipc2.safetensors"
TINY = ("--configfile", "config/tiny.yaml")
Import = Callable[..., dict[str, Any]]


@pytest.fixture
def take(
    expendable: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Import:
    """Runs the command where the tiny workflow is finished; what it found, or the refusal."""
    monkeypatch.chdir(expendable.folder)

    def run(path: Path | str, *words: str) -> dict[str, Any]:
        capsys.readouterr()
        options = ["--dataset", "tiny", "--json", *words, *TINY]
        code = main(["import", str(path), *options])
        told = capsys.readouterr()
        return dict(json.loads(told.out)) if code == 0 else {"error": told.err}

    return run


@pytest.mark.slow
def test_a_set_of_pictures_stands_in_a_table(
    expendable: Project, take: Import, tmp_path: Path
) -> None:
    """Our own random images, written out and taken back: its student is that of the original."""
    original = read_distilled(expendable.folder / RANDOM)
    theirs = write_folders(tmp_path / "theirs", original, FOLDERS["sre2l"])
    found = take(theirs, "--name", "theirs")
    assert (found["found"]["ipc"], found["found"]["files"]) == (2, len(original.labels))
    assert found["found"]["seen"] is not None
    files = ["--configfile", *found["configfiles"]]
    done = expendable.snakemake("theirs", "--cores", "2", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    table = (expendable.folder / "results/tables/theirs.md").read_text(encoding="utf-8")
    assert "Imported (theirs)" in table
    cell = f"ipc2/{found['student']}/seed0.json"
    ours, back = (
        json.loads((expendable.folder / f"results/students/tiny/{name}/{cell}").read_text())
        for name in ("random/plain/base", "imported/plain/theirs")
    )
    assert ours["result"] == back["result"]
    # Nothing is left to do, also where the files are away; one that changed is seen.
    assert not expendable.pending("theirs", *files)
    moved = theirs.rename(tmp_path / "away")
    assert not expendable.pending("theirs", *files)
    moved.rename(theirs)
    picture = next(theirs.glob("*/*.png"))
    picture.write_bytes(picture.read_bytes() + b"longer")
    assert "import_set imported plain" in expendable.pending("theirs", *files)


def test_matching_sets_get_their_protocol(
    expendable: Project, take: Import, tmp_path: Path
) -> None:
    original = read_distilled(expendable.folder / RANDOM)
    classes = len(read_manifest(expendable.folder / "results/data/tiny/manifest.json").classes)
    logits = 9 * torch.eye(classes).repeat_interleave(2, dim=0)
    write_matching(tmp_path, original, logits, 0.02)
    words = ("--name", "theirs", "--labels", str(tmp_path / "labels_best.pt"))
    words = (*words, "--rate", str(tmp_path / "lr_best.pt"), "--student", "resnet10t")
    found = take(tmp_path / "images_best.pt", *words)
    assert found["found"]["soft"] and found["found"]["rate"]
    files = ["--configfile", *found["configfiles"]]
    counts = expendable.dry_run("theirs", *files)
    # Learned labels, and class labels for random images: none of a teacher.
    assert counts["import_set"] == 1
    assert counts["evaluate"] == 2 and "relabel" not in counts
    target = "results/students/tiny/imported/fd2/theirs/ipc2/resnet10t/seed0.json"
    refused = expendable.snakemake(target, "--dry-run", "--cores", "1", *files)
    assert refused.returncode != 0
    assert "FD² acts while images are made" in refused.stdout + refused.stderr


@pytest.mark.slow
def test_soft_labels_of_others_are_learned_from(
    expendable: Project, take: Import, tmp_path: Path
) -> None:
    """No teacher of ours labels the set; its student replays the epochs that there are."""
    original = read_distilled(expendable.folder / RANDOM)
    theirs = write_folders(tmp_path / "theirs", original, FOLDERS["sre2l"])
    # The answer of an image's own class for all, to be taken on trust.
    certain = torch.tensor([4.0, 0.0])
    statistics = (original.metadata["mean"], original.metadata["std"])
    write_fkd(tmp_path / "fkd", theirs, lambda seen: certain.repeat(len(seen), 1), statistics, 4, 1)
    words = ("--name", "theirs", "--soft-labels", str(tmp_path / "fkd"), "--trusted")
    found = take(theirs, *words, "--student", "resnet10t")
    assert found["found"]["epochs"] == found["epochs"] == 1
    files = ["--configfile", *found["configfiles"]]
    counts = expendable.dry_run("theirs", *files)
    assert (counts["import_set"], counts["import_labels"]) == (1, 1)
    labels = "results/labels/tiny/imported/plain/theirs/ipc2"
    assert "relabel" not in expendable.dry_run(f"{labels}/logits.npy", *files)
    student = "results/students/tiny/imported/plain/theirs/ipc2/resnet10t/seed0.json"
    done = expendable.snakemake(student, "--cores", "2", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    stored = read_soft_labels(expendable.folder / labels)
    assert stored.logits.shape == (1, 4, 2) and (stored.logits == [4, 0]).all()
    # Away they count as unchanged; another file is seen, also by what verifies copies.
    project = ["--configfile", *found["configfiles"]]
    moved = (tmp_path / "fkd").rename(tmp_path / "away")
    assert not expendable.pending(student, *files)
    assert main(["adopt", student, "--check", *project]) == 0
    moved.rename(tmp_path / "fkd")
    batch = tmp_path / "fkd/epoch_0/batch_0.tar"
    batch.write_bytes(batch.read_bytes() + b"longer")
    assert "import_labels imported plain" in expendable.pending(student, *files)
    assert main(["adopt", student, "--check", *project]) == 1
    batch.unlink()
    shutil.rmtree(expendable.folder / labels)
    refused = expendable.snakemake(student, "--dry-run", "--cores", "1", *files)
    assert refused.returncode != 0
    assert "no file" in refused.stdout + refused.stderr, refused.stdout + refused.stderr


def test_bad_input_is_refused_and_nothing_is_written(
    expendable: Project, take: Import, tmp_path: Path
) -> None:
    original = read_distilled(expendable.folder / RANDOM)
    theirs = write_folders(tmp_path / "theirs", original, FOLDERS["rded"])

    def error(path: Path | str, *words: str) -> str:
        return str(take(path, *words)["error"])

    assert "no name of a variant" in error(theirs, "--name", "Not-one")
    assert "no such file or folder" in error(tmp_path / "nowhere", "--name", "theirs")
    assert "did you mean" in error(theirs, "--name", "theirs", "--student", "resnet10")
    assert "3 images per class are asked" in error(theirs, "--name", "theirs", "--ipc", "3")
    assert "say which number" in error(tmp_path / "ipc{ipc}", "--name", "theirs")
    shutil.rmtree(next(theirs.iterdir()))
    assert "classes, the dataset has" in error(theirs, "--name", "theirs")
    assert not (expendable.folder / "config/theirs.yaml").exists()
    torch.save({"run": print}, tmp_path / "images.pt")
    assert "no file of plain tensors" in error(tmp_path / "images.pt", "--name", "theirs")
