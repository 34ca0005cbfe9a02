"""Atomic writes (temporary name, fsync, rename), digests, JSON, and npy without pickle."""

from __future__ import annotations

import contextlib
import csv
import glob
import hashlib
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np

from fd2.artifacts.values import number_fault
from fd2.errors import FD2Error, cannot_write

if TYPE_CHECKING:
    import pandas as pd


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it.

    On any error the temporary file is removed and ``path`` is left as it was. Temporary files of
    killed processes of this host are removed too.

    Raises:
        FD2Error: if the folder cannot be written or the disk is full.
    """
    target = Path(path)
    host = platform.node()
    temporary = target.with_name(f".{target.name}.{host}-{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_orphans(target, host)
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _remove_orphans(target: Path, host: str) -> None:
    """Delete temporary files of ``target`` whose process no longer lives."""
    start = f".{target.name}.{host}-"
    for path in target.parent.glob(f"{glob.escape(start)}*.tmp"):
        number = path.name.removeprefix(start).removesuffix(".tmp")
        if number.isdecimal() and not _runs(int(number)):
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def file_digest(path: str | Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces, so that equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def json_digest(value: object) -> str:
    """sha256 of `canonical_json`, in hexadecimal; halves of a character, which JSON allows, too."""
    return hashlib.sha256(canonical_json(value).encode(errors="surrogatepass")).hexdigest()


def write_json(path: str | Path, value: object) -> None:
    """Write indented JSON atomically.

    Raises:
        FD2Error: if a number is not finite or out of its range.
    """
    if fault := number_fault(value):
        raise diverged(path, fault)
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_frame(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a frame as csv without its index, floats with four decimals, unknowns empty."""
    write_text(path, frame_text(frame))


def frame_text(frame: pd.DataFrame) -> str:
    """See `write_frame`."""
    form: Any = {"index": False, "float_format": "%.4f", "lineterminator": "\n"}
    text = frame.to_csv(**form)
    # A carriage return ends a line for readers too, but is not quoted by itself.
    return text if "\r" not in text else frame.to_csv(quoting=csv.QUOTE_ALL, **form)


def read_json(path: str | Path) -> Any:
    """Read JSON; see `parse_json`.

    Raises:
        FD2Error: if the file is missing, cannot be read, or is not such JSON.
    """
    try:
        return parse_json(Path(path).read_bytes(), path)
    except OSError as error:
        raise cannot_read(path, error) from error


def parse_json(text: str | bytes, path: str | Path) -> Any:
    """The values of JSON in UTF-8 in which no key stands twice.

    Raises:
        FD2Error: if it is not such JSON, or a number in it is not finite or out of its range;
            ``path`` is the file that holds it.
    """
    try:
        words = text if isinstance(text, str) else text.decode()
        content = json.loads(words, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
    if fault := number_fault(content):
        raise damaged(path, fault)
    return content


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)!r} stands twice")
    return values


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write an ``.npy`` file atomically."""
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def read_array(path: str | Path) -> np.ndarray:
    """Map an ``.npy`` file read-only; several jobs share its pages.

    Raises:
        FD2Error: if the file is missing, cannot be read, is truncated or damaged in its header, or
            holds Python objects.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise cannot_read(path, error) from error
    except (ValueError, EOFError, OverflowError, RecursionError, SyntaxError, TokenError) as error:
        # NumPy reads the header as a Python literal, so damage may show as broken syntax.
        raise damaged(path, str(error)) from error
    described, actual = array.offset + array.nbytes, Path(path).stat().st_size
    if described != actual:
        raise damaged(path, f"its header describes {described} bytes, it holds {actual}")
    return array


def not_found(path: str | Path) -> FD2Error:
    """The error for an artefact that does not exist yet, or is a folder."""
    if Path(path).is_dir():
        return FD2Error("a folder, not a file", str(path), "name a file in it")
    return FD2Error("file not found", str(path), f"make it: snakemake {path}")


def diverged(path: str | Path, fault: str) -> FD2Error:
    """The error for a result that must not be written, because a number in it cannot be right."""
    return FD2Error(
        fault,
        str(path),
        "a network that made it has diverged: lower the learning rate of its training, and leave "
        "out 'mixed_precision' where it is set",
    )


def cannot_read(path: str | Path, error: OSError) -> FD2Error:
    """The error for a file that the system does not give; `not_found` where there is none."""
    if isinstance(error, FileNotFoundError):
        return not_found(path)
    what = f"cannot read: {error.strerror or error}"
    return FD2Error(what, str(path), "give yourself the right to read it (ls -l), then run again")


def damaged(path: str | Path, reason: str) -> FD2Error:
    """The error for a file whose content is not what a stage wrote."""
    return FD2Error(
        f"damaged file: {reason}", str(path), "delete it and run again; its stage makes it anew"
    )
