"""An HTTP server on loopback that can misbehave in the ways that real mirrors do."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Resource:
    """What one path answers.

    Attributes:
        content: the file.
        cuts: for each coming request, after how many bytes the connection is cut; then no more.
        ranges: whether a request for a range is answered with that range.
        status: other than 200 for an error without the file.
        kind: the content type.
        shift: how far a range begins from where it was asked for.
        told: whether the length is told.
    """

    content: bytes = b""
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    kind: str = "application/octet-stream"
    shift: int = 0
    told: bool = True


@dataclass(frozen=True)
class Asked:
    """A request: its method, path, header Range and header User-Agent; and the bytes sent."""

    method: str
    path: str
    range: str | None
    agent: str
    sent: int


class Mirror:
    """The server's resources by path, and all requests so far.

    Attributes:
        url: address of its root, without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.resources: dict[str, Resource] = {}
        self.asked: list[Asked] = []

    def offer(self, path: str, content: bytes = b"", **behaviour: object) -> str:
        """Put a resource at ``path``; returns its address."""
        self.resources[path] = Resource(content, **behaviour)  # type: ignore[arg-type]
        return f"{self.url}/{path}"


class Handler(BaseHTTPRequestHandler):
    """Answers from the `Mirror` that `serve` sets."""

    mirror: Mirror
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.lstrip("/").partition("?")[0]
        resource = self.mirror.resources.get(path, Resource(status=404))
        wanted = self.headers.get("Range")
        body, status = resource.content, resource.status
        start = 0
        self.close_connection = True
        headers = {"Content-Type": resource.kind, "Connection": "close"}
        if status == 200 and wanted and resource.ranges:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            if start >= len(body):
                status, body = 416, b""
                headers["Content-Range"] = f"bytes */{len(resource.content)}"
            else:
                status, start = 206, start + resource.shift
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                body = body[start:]
        if resource.told:
            headers["Content-Length"] = str(len(body))
        sent = body[: resource.cuts.pop(0)] if resource.cuts else body
        asked = Asked("GET", path, wanted, self.headers.get("User-Agent", ""), len(sent))
        # Before the first byte: a client may ask again as soon as it has read the status.
        self.mirror.asked.append(asked)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(sent)

    def do_HEAD(self) -> None:
        self.mirror.asked.append(Asked("HEAD", self.path, None, "", 0))
        self.send_error(403)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def serve() -> Iterator[Mirror]:
    """Run a server as long as the context lasts."""
    handler = type("OneHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.mirror = Mirror(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield handler.mirror  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
