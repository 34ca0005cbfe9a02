"""Which pictures of a dataset came, went or changed between two looks at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fd2.artifacts.manifests import Manifest
from fd2.artifacts.remarks import Remark

_USE = {"train": "train on", "test": "test on"}


@dataclass(frozen=True)
class Picture:
    """What a picture was when it was looked at.

    Attributes:
        class_name: of its class.
        split: ``train`` or ``test``.
        sha256: of its file; None where files were listed and not read.
    """

    class_name: str
    split: str
    sha256: str | None


def pictures(manifest: Manifest) -> dict[str, Picture]:
    """The pictures of prepared data by their names."""
    return {
        entry["path"]: Picture(manifest.classes[entry["class"]], split, entry["sha256"])
        for split, entries in manifest.files.items()
        for entry in entries
    }


def changes(before: Mapping[str, Picture], now: Mapping[str, Picture]) -> list[Remark]:
    """What is to be told of pictures that are others than before; nothing where they are the same.

    A picture that went and one that came with the same content are one that was renamed. Content is
    compared where both sides have its digest.
    """
    pairs = {name: name for name in now if name in before}
    pairs |= _renamed(before, now)
    stayed = set(pairs.values())
    found: dict[str, list[str]] = defaultdict(list)
    for name, was in before.items():
        if name not in stayed:
            found[f"pictures to {_USE[was.split]} that went"].append(name)
    for name, one in now.items():
        if name not in pairs:
            found[f"pictures to {_USE[one.split]} that came"].append(name)
            continue
        old = pairs[name]
        was, shown = before[old], name if name == old else f"{old} → {name}"
        if was.class_name != one.class_name:
            found["pictures that are in another class"].append(shown)
        elif name != old:
            found["pictures with another name"].append(shown)
        if None not in (was.sha256, one.sha256) and was.sha256 != one.sha256:
            found["pictures with other content"].append(name)
        if was.split != one.split:
            found[f"pictures to {_USE[was.split]} that are to {_USE[one.split]}"].append(shown)
    return [Remark.of(what, names) for what, names in sorted(found.items())]


def _renamed(before: Mapping[str, Picture], now: Mapping[str, Picture]) -> dict[str, str]:
    """Old names of pictures by their new ones; of copies, the first to the first."""
    gone: dict[str | None, list[str]] = defaultdict(list)
    for name in _missing(before, now):
        gone[before[name].sha256].append(name)
    pairs = {}
    for name in _missing(now, before):
        same = gone.get(now[name].sha256) if now[name].sha256 is not None else None
        if same:
            pairs[name] = same.pop(0)
    return pairs


def _missing(names: Iterable[str], there: Mapping[str, Picture]) -> list[str]:
    return [name for name in names if name not in there]
