"""An engineer's first evening: a folder with faults, a run, a page, an export, a set taken back."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.report.browser import empty_page
from tests.workflow.conftest import Project, Server, copy_sources
from tests.workflow.test_init import write_faulty
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

import fd2
from fd2.artifacts.images import read_distilled
from fd2.artifacts.records import read_record

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
#: Laid over what fd2 init wrote: the same jobs, in a minute.
SHORT = """\
seeds: [0, 1]
pretrain: {epochs: 2, test_every: 2}
distill: {methods: {sre2lpp: {iterations: 3}, dm: {iterations: 3, batch_real: 4}}}
relabel: {epochs: 3}
evaluate: {epochs: 3, test_every: 3}
"""


class Evening:
    """A fresh copy of the repository, and what is typed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def type(self, *words: str) -> str:
        """Give a command; what it printed, or what it was refused with."""
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={
                **inherited,
                "PYTHONPATH": str(self.folder / "src"),
                "CUDA_VISIBLE_DEVICES": "",
                "OMP_NUM_THREADS": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        return said if done.returncode == 0 else f"refused:\n{said}"

    def fd2(self, *words: str) -> str:
        """`type` a command of fd2."""
        return self.type("-m", "fd2", *words)


def test_from_a_folder_of_photographs_to_a_set_in_use(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    project: Project = copy_sources(tmp_path / "repository", server)
    evening = Evening(project.folder)
    photographs = tmp_path / "Solar cells"
    write_faulty(photographs)

    found = evening.fd2(
        "init", str(photographs), "--name", "cells", "--ipc", "2", "--resolution", "32"
    )
    assert "cut off.jpg" in found and "same.png" in found
    (project.folder / "config/short.yaml").write_text(SHORT, encoding="utf-8")
    run = ("run", "cells", "--configfile", "config/short.yaml", "--", "--cores", "2")

    # What is wrong with the pictures is said before the first job.
    refused = evening.fd2(*run)
    assert refused.startswith("refused:") and "cut off.jpg" in refused
    (photographs / "cracked/cut off.jpg").unlink()
    (photographs / "Dark Spot/same.png").unlink()

    told = evening.fd2(*run)
    assert not told.startswith("refused:"), told
    assert "student" in told and "results/tables/cells.md" in told
    assert (project.folder / "results/tables/cells.md").is_file()
    assert "random real images" in look_at(project.folder / "results/report/index.html")[:900]

    name = "cells/sre2lpp/fd2/base/ipc2"
    config = ("--configfile", "config/cells.yaml", "config/short.yaml")
    told = evening.fd2("export", name, "--with-labels", *config, "--", "--cores", "2")
    archive = project.folder / f"results/exports/{name}-with-labels.zip"
    assert archive.is_file(), told
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "colleague")
    (unpacked,) = (tmp_path / "colleague").iterdir()
    pictures = ImageFolder(str(unpacked / "images"))
    assert len(pictures) == 6
    soft = fd2.load(unpacked, labels="soft")
    assert [folder.split("_", 1)[1] for folder in pictures.classes] == list(soft.classes)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(len(soft.classes)))
    losses = [
        torch.nn.functional.cross_entropy(network(images), logits.softmax(1))
        for images, logits in DataLoader(soft, batch_sampler=soft.batches)
    ]
    assert len(losses) >= 3 and all(loss.isfinite() for loss in losses)
    hub = datasets.load_dataset(str(unpacked), split="train", cache_dir=str(tmp_path / "hub"))
    assert hub["label"] == pictures.targets and hub.features["label"].names == list(soft.classes)
    told = evening.type(str(unpacked / "train.py"), str(photographs))
    assert told.rstrip().endswith("% right"), told
    student = runpy.run_path(str(unpacked / "train.py"))["network"](3, len(soft.classes)).eval()
    student.load_state_dict(load_file(unpacked / "student.safetensors"))
    assert student(torch.stack([image for image, _ in fd2.load(unpacked)])).isfinite().all()

    # The set comes back under another name, and is tested as any other.
    told = evening.fd2("import", str(unpacked), "--dataset", "cells", "--name", "back", *config)
    assert not told.startswith("refused:"), told
    cell = "students/cells/imported/plain/back/ipc2/convnet/seed0.json"
    told = evening.fd2("run", "back", f"results/{cell}", "--", "--cores", "2")
    assert not told.startswith("refused:"), told
    assert 0 <= read_record(project.folder / "results" / cell).result["last"]["top1"] <= 100
    sets = project.folder / "results/distilled/cells"
    back, sent = (
        read_distilled(sets / f"{one}/ipc2.safetensors").images
        for one in ("imported/plain/back", "sre2lpp/fd2/base")
    )
    assert torch.equal(back, sent)

    # Pictures come: the results of today are kept.
    added = [photographs / f"sound/added{number}.png" for number in range(2)]
    for path in added:
        with Image.open(photographs / "sound/3.webp") as image:
            image.rotate(90 * (1 + added.index(path))).save(path)
    assert "added0.png" in evening.fd2("doctor", *config)
    cell = "students/cells/random/plain/hard/ipc2/convnet/seed0.json"
    before = (project.folder / "results" / cell).read_bytes()
    rows = hard_random(project.folder / "results/tables/cells.csv")
    told = evening.fd2("run", "cells", f"results/{cell}", *run[2:])
    assert not told.startswith("refused:"), told
    assert (project.folder / "results" / cell).read_bytes() != before
    (kept,) = (project.folder / "results/earlier/cells").glob(f"*/{cell}")
    assert kept.read_bytes() == before
    # What is there now stands beside what was there, in the table and on the page.
    told = evening.fd2("run", "cells", "partial", *run[2:])
    assert not told.startswith("refused:"), told
    now = hard_random(project.folder / "results/tables/partial/cells.csv")
    assert now["n"] == now["earlier_n"] == rows["n"] == 2
    assert now["earlier_balanced_top1_mean"] == rows["balanced_top1_mean"]
    assert "on earlier data" in look_at(project.folder / "results/report/partial.html")


def hard_random(table: Path) -> pd.Series[Any]:
    """The row of random images under class labels."""
    (row,) = (row for _, row in pd.read_csv(table).iterrows() if row["variant"] == "hard")
    return row


def look_at(file: Path) -> str:
    """The page's words; on a phone nothing runs over the edge, and nothing is asked of outside."""
    with empty_page() as (page, seen):
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(file.as_uri())
        words = " ".join(page.locator("body").inner_text().split())
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert (seen.errors, seen.outside()) == ([], [])
    return words
