"""Copies of the repository in which snakemake runs, so that files can be edited."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("Snakefile", "workflow", "src", "config", "profiles", "envs", "pyproject.toml")
#: Two classes of real photographs: sound and cracked solar cells.
CLASSES = {"sound": "0.0", "cracked": "1.0"}
TRAIN_IMAGES, TEST_IMAGES = 8, 3

TINY_SHEET = """\
dataset,method,fd2,variant,ipc,student,published
tiny,full,fd2,base,,resnet10t,
tiny,random,plain,hard-labels,2,resnet10t,
tiny,sre2lpp,plain,base,2,resnet10t,
tiny,sre2lpp,fd2,base,2,resnet10t,60.5
"""
SEEN_SHEET = """\
# kind: diagnostics
dataset,method,fd2,variant,ipc,backbone,training
tiny,full,plain,base,,resnet10t,cal
tiny,sre2lpp,plain,base,2,resnet10t,cal
tiny,sre2lpp,fd2,base,2,resnet10t,cal
"""
REAL = {"method": "full", "fd2": "plain", "variant": "base"}
RDED = {"method": "rded", "fd2": "plain", "variant": "base"}
BOTH = [
    {"method": "sre2lpp", "fd2": "plain", "variant": "base"},
    {"method": "sre2lpp", "fd2": "fd2", "variant": "base"},
]
LOOK = {"dataset": "tiny", "ipc": 2, "class": "cracked", "teacher": "resnet10t"}
SHORT = {"teachers": ["resnet10t"], "iterations": 2, "maximum_roll": 4}
TINY = {
    "device": "cpu",
    "threads": {
        stage: 1
        for stage in (
            *("prepare", "pretrain", "patches", "distill", "relabel", "evaluate", "diagnose"),
        )
    },
    "tables": ["tiny", "seen"],
    "seeds": [0],
    "figures": {
        "curves": {"dataset": "tiny", "ipc": 2, "student": "resnet10t", "rows": BOTH},
        "images": {"dataset": "tiny", "ipc": 2, "rows": [RDED, *BOTH]},
        "figure1b": {**LOOK, "slots": 1, "rows": [RDED, *BOTH]},
        "embedding": {
            **{"kind": "feature_embedding", "dataset": "tiny", "ipc": 2, "class_count": 2},
            **{"images_per_class": 8, "perplexity": 5, "seed": 0},
            **{"backbone": "resnet10t", "training": "cal", "rows": [REAL, *BOTH]},
        },
    },
    "datasets": {"tiny": {"kind": "imagefolder", "path": "photos", "resolution": 32}},
    "pretrain": {"initialisation": "scratch", "batch_size": 8, "epochs": 1, "attention_maps": 4},
    "patches": {"scorer": "resnet10t"},
    "distill": {
        "slots": 2,
        "group_size": 2,
        # A rate at which images move away from their initial patches.
        "methods": {
            "rded": {"patches": {"scorer": "resnet10t"}},
            "sre2lpp": {**SHORT, "learning_rate": 0.05},
        },
    },
    "relabel": {"teachers": ["resnet10t"], "epochs": 2, "batch_size": 4},
    "evaluate": {"epochs": 2},
}


@dataclass(frozen=True)
class Run:
    """What a snakemake command left."""

    returncode: int
    stdout: str
    stderr: str


class Server:
    """The process of server.py, and the files that its forks write to."""

    def __init__(self, folder: Path) -> None:
        self.streams = {name: folder / name for name in ("stdout", "stderr")}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: list[str], folder: Path, environment: dict[str, str]) -> Run:
        """Run snakemake with these arguments, in this folder."""
        assert self._process.stdin is not None and self._process.stdout is not None
        streams = {name: str(path) for name, path in self.streams.items()}
        request = {"arguments": arguments, "folder": str(folder), "environment": environment}
        self._process.stdin.write(json.dumps({**request, **streams}) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        return Run(status, *(path.read_text() for path in self.streams.values()))

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Project:
    """A copy of the repository.

    Attributes:
        folder: its root; snakemake runs there.
    """

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self._server = server

    def write(self, name: str, content: object) -> str:
        """Write a file: text, bytes, or anything else as YAML. Returns ``name``."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return name

    @contextlib.contextmanager
    def edited(self, name: str, content: str | None = None) -> Iterator[None]:
        """Give a file other content for a while; by default a comment is put at its end."""
        path = self.folder / name
        before = path.read_text()
        path.write_text(before + "\n# edited\n" if content is None else content)
        try:
            yield
        finally:
            path.write_text(before)

    def snakemake(self, *arguments: str, **environment: str) -> Run:
        """Run snakemake here, without the repository's own sources on the path."""
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return self._server.run(
            ["--nocolor", *arguments], self.folder, {**inherited, **environment}
        )

    def dry_run(self, *arguments: str) -> dict[str, int]:
        """The number of jobs of each rule that would run, with ``total``."""
        done = self.snakemake("--dry-run", *arguments)
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        assert "in rule unknown" not in output, "the rule for unknown paths matches a known one"
        if "Nothing to be done" in output:
            return {}
        lines = output.split("Job stats:", 1)[1].split("total", 1)[0].splitlines()[3:]
        return {rule: int(count) for rule, count in (line.split() for line in lines if line)}

    def summary(self, *arguments: str) -> list[dict[str, str]]:
        """A line for each output file of each job behind the targets."""
        done = self.snakemake("--summary", *arguments)
        assert done.returncode == 0, done.stderr
        return list(csv.DictReader(io.StringIO(done.stdout), delimiter="\t"))

    def records(self, *arguments: str) -> set[str]:
        """The records that jobs behind the targets would write, below the results folder."""
        rows = [row for row in self.summary(*arguments) if row["plan"] == "update pending"]
        paths = {row["output_file"].removeprefix("results/") for row in rows}
        return {path for path in paths if path.endswith(".json")}

    def pending(self, *arguments: str) -> set[str]:
        """The jobs that would run, as `job_name` names them."""
        rows = [row for row in self.summary(*arguments) if row["plan"] == "update pending"]
        return {job_name(row["rule"], row["output_file"]) for row in rows}


