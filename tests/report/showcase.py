"""A results folder of real photographs of solar cells, with students whose answers are drawn."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tests.tables.conftest import FACTS, write_cell, write_teacher

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import write_distilled
from fd2.artifacts.manifests import Manifest, write_manifest
from fd2.config.names import Cell, SetName
from fd2.report.commands import Invocation
from fd2.report.page import PageSources
from fd2.stages.draw import draw
from fd2.stages.tabulate import tabulate
from fd2.training.accuracy import accuracies, correct_images, mistaken_images

TEXTS = Path(__file__).resolve().parents[2] / "workflow/report"
CLASSES = ("mono, sound", "mono, cracked", "poly, sound", "poly, cracked <all of the cell>")
TEST_IMAGES, SIDE = 30, 48
#: Rows of the sheet with their share of right answers.
ROWS = {
    "random,plain,hard,5": 0.5,
    "random,plain,base,5": 0.5,
    "random,fd2,base,5": 0.5,
    "rded,plain,base,5": 0.6,
    "sre2lpp,plain,base,5": 0.55,
    "sre2lpp,fd2,base,5": 0.8,
    "random,plain,base,1": 0.4,
    "sre2lpp,plain,base,1": 0.4,
}
BEST = SetName("cells", "sre2lpp", "fd2", "base")
SEEDS = [0, 1, 2]
#: Grades of the package's list of photographs, in the order of `CLASSES`.
GRADES = [("mono", "0.0"), ("mono", "1.0"), ("poly", "0.0"), ("poly", "1.0")]


def showcase(
    folder: Path, dataset: str = "cells", classes: tuple[str, ...] = CLASSES, **shares: float
) -> PageSources:
    """Write results of a dataset, its table and its figure; ``shares`` change those of `ROWS`.

    Keys are method and FD² with an underscore, of five images per class.
    """
    results = folder / "results"
    manifest = Manifest(
        dataset=dataset,
        resolution=SIDE,
        classes=classes,
        files={
            split: [{"path": "a", "class": c, "sha256": ""} for c in range(4) for _ in range(count)]
            for split, count in (("train", 40), ("test", TEST_IMAGES))
        },
        mean=(0.5,),
        std=(0.2,),
        source={"licence": "CC BY-NC-SA 4.0", "pixels_sha256": {"train": "", "test": ""}},
    )
    write_manifest(results / f"data/{dataset}/manifest.json", manifest)
    (folder / "config.csv").write_text(sheet(dataset))
    for fd2, training in (("plain", "plain"), ("fd2", "cal")):
        write_teacher(results, dataset, "resnet18", training, manifest=manifest.digest())
        write_set(results, replace(BEST, dataset=dataset, fd2=fd2), manifest)
    labels = torch.arange(4).repeat_interleave(TEST_IMAGES)
    for row, usual in ROWS.items():
        method, fd2, variant, ipc = row.split(",")
        share = shares.get(f"{method}_{fd2}", usual) if ipc == "5" else usual
        name = SetName(dataset, method, fd2, variant)
        images = results / name.images(int(ipc))
        inputs = {"distilled": file_digest(images)} if images.is_file() else {}
        for seed in SEEDS:
            generator = torch.Generator().manual_seed(seed)
            right = torch.rand(len(labels), generator=generator) < share
            # What is wrong is mostly the other grade of the same kind of cell.
            other = torch.rand(len(labels), generator=generator) < 0.8
            answers = torch.where(right, labels, torch.where(other, labels ^ 1, labels ^ 2))
            scores = accuracies(answers, labels)
            write_cell(
                results,
                Cell(name, int(ipc), "resnet18", seed),
                **{"top1": scores["top1"], "balanced": scores["balanced_top1"]},
                **{"manifest": manifest.digest(), "inputs": inputs},
                result={
                    "last": {"epoch": 10, **scores},
                    "correct": correct_images(answers, labels, classes),
                    "mistaken_for": mistaken_images(answers, labels, classes),
                },
            )
    stem = fill_table(folder)
    figures, drawn = draw_figure(results, dataset)
    return PageSources(
        results=results,
        benchmarks=folder / "benchmarks",
        tables={"config": stem.with_suffix(".md")},
        numbers={"config": sorted((results / "students").rglob("*.json"))},
        figures=drawn,
        settings={"preset": "paper", "seeds": SEEDS, "tables": ["config"], "figures": figures},
        invocation=Invocation(["config/cells.yaml"], {}),
        texts=TEXTS,
    )


def fill_table(folder: Path) -> Path:
    """Fill the table from the results that are there; its path without suffix."""
    stem = folder / "results/tables/config"
    rows = [line.split(",") for line in (folder / "config.csv").read_text().splitlines()[1:]]
    facts = [{} if r[1] == "full" else {**FACTS, "labels": " ".join(r[2:4])} for r in rows]
    tabulate(folder / "config.csv", folder / "results", SEEDS, facts, TEXTS / "tables", stem)
    return stem


def sheet(dataset: str) -> str:
    """The sheet's text: full data with and without FD², then `ROWS`."""
    rows = ["full,plain,base,", "full,fd2,base,", *ROWS]
    header = "dataset,method,fd2,variant,ipc,student,published"
    return "\n".join([header, *(f"{dataset},{row},resnet18," for row in rows)]) + "\n"


def write_set(results: Path, name: SetName, manifest: Manifest) -> None:
    """Five photographs of each class as a set."""
    package = find_spec("elpv_dataset")
    assert package is not None and package.origin is not None
    folder = Path(package.origin).parent / "data"
    lines = [line.split() for line in (folder / "labels.csv").read_text().splitlines()]
    by_class = [[one[0] for one in lines if (one[2], one[1]) == grade][:5] for grade in GRADES]
    pixels = [[_pixels(folder / path) for path in paths] for paths in by_class]
    images = torch.from_numpy(np.array(pixels))[:, :, None].transpose(0, 1)
    metadata = {"manifest": manifest.digest(), "mean": [0.5], "std": [0.2]}
    write_distilled(results / name.images(5), images.contiguous(), metadata)


def draw_figure(results: Path, dataset: str) -> tuple[dict[str, Any], dict[str, Path]]:
    """The settings of a figure of both sets, and the figure."""
    rows = [{"method": "sre2lpp", "fd2": fd2, "variant": "base"} for fd2 in ("plain", "fd2")]
    spec = {
        **{"kind": "distilled_images", "dataset": dataset, "ipc": 5, "slots": 2, "rows": rows},
        **{"classes": None, "columns": None, "stretched": False},
    }
    paths = [[results / SetName(dataset, **row).images(5)] for row in rows]
    manifest = [results / f"data/{dataset}/manifest.json"]
    stem = results / "figures/images"
    draw(spec, {"row0": paths[0], "row1": paths[1], "manifest": manifest}, stem)
    return {"images": spec}, {"images": stem.with_suffix(".png")}


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((SIDE, SIDE)))
