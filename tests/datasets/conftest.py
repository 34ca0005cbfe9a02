"""Public datasets at small scale: packed, served, downloaded and prepared."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.runtime.job import Job
from fd2.stages.download import DownloadSettings, download
from fd2.stages.prepare import PrepareSettings, prepare

HERE = Path(__file__).parent
RESOLUTION = 24


def load(path: Path) -> ModuleType:
    """A helper beside the tests, as a module."""
    spec = importlib.util.spec_from_file_location(f"helper_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def layouts() -> ModuleType:
    """See layouts.py."""
    return load(HERE / "layouts.py")


@pytest.fixture
def mirror() -> Iterator[Any]:
    """See tests/downloads/server.py."""
    with load(HERE.parent / "downloads" / "server.py").serve() as running:
        yield running


@pytest.fixture
def downloaded(mirror: Any, tmp_path: Path) -> Callable[..., Path]:
    """Serve archive files under their names, let the stage fetch them, return its folder."""

    def run(kind: str, *archives: Path) -> Path:
        digests = {}
        for archive in archives:
            content = archive.read_bytes()
            digests[archive.name] = hashlib.sha256(content).hexdigest()
            # Every transfer is cut once.
            mirror.offer(f"data/{archive.name}", content, cuts=[len(content) // 2])
        folder = tmp_path / "resources" / kind
        settings = DownloadSettings(kind, [f"{mirror.url}/data/"], digests)
        download(settings, folder, folder / "downloaded.json")
        return folder

    return run


@pytest.fixture
def from_tables(
    mirror: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Download a kind while its main archives are gone; its tables are on the mirror."""

    def run(kind: ModuleType, *tables: Path) -> Path:
        for table in tables:
            content = table.read_bytes()
            mirror.offer(f"tables/{table.name}", content, cuts=[len(content) // 2])
        gone = [replace(archive, urls=(f"{mirror.url}/gone",)) for archive in kind.ARCHIVES]
        monkeypatch.setattr(kind, "ARCHIVES", tuple(gone))
        there = [
            replace(archive, urls=(f"{mirror.url}/tables/{archive.name}",))
            for archive in kind.ALTERNATIVES[0]
        ]
        monkeypatch.setattr(kind, "ALTERNATIVES", (tuple(there),))
        name = kind.__name__.rpartition(".")[2]
        folder = tmp_path / "resources" / name
        download(DownloadSettings(name), folder, folder / "downloaded.json")
        return folder

    return run


@pytest.fixture
def prepared(tmp_path: Path, job: Job) -> Callable[..., PreparedDataset]:
    """Prepare a kind from a downloaded folder or from options; asserts that no path is kept."""

    def run(
        kind: str,
        downloaded: Path | None = None,
        resolution: int = RESOLUTION,
        channels: int = 3,
        **options: Any,
    ) -> PreparedDataset:
        folder = tmp_path / f"prepared{len(list(tmp_path.glob('prepared*')))}"
        settings = PrepareSettings("small", kind, resolution, options, channels=channels)
        prepare(settings, folder, job, downloaded=downloaded)
        assert str(tmp_path) not in (folder / "manifest.json").read_text()
        return open_prepared(folder)

    return run
