"""One file over HTTP: mirrors in order, a cut transfer continued, the result checked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from fd2.downloads.archive import Archive, Identity, identify
from fd2.downloads.response import Body, RefusedError, WrongRangeError, open_body
from fd2.errors import FD2Error, cannot_write
from fd2.runtime.progress import Progress

TIMEOUT_SECONDS = 60.0
#: Requests to one mirror before the next is tried; each continues where the one before was cut.
ATTEMPTS = 4
BLOCK = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """A checked file, and the mirror it came from; None if it lay in the folder already."""

    path: Path
    url: str | None
    identity: Identity


def fetch(archive: Archive, folder: Path) -> Fetched:
    """Have the archive as a checked file in ``folder``, from the first mirror that gives it.

    A transfer that is cut leaves a ``.part`` file, which the next request or the next call
    continues. Wrong content is removed. An existing file of the archive's name is
    checked and taken.

    Raises:
        FD2Error: if no mirror gives the file (each one's failure is named), if an existing file
            is another one, or if the folder cannot be written.
    """
    path = folder / archive.name
    if path.exists():
        identity = identify(path)
        if fault := identity.fault(archive):
            fix = "delete it or put the right one"
            raise FD2Error(f"not the known file: {fault}", str(path), fix)
        return Fetched(path, None, identity)
    failures = []
    for url in archive.urls:
        print(f"fetch {url}", flush=True)
        try:
            identity = _from_mirror(archive, url, path)
        except (RefusedError, HTTPException, OSError) as error:
            failures.append(f"{url}: {_reason(error)}")
            print(f"failed: {_reason(error)}", flush=True)
        else:
            return Fetched(path, url, identity)
    raise FD2Error(
        f"no mirror gives {archive.name}:" + "".join(f"\n    {line}" for line in failures),
        str(folder),
        f"fetch it by hand and put it at {path}, set 'local_path' to an unpacked copy, or name "
        "your own server in 'mirrors'",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return str(getattr(error, "reason", None) or error) or type(error).__name__


def _from_mirror(archive: Archive, url: str, path: Path) -> Identity:
    # Mirrors share an unfinished file only where a digest shows whether their parts fit.
    mirror = "" if archive.identified else "." + hashlib.sha256(url.encode()).hexdigest()[:8]
    part = path.with_name(f"{path.name}{mirror}.part")
    while True:
        continued = part.exists()
        _complete(archive, url, part)
        identity = identify(part)
        fault = identity.fault(archive)
        if fault is None:
            part.replace(path)
            return identity
        part.unlink()
        # The part may have been of another file: once more, from the start.
        if not continued:
            raise RefusedError(fault)


def _complete(archive: Archive, url: str, part: Path) -> None:
    """Request until the server has sent all; go on after a cut, start anew after a 416."""
    for remaining in reversed(range(ATTEMPTS)):
        offset = part.stat().st_size if part.exists() else 0
        try:
            with open_body(url, offset, TIMEOUT_SECONDS) as body:
                if archive.sizes and body.total not in (None, *archive.sizes):
                    known = " or ".join(map(str, archive.sizes))
                    raise RefusedError(f"offers {body.total} bytes, not {known}")
                _write(body, part, archive)
            return
        except HTTPError as error:
            if error.code != 416 or offset == 0:
                raise
            # Nothing is left to send, by the known size or the answer's.
            size = str(error.headers.get("Content-Range", "")).rpartition("/")[2]
            if offset in archive.sizes or size == str(offset):
                return
            part.unlink()
        except WrongRangeError:
            part.unlink()
        except (HTTPException, OSError):
            grown = part.stat().st_size if part.exists() else 0
            if remaining == 0 or grown <= offset:
                raise
    raise RefusedError(f"cut off {ATTEMPTS} times")


def _write(body: Body, part: Path, archive: Archive) -> None:
    """Append to ``part``, or write it anew where the server sends all from the start."""
    most = max(archive.sizes, default=None) if body.total is None else body.total
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        stream = part.open("ab" if body.offset else "wb")
    except OSError as error:
        raise cannot_write(part, error) from error
    with stream:
        # Without a length the blocks cannot be counted beforehand.
        blocks = None if body.total is None else -(-(body.total - body.offset) // BLOCK)
        steps = iter(Progress(blocks, f"fetch {archive.name}", unit="MiB")) if blocks else None
        while block := body.read(BLOCK):
            if steps is not None:
                next(steps, None)
            try:
                stream.write(block)
            except OSError as error:
                raise cannot_write(part, error) from error
            if most is not None and stream.tell() > most:
                part.unlink()
                raise RefusedError(f"sends more than {most} bytes")
        if steps is not None:
            next(steps, None)
        stream.flush()
        os.fsync(stream.fileno())
    size = part.stat().st_size
    if body.total is not None and size < body.total:
        raise ConnectionError(f"cut after {size} of {body.total} bytes")
