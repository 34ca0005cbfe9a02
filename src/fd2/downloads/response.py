"""The answer to a request for a file: where it starts, how long it is, and that it is no page."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from urllib.request import Request, urlopen

#: Some servers answer 403 to clients that do not look like a browser.
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (compatible; fd2)"
_PAGES = ("text/html", "application/xhtml+xml")
_MARKUP = (b"<!doctype html", b"<html", b"<?xml")


class RefusedError(Exception):
    """A server's answer that is not the file."""


class WrongRangeError(RefusedError):
    """Another part of the file than the one that was asked for."""


@dataclass
class Body:
    """The bytes of a file from ``offset`` on.

    Attributes:
        offset: position of the first byte: 0 where the server ignores ranges.
        total: bytes of the complete file; None if the server does not say.
    """

    offset: int
    total: int | None
    _response: HTTPResponse
    _first: bytes = field(default=b"")

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes; none at the end."""
        if self._first:
            first, self._first = self._first, b""
            return first
        return self._response.read(count)


@contextlib.contextmanager
def open_body(url: str, offset: int, timeout: float) -> Iterator[Body]:
    """Ask for a file from byte ``offset`` on, and check the answer before any of it is written.

    ``timeout`` is in seconds without a byte.

    Raises:
        RefusedError: for a web page or an empty answer.
        WrongRangeError: for a part of the file that was not asked for.
        HTTPError: for a status of 400 and above.
        OSError: where the connection fails.
    """
    headers = {"User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with urlopen(Request(url, headers=headers), timeout=timeout) as response:
        kind = response.headers.get_content_type()
        if kind in _PAGES:
            raise RefusedError(f"a web page ({kind}) instead of the file")
        start, total = _extent(response, offset)
        body = Body(start, total, response)
        if start == 0:
            body._first = response.read(512)
            if not body._first:
                raise RefusedError("an empty answer")
            if body._first.lstrip().lower().startswith(_MARKUP):
                raise RefusedError("a web page instead of the file")
        yield body


def _extent(response: HTTPResponse, offset: int) -> tuple[int, int | None]:
    """First position and total size of an answer of 200 or 206."""
    length = response.headers.get("Content-Length")
    if response.status != 206:
        return 0, int(length) if length and length.isdecimal() else None
    content_range = response.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
    if match is None or int(match[1]) != offset:
        raise WrongRangeError(f"bytes from {offset} on were asked for, got '{content_range}'")
    return offset, None if match[2] == "*" else int(match[2])
