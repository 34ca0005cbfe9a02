"""Atomic writes (temporary name, fsync, rename), digests, JSON, and npy without pickle."""

from __future__ import annotations

import contextlib
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
    write_text(path, frame.to_csv(index=False, float_format="%.4f", lineterminator="\n"))


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        FD2Error: if the file is missing or is not JSON, or a number in it is not finite or out of
            its range.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise not_found(path) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error
    if fault := number_fault(content):
        raise damaged(path, fault)
    return content


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write an ``.npy`` file atomically."""
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def read_array(path: str | Path) -> np.ndarray:
    """Map an ``.npy`` file read-only; several jobs share its pages.

    Raises:
        FD2Error: if the file is missing, truncated, damaged in its header, or holds Python objects.
    """
    try:
        array: np.memmap = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise not_found(path) from error
    except (ValueError, EOFError, OSError, SyntaxError, TokenError) as error:
        # NumPy reads the header as a Python literal, so damage may show as broken syntax.
        raise damaged(path, str(error)) from error
    described, actual = array.offset + array.nbytes, Path(path).stat().st_size
    if described != actual:
        raise damaged(path, f"its header describes {described} bytes, it holds {actual}")
    return array


def not_found(path: str | Path) -> FD2Error:
    """The error for an artefact that does not exist yet."""
    return FD2Error("file not found", str(path), f"make it: snakemake {path}")


def diverged(path: str | Path, fault: str) -> FD2Error:
    """The error for a result that must not be written, because a number in it cannot be right."""
    return FD2Error(
        fault,
        str(path),
        "a network that made it has diverged: lower the learning rate of its training, and leave "
        "out 'mixed_precision' where it is set",
    )


def damaged(path: str | Path, reason: str) -> FD2Error:
    """The error for a file that exists but cannot be read."""
    return FD2Error(
        f"damaged file: {reason}", str(path), "delete it and run again; its stage makes it anew"
    )
