"""Transfers from a real server that cuts, refuses, lies and answers with pages."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fd2.downloads import transfer
from fd2.downloads.archive import Archive
from fd2.downloads.transfer import ATTEMPTS, fetch
from fd2.errors import FD2Error

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
PAGE = b"\n <!DOCTYPE html><html><body>Are you a robot?</body></html>"


def archive(*urls: str, **known: Any) -> Archive:
    facts = {"sizes": (len(CONTENT),), "sha256": (SHA256,), **known}
    return Archive("birds.tgz", urls, **facts)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def refusal(wanted: Archive, folder: Path) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        fetch(wanted, folder)
    return caught.value


def test_whole_file_with_a_browsers_agent_and_no_head(mirror: Any, tmp_path: Path) -> None:
    url = mirror.offer("a", CONTENT)
    fetched = fetch(archive(url), tmp_path / "new" / "folder")
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.url, fetched.identity.sha256, fetched.identity.md5) == (url, SHA256, MD5)
    assert left(fetched.path.parent) == ["birds.tgz"]
    (asked,) = mirror.asked
    assert asked.method == "GET" and asked.range is None
    assert asked.agent.startswith("Mozilla/5.0")


def test_a_cut_transfer_goes_on_where_it_was_cut(mirror: Any, tmp_path: Path) -> None:
    url = mirror.offer("a", CONTENT, cuts=[100_000, 50_000])
    assert fetch(archive(url), tmp_path).path.read_bytes() == CONTENT
    assert [request.range for request in mirror.asked] == [
        None,
        "bytes=100000-",
        "bytes=150000-",
    ]
    assert sum(request.sent for request in mirror.asked) == len(CONTENT)


def test_an_unfinished_file_of_an_earlier_run_is_continued_by_the_next_mirror(
    mirror: Any, tmp_path: Path
) -> None:
    first = mirror.offer("a", CONTENT, cuts=[10_000, 0, 0, 0, 0, 0])
    assert "cut after 10000 of 300000 bytes" in refusal(archive(first), tmp_path).what
    assert left(tmp_path) == ["birds.tgz.part"]
    second = mirror.offer("b", CONTENT)
    gone = mirror.offer("c", status=404)
    assert fetch(archive(gone, second), tmp_path).url == second
    assert mirror.asked[-1].range == "bytes=10000-"
    assert mirror.asked[-1].sent == len(CONTENT) - 10_000
    assert left(tmp_path) == ["birds.tgz"]


def test_without_a_digest_each_mirror_has_its_own_unfinished_file(
    mirror: Any, tmp_path: Path
) -> None:
    cut = [10_000] + [0] * ATTEMPTS
    urls = [mirror.offer("a", CONTENT, cuts=cut), mirror.offer("b", CONTENT[::-1])]
    fetched = fetch(archive(*urls, sha256=()), tmp_path)
    assert fetched.path.read_bytes() == CONTENT[::-1]
    assert mirror.asked[-1].range is None


def test_a_server_that_ignores_ranges_sends_all_again(mirror: Any, tmp_path: Path) -> None:
    url = mirror.offer("a", CONTENT, cuts=[100_000], ranges=False)
    assert fetch(archive(url), tmp_path).path.read_bytes() == CONTENT
    assert [request.sent for request in mirror.asked] == [100_000, len(CONTENT)]


def test_another_range_than_asked_for_starts_anew(mirror: Any, tmp_path: Path) -> None:
    url = mirror.offer("a", CONTENT, cuts=[100_000], shift=7)
    assert fetch(archive(url), tmp_path).path.read_bytes() == CONTENT
    assert [request.range for request in mirror.asked] == [None, "bytes=100000-", None]


def test_416_where_the_file_is_whole(mirror: Any, tmp_path: Path) -> None:
    (tmp_path / "birds.tgz.part").write_bytes(CONTENT)
    assert fetch(archive(mirror.offer("a", CONTENT)), tmp_path).path.read_bytes() == CONTENT
    assert [request.sent for request in mirror.asked] == [0]


def test_416_where_the_unfinished_file_is_too_long(mirror: Any, tmp_path: Path) -> None:
    (tmp_path / "birds.tgz.part").write_bytes(CONTENT + b"more")
    assert fetch(archive(mirror.offer("a", CONTENT)), tmp_path).path.read_bytes() == CONTENT
    assert [request.range for request in mirror.asked] == ["bytes=300004-", None]


def test_an_unfinished_file_of_something_else_is_replaced(mirror: Any, tmp_path: Path) -> None:
    (tmp_path / "birds.tgz.part").write_bytes(b"x" * 1000)
    assert fetch(archive(mirror.offer("a", CONTENT)), tmp_path).path.read_bytes() == CONTENT
    assert [request.range for request in mirror.asked] == ["bytes=1000-", None]


def test_mirrors_in_order_and_every_failure_named(mirror: Any, tmp_path: Path) -> None:
    wrong = bytearray(CONTENT)
    wrong[1234] ^= 1
    urls = [
        mirror.offer("forbidden", status=403),
        mirror.offer("gone", status=404),
        mirror.offer("unsatisfiable", status=416),
        mirror.offer("page", PAGE, kind="text/html; charset=utf-8"),
        mirror.offer("disguised", PAGE + b" " * (len(CONTENT) - len(PAGE))),
        mirror.offer("short", CONTENT[:-1]),
        mirror.offer("empty", told=False),
        mirror.offer("corrupt", bytes(wrong)),
        "http://127.0.0.1:1/closed",
    ]
    error = refusal(archive(*urls), tmp_path)
    assert [request.path for request in mirror.asked] == [url.split("/")[-1] for url in urls[:-1]]
    assert left(tmp_path) == []
    reasons = [line.partition(": ")[2] for line in error.what.splitlines()[1:]]
    parts = [
        *("HTTP 403", "HTTP 404", "HTTP 416", "a web page (text/html)", "a web page instead"),
        *("offers 299999 bytes, not 300000", "an empty answer"),
        *(f"sha256 {hashlib.sha256(bytes(wrong)).hexdigest()}, not {SHA256}", "refused"),
    ]
    assert len(reasons) == len(parts)
    for reason, part in zip(reasons, parts, strict=True):
        assert part in reason
    for word in (str(tmp_path / "birds.tgz"), "'local_path'", "'mirrors'"):
        assert word in error.fix
    good = mirror.offer("good", CONTENT)
    assert fetch(archive(*urls, good), tmp_path).url == good


def test_a_page_does_not_spoil_an_unfinished_file(mirror: Any, tmp_path: Path) -> None:
    (tmp_path / "birds.tgz.part").write_bytes(CONTENT[:5000])
    page = mirror.offer("page", PAGE, kind="text/html", ranges=False)
    good = mirror.offer("good", CONTENT)
    assert fetch(archive(page, good), tmp_path).url == good
    assert mirror.asked[-1].sent == len(CONTENT) - 5000


@pytest.mark.parametrize(
    "known",
    [
        {"sha256": ("0" * 64, SHA256)},
        {"sha256": ("0" * 64,), "md5": (MD5,)},
        {"sha256": (), "md5": (MD5,), "sizes": ()},
        {"sha256": (), "sizes": (5, len(CONTENT))},
    ],
    ids=str,
)
def test_any_known_version_is_taken(mirror: Any, tmp_path: Path, known: dict[str, Any]) -> None:
    url = mirror.offer("a", CONTENT, told=False)
    assert fetch(archive(url, **known), tmp_path).path.read_bytes() == CONTENT


def test_a_file_put_there_by_hand(mirror: Any, tmp_path: Path) -> None:
    url = mirror.offer("a", CONTENT)
    (tmp_path / "birds.tgz").write_bytes(CONTENT)
    assert fetch(archive(url), tmp_path).url is None
    (tmp_path / "birds.tgz").write_bytes(b"tiny")
    error = refusal(archive(url), tmp_path)
    assert error.what == "not the known file: 4 bytes, not 300000"
    assert error.where == str(tmp_path / "birds.tgz")
    assert not mirror.asked and left(tmp_path) == ["birds.tgz"]


def test_a_server_that_says_nothing(
    mirror: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(transfer, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        assert "timed out" in refusal(archive(url), tmp_path).what


def test_a_folder_that_cannot_be_written(mirror: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = refusal(archive(mirror.offer("a", CONTENT)), tmp_path / "file")
    assert "cannot write" in error.what
