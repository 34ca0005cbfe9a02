"""Artefacts that are truncated, hold a flipped bit, or lie in another's place."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chain import CELL, GROUP, LABELS, SET, Chain
from tally import Tally


@dataclass(frozen=True)
class Damaged:
    """An artefact, a similar one of another origin, and the stages from its reader on.

    What these stages make is deleted first, so that ``other`` must not be among it.
    """

    path: str
    other: str
    readers: tuple[str, ...]


_LAST = ("evaluate",)
_PLAIN = "sre2lpp/plain/base"
ARTEFACTS = (
    Damaged("data/tiny/test.npy", "data/tiny/train.npy", _LAST),
    Damaged("data/tiny/manifest.json", "data/tiny/record.json", _LAST),
    Damaged(
        "teachers/tiny/resnet10t/cal.safetensors",
        "teachers/tiny/resnet10t/plain.safetensors",
        ("distill", "assemble", "relabel", "evaluate"),
    ),
    Damaged(
        "patches/tiny/2x2.safetensors",
        f"distilled/tiny/{_PLAIN}/group0.safetensors",
        ("distill", "assemble", "relabel", "evaluate"),
    ),
    Damaged(GROUP, f"distilled/tiny/{_PLAIN}/group0.safetensors", ("assemble", *_LAST)),
    Damaged(SET, f"distilled/tiny/{_PLAIN}/ipc2.safetensors", ("relabel", *_LAST)),
    Damaged(f"{LABELS}/logits.npy", f"labels/tiny/{_PLAIN}/ipc2/logits.npy", _LAST),
    Damaged(
        f"{LABELS}/augmentation.safetensors",
        f"labels/tiny/{_PLAIN}/ipc2/augmentation.safetensors",
        _LAST,
    ),
)
#: Messages of readers that refuse a file.
REFUSALS = (
    "damaged file",
    "the file is ",
    "not a manifest",
    "changed by hand",
    "the manifest says",
)


def truncate(path: Path, other: Path, rng: random.Random) -> None:
    """Cut a file somewhere."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def flip(path: Path, other: Path, rng: random.Random) -> None:
    """Turn one bit over."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def swap(path: Path, other: Path, rng: random.Random) -> None:
    """Put another artefact in its place."""
    shutil.copyfile(other, path)


WAYS: dict[str, Callable[[Path, Path, random.Random], None]] = {
    "truncated artefact": truncate,
    "flipped bit": flip,
    "swapped artefact": swap,
}


def damage(
    chain: Chain,
    wanted: dict[str, str],
    tally: Tally,
    artefacts: tuple[Damaged, ...],
    rng: random.Random,
) -> None:
    """Damage each artefact in each way, time stamps unchanged, and let its reader run.

    A reader either refuses the file by name, or (a bit of a header that means nothing) ends in the
    bytes of the undisturbed run.
    """
    for artefact in artefacts:
        path = chain.results / artefact.path
        intact, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
        for kind, spoil in WAYS.items():
            chain.forget(artefact.readers)
            spoil(path, chain.results / artefact.other, rng)
            os.utime(path, ns=times)
            done = chain.run()
            refused = any(words in done.output for words in REFUSALS)
            named = Path(artefact.path).parent.as_posix() in done.output
            unharmed = done.returncode == 0 and (chain.results / CELL).is_file()
            path.write_bytes(intact)
            os.utime(path, ns=times)
            again = chain.run()
            same = again.returncode == 0 and chain.artefacts() == wanted
            if unharmed and kind != "flipped bit":
                tally.add(kind, False, f"{artefact.path} was used")
                continue
            said = done.output[-600:]
            clear = unharmed or (done.returncode != 0 and refused and named)
            tally.add(kind, clear and same, f"{artefact.path}: same {same}, said {said}")
