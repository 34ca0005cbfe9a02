"""Which datasets are downloaded, and from where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.datasets import download_kind, download_settings
from fd2.config.layers import merge, read_yaml
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
BIRDS = {"kind": "cub200", "resolution": 64}


def configured(**datasets: Any) -> Configuration:
    shipped = read_yaml(CONFIG / "config.yaml")
    changed = {"tables": [], "figures": {}, "datasets": datasets}
    return checked_configuration(merge({**shipped, "figures": {}}, changed), "test", CONFIG)


def test_a_local_copy_is_not_downloaded() -> None:
    values = configured(
        a={**BIRDS, "local_path": "birds"},
        b={"kind": "imagewoof", "resolution": 64, "imagenet_path": "x"},
        c={**BIRDS, "local_path": None},
    ).values
    found = [download_kind(values, name) for name in ("a", "b", "c", "cub200", "cars", "elpv")]
    assert found == [None, None, "cub200", "cub200", "cars", None]


def test_entries_of_a_kind_share_their_download() -> None:
    mirrors = ["https://data.example.org/fd2"]
    configuration = configured(a={**BIRDS, "mirrors": mirrors, "local_path": None})
    values = configuration.values
    assert download_settings(values, "cub200") == {"kind": "cub200", "mirrors": mirrors}
    assert download_settings(values, "cars") == {"kind": "cars"}
    assert configuration.prepare("a")["options"] == {"local_path": None}
    values = configured(
        a={**BIRDS, "mirrors": mirrors},
        b={**BIRDS, "mirrors": []},
        c={**BIRDS, "mirrors": ["http://x"], "local_path": "birds"},
    ).values
    with pytest.raises(FD2Error, match="entries of kind 'cub200' differ in 'mirrors'") as caught:
        download_settings(values, "cub200")
    assert caught.value.where == "settings 'datasets.a.mirrors', 'datasets.b.mirrors'"


@pytest.mark.parametrize(
    "options",
    [{"mirrors": ["ftp://x"]}, {"sha256": {"a.tgz": "0"}}, {"local_path": ""}, {"path": "x"}],
    ids=str,
)
def test_wrong_options(options: dict[str, Any]) -> None:
    with pytest.raises(FD2Error):
        configured(a={**BIRDS, **options})
