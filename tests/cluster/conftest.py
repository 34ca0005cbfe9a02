"""The cluster, and the tiny workflow run on it through the shipped profile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.cluster.slurm import Slurm, slurm
from tests.workflow.conftest import Project, Server, tiny_project

#: The table and all that it needs; figures would test nothing that the table does not.
CHAIN = ["--configfile", "config/tiny.yaml", "--", "tiny"]
#: The profile as it is shipped; its waiting times suit jobs of minutes, these take seconds.
ON_CLUSTER = [
    *("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "10"),
    *("--latency-wait", "5", "--nocolor"),
]


def start(project: Project, *arguments: str) -> subprocess.Popen[str]:
    """Snakemake in the background, without the repository's own sources on the path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=project.folder,
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Two nodes with a GPU each."""
    with slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Runs snakemake without a cluster."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny workflow, run to its end on this machine alone."""
    project = tiny_project(tmp_path_factory.mktemp("undisturbed") / "repository", server)
    done = project.snakemake("--cores", "2", *CHAIN)
    assert done.returncode == 0, done.stdout + done.stderr
    return project
