"""From an archive on a server to a table's cell, through snakemake."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fd2.config import plugins

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
TESTS = Path(__file__).resolve().parents[1]
SHEET = """\
dataset,method,fd2,variant,ipc,student,published
birds,full,plain,base,,resnet10t,
birds,random,plain,base,2,resnet10t,
"""
#: Of three classes together.
TRAIN, TEST = 12, 6
ARGUMENTS = ("--configfile", "config/tiny.yaml", "config/birds.yaml")
#: By dataset: its kind, how many classes, and the published numbers in the plug-in with those of
#: the small copy. The names are not the kinds', whose overrides are of the real size.
OTHERS = {
    "planes": ("aircraft", 3, "(classes=100, train=6667, test=3333)", "(3, 9, 6)"),
    "motors": ("cars", 3, "(classes=196, train=8144, test=8041)", "(3, 9, 6)"),
    "things": ("imagenette", 10, "(classes=10, train=9469, test=3925)", "(10, 30, 20)"),
    "dogs": ("imagewoof", 10, "(classes=10, train=9025, test=3929)", "(10, 30, 20)"),
    "small": ("tiny_imagenet", 4, "(classes=200, train=100_000, test=10_000)", "(4, 12, 8)"),
    "digits": (
        "mnist",
        10,
        "Published(classes=10, train=60_000, test=10_000)",
        "Published(10, 30, 20)",
    ),
}


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"workflow_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def configure(project: Any, **entry: Any) -> None:
    """The tiny workflow on the dataset ``birds`` alone."""
    birds = {"kind": "cub200", "resolution": 32, **entry}
    changes = {"tables": ["birds"], "relabel": {"batch_size": 8}, "datasets": {"birds": birds}}
    project.write("config/birds.yaml", changes)


def test_from_a_server_to_a_table(tiny: Any, tmp_path: Path) -> None:
    load(TESTS / "datasets" / "layouts.py").write_cub(tmp_path / "copy", TRAIN // 3, TEST // 3)
    layouts = sys.modules["workflow_layouts"]
    archive = layouts.packed(tmp_path / "copy", tmp_path / "CUB_200_2011.tgz")
    content = archive.read_bytes()
    plugin = tiny.folder / "src/fd2/datasets/cub200.py"
    text = plugin.read_text()
    numbers = "Published(classes=200, train=5994, test=5794)"
    assert numbers in text
    plugin.write_text(text.replace(numbers, f"Published(3, {TRAIN}, {TEST})"))
    tiny.write("config/tables/birds.csv", SHEET)
    with load(TESTS / "downloads" / "server.py").serve() as mirror:
        mirror.offer("bad/CUB_200_2011.tgz", b"<html>moved</html>", kind="text/html")
        mirror.offer("good/CUB_200_2011.tgz", content, cuts=[len(content) // 2])
        mirrors = [f"{mirror.url}/{name}" for name in ("gone", "bad", "good")]
        configure(
            tiny,
            mirrors=mirrors,
            sha256={archive.name: hashlib.sha256(content).hexdigest()},
        )
        plan = tiny.dry_run("birds", *ARGUMENTS)
        assert (plan["download"], plan["prepare"], plan["evaluate"]) == (1, 1, 1)
        done = tiny.snakemake("birds", "--cores", "1", *ARGUMENTS)
        assert done.returncode == 0, done.stdout + done.stderr
        asked = [(request.path.split("/")[0], request.range) for request in mirror.asked]
        half = f"bytes={len(content) // 2}-"
        assert asked == [("gone", None), ("bad", None), ("good", None), ("good", half)]
    assert "random" in (tiny.folder / "results/tables/birds.md").read_text().lower()
    record = json.loads((tiny.folder / "resources/cub200/downloaded.json").read_text())
    assert record["archives"][0]["url"] == f"{mirrors[2]}/CUB_200_2011.tgz"
    assert "HTTP 404" in (tiny.folder / "logs/downloads/cub200.log").read_text()
    later(tiny, tmp_path)


def later(tiny: Any, tmp_path: Path) -> None:
    """The finished workflow: what is downloaded can go, or be replaced by a copy of one's own."""
    assert tiny.dry_run("birds", *ARGUMENTS) == {}
    # An edit of the code that fetches does not reach what was prepared.
    with tiny.edited("src/fd2/downloads/archive.py"):
        assert tiny.dry_run("birds", *ARGUMENTS) == {}
    with tiny.edited("src/fd2/stages/download.py"):
        assert tiny.dry_run("birds", *ARGUMENTS) == {"download": 1}
    shutil.rmtree(tiny.folder / "resources")
    assert tiny.dry_run("birds", *ARGUMENTS) == {}
    manifest = tiny.folder / "results/data/birds/manifest.json"
    before = manifest.read_bytes()
    configure(tiny, local_path=str(tmp_path / "copy"))
    done = tiny.snakemake("results/data/birds/manifest.json", "--cores", "1", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert manifest.read_bytes() == before


def served(layouts: ModuleType, kind: str, folder: Path) -> list[Path]:
    """The archives of a kind, packed from a small copy in its true layout."""
    copy = folder / "copy"
    if kind == "cars":
        layouts.write_cars(copy)
        # Images, devkit and labels come from three hosts.
        for packed, names in (("images", ("cars_train", "cars_test")), ("kit", ("devkit",))):
            (folder / packed).mkdir()
            for name in names:
                (copy / name).rename(folder / packed / name)
        return [
            layouts.packed(folder / "images", folder / "stanford-cars.tgz"),
            layouts.packed(folder / "kit", folder / "car_devkit.tgz"),
            copy / "cars_test_annos_withlabels.mat",
        ]
    if kind == "aircraft":
        layouts.write_aircraft(copy)
        return [layouts.packed(copy, folder / "fgvc-aircraft-2013b.tar.gz")]
    if kind == "tiny_imagenet":
        return [layouts.write_tiny_imagenet(copy)]
    if kind == "mnist":
        layouts.write_idx(copy)
        return sorted(copy.iterdir())
    layouts.write_imagenette(copy, plugins.load("datasets", kind).classes, kind)
    return [layouts.packed(copy, folder / f"{kind}2.tgz")]


def test_the_other_datasets_from_a_server_to_a_table(tiny: Any, tmp_path: Path) -> None:
    layouts = load(TESTS / "datasets" / "layouts.py")
    entries = {}
    with load(TESTS / "downloads" / "server.py").serve() as mirror:
        for dataset, (kind, _, published, small) in OTHERS.items():
            digests = {}
            for archive in served(layouts, kind, tmp_path / kind):
                content = archive.read_bytes()
                mirror.offer(f"{kind}/{archive.name}", content)
                digests[archive.name] = hashlib.sha256(content).hexdigest()
            shared = {"mirrors": [f"{mirror.url}/{kind}"], "sha256": digests}
            entries[dataset] = {"kind": kind, "resolution": 32, **shared}
            module = plugins.module(f"datasets.{kind}").replace(".", "/")
            plugin = tiny.folder / f"src/fd2/{module}.py"
            text = plugin.read_text()
            assert published in text
            text = text.replace(published, small)
            if kind == "mnist":
                for archive in (tmp_path / kind / "copy").iterdir():
                    known = plugins.load("datasets", kind).FILES[archive.stem].content_sha256
                    content = gzip.decompress(archive.read_bytes())
                    assert known in text
                    text = text.replace(known, hashlib.sha256(content).hexdigest())
            plugin.write_text(text)
        rows = [f"{dataset},random,plain,hard-labels,2,resnet10t,\n" for dataset in OTHERS]
        tiny.write("config/tables/others.csv", "".join([SHEET.splitlines(True)[0], *rows]))
        relabel = {"batch_size": 8}
        changes = {"tables": ["others"], "relabel": relabel, "datasets": entries}
        tiny.write("config/others.yaml", changes)
        configs = ("--configfile", "config/tiny.yaml", "config/others.yaml")
        done = tiny.snakemake("others", "--cores", "1", *configs)
        assert done.returncode == 0, done.stdout + done.stderr
    results = tiny.folder / "results"
    table = (results / "tables/others.md").read_text()
    for dataset, (kind, classes, _, _) in OTHERS.items():
        manifest = json.loads((results / f"data/{dataset}/manifest.json").read_text())
        assert (manifest["source"]["kind"], len(manifest["classes"])) == (kind, classes)
        assert len(manifest["mean"]) == (1 if kind == "mnist" else 3)
        path = results / f"students/{dataset}/random/plain/hard-labels/ipc2/resnet10t/seed0.json"
        cell = json.loads(path.read_text())
        assert cell["cell"]["dataset"] == dataset
        assert f"{cell['result']['last']['top1']:.1f}" in table
    assert "Missing results" not in table


def test_no_mirror(tiny: Any) -> None:
    configure(tiny, mirrors=["http://127.0.0.1:1"])
    tiny.write("config/tables/birds.csv", SHEET)
    target = "results/data/birds/manifest.json"
    done = tiny.snakemake(target, "--cores", "1", "--retries", "0", *ARGUMENTS)
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in output
    assert "error: no mirror gives CUB_200_2011.tgz" in output
    assert "put it at resources/cub200/CUB_200_2011.tgz" in output
