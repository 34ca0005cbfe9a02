"""Which datasets are downloaded, and what the config says of where from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.config import plugins
from fd2.errors import FD2Error

#: Keys of an entry that say where archives come from; they do not shape what is prepared from them.
SOURCE_KEYS = ("mirrors",)
_SHARED = ("mirrors", "sha256")


def download_kinds() -> list[str]:
    """Dataset kinds that have archives."""
    return [
        name
        for name in plugins.names("datasets")
        if hasattr(plugins.load("datasets", name), "ARCHIVES")
    ]


def download_kind(values: Mapping[str, Any], dataset: str) -> str | None:
    """The kind whose archives a dataset is prepared from; None where it names a local copy.

    Args:
        values: the whole config.
        dataset: the config's name for it.
    """
    entry = values["datasets"][dataset]
    kind: str = entry["kind"]
    if kind not in download_kinds():
        return None
    keys = getattr(plugins.load("datasets", kind), "LOCAL_COPIES", ("local_path",))
    return None if any(entry.get(key) is not None for key in keys) else kind


def download_settings(values: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Settings of a kind's download. Entries of one kind share it, so that they must agree.

    Args:
        values: the whole config.
        kind: one of `download_kinds`.

    Raises:
        FD2Error: if two entries name other mirrors or digests.
    """
    entries = {
        name: entry
        for name, entry in values["datasets"].items()
        if entry["kind"] == kind and download_kind(values, name)
    }
    settings: dict[str, Any] = {"kind": kind}
    for key in _SHARED:
        given = {name: entry[key] for name, entry in entries.items() if key in entry}
        if any(value != next(iter(given.values())) for value in given.values()):
            raise FD2Error(
                f"entries of kind '{kind}' differ in '{key}'",
                "settings " + ", ".join(f"'datasets.{name}.{key}'" for name in given),
                "their archives are downloaded once: write the same in each, or in one alone",
            )
        if given:
            settings[key] = next(iter(given.values()))
    return settings