def job_name(rule: str, output: str) -> str:
    """A job of the tiny workflow by its rule and what tells it from others of that rule."""
    parts = Path(output).parts[1:]
    if rule in ("pretrain", "patches", "draw", "tabulate"):
        return f"{rule} {Path(parts[-1]).stem}"
    if rule in ("prepare", "summarise"):
        return rule
    seed = Path(parts[-1]).stem if rule == "evaluate" and "seed0" not in parts[-1] else ""
    return " ".join(filter(None, (rule, parts[2], parts[3], seed)))


def write_photos(folder: Path) -> None:
    """``folder/{train,test}/{class}/`` with photographs of the installed package elpv-dataset."""
    spec = find_spec("elpv_dataset")
    assert spec is not None and spec.origin is not None
    data = Path(spec.origin).parent / "data"
    rows = [line.split() for line in (data / "labels.csv").read_text().splitlines()]
    for name, probability in CLASSES.items():
        images = [row[0] for row in rows if row[1] == probability and row[2] == "mono"]
        for number, image in enumerate(images[: TRAIN_IMAGES + TEST_IMAGES]):
            split = "train" if number < TRAIN_IMAGES else "test"
            target = folder / split / name / Path(image).name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data / image, target)


def copy_sources(folder: Path, server: Server) -> Project:
    """A copy of what the workflow consists of."""
    for name in SOURCES:
        source = REPOSITORY / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("*.pyc.*", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return Project(folder, server)


def tiny_project(folder: Path, server: Server) -> Project:
    """A copy with the tiny config, its sheet and its photographs."""
    project = copy_sources(folder, server)
    project.write("config/tiny.yaml", TINY)
    project.write("config/tables/tiny.csv", TINY_SHEET)
    project.write("config/tables/seen.csv", SEEN_SHEET)
    write_photos(folder / "photos")
    return project


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Runs snakemake for all tests."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sources(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the sources as they are shipped; leave it as it is."""
    return copy_sources(tmp_path_factory.mktemp("sources") / "repository", server)


@pytest.fixture(scope="session")
def finished(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny workflow, run to its end; tests may edit files only for a while, and run no job.

    It is run once for all processes of pytest, of which each has a copy.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made = shared / "finished"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            project = tiny_project(tmp_path_factory.mktemp("unfinished") / "repository", server)
            done = project.snakemake("--cores", "2", "--configfile", "config/tiny.yaml")
            assert done.returncode == 0, done.stdout + done.stderr
            project.folder.rename(made)
    folder = tmp_path_factory.mktemp("finished") / "repository"
    shutil.copytree(made, folder)
    return Project(folder, server)


@pytest.fixture
def tiny(server: Server, tmp_path: Path) -> Project:
    """The tiny workflow before its first job, for one test."""
    return tiny_project(tmp_path / "repository", server)


@pytest.fixture
def expendable(server: Server, finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished tiny workflow whose jobs may fail, for one test."""
    folder = tmp_path / "expendable"
    shutil.copytree(finished.folder, folder)
    return Project(folder, server)


@pytest.fixture
def changed(finished: Project) -> Callable[[object], list[str]]:
    """Arguments for the tiny config with some settings changed."""

    def arguments(settings: object) -> list[str]:
        name = finished.write("config/changed.yaml", settings)
        return ["--configfile", "config/tiny.yaml", name]

    return arguments
