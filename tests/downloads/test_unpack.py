"""Archives unpacked whole, and hostile ones refused."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from fd2.downloads.unpack import unpack
from fd2.errors import FD2Error


def tar(path: Path, *members: tuple[str, bytes | None, int, str]) -> Path:
    """Members as (name, content, type, link target)."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = bytes([kind]), target
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content) if content else None)
    return path


def file(name: str, content: bytes = b"content") -> tuple[str, bytes, int, str]:
    return name, content, tarfile.REGTYPE[0], ""


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def refusal(path: Path, folder: Path) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        unpack(path, folder)
    assert not folder.exists()
    assert names(folder.parent) == [path.name], "something is left"
    return caught.value


def test_tar_replaces_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    (tmp_path / ".out.unpacking").mkdir()
    (tmp_path / ".out.unpacking" / "half").touch()
    link = ("d/link", None, tarfile.SYMTYPE[0], "x y.jpg")
    unpack(tar(tmp_path / "a.tgz", file("d/x y.jpg"), link), tmp_path / "out")
    assert names(tmp_path / "out") == ["d", "d/link", "d/x y.jpg"]
    assert (tmp_path / "out/d/link").read_bytes() == b"content"
    assert names(tmp_path) == ["a.tgz", "out", "out/d", "out/d/link", "out/d/x y.jpg"]


def test_zip_and_single_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("d/x.jpg", b"content")
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert names(tmp_path / "out") == ["d", "d/x.jpg"]
    (tmp_path / "labels.mat").write_bytes(b"MATLAB 5.0")
    unpack(tmp_path / "labels.mat", tmp_path / "labels")
    assert names(tmp_path / "labels") == ["labels.mat"]


@pytest.mark.parametrize(
    "member",
    [
        file("/tmp/absolute"),
        file("../outside"),
        file("d/../../outside"),
        ("link", None, tarfile.SYMTYPE[0], "/etc/passwd"),
        ("link", None, tarfile.SYMTYPE[0], "../outside"),
        ("link", None, tarfile.LNKTYPE[0], "../outside"),
        ("device", None, tarfile.CHRTYPE[0], ""),
        ("pipe", None, tarfile.FIFOTYPE[0], ""),
    ],
    ids=str,
)
def test_hostile_tar(tmp_path: Path, member: tuple[str, bytes | None, int, str]) -> None:
    error = refusal(tar(tmp_path / "a.tgz", file("first"), member), tmp_path / "out")
    assert repr(member[0]) in error.what and "another source" in error.fix


@pytest.mark.parametrize("name", ["/absolute", "../outside", "..\\outside", "C:\\outside", "link"])
def test_hostile_zip(tmp_path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name)
    entry.filename = name
    if name == "link":
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("first", b"content")
        archive.writestr(entry, b"/etc/passwd")
    assert repr(name) in refusal(tmp_path / "a.zip", tmp_path / "out").what


@pytest.mark.parametrize("suffix", [".tgz", ".zip"])
def test_damaged(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    content = bytes(range(256)) * 400
    if suffix == ".tgz":
        tar(path, file("first", content), file("second", content))
        path.write_bytes(path.read_bytes()[:-200])
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("first", content)
        damaged = bytearray(path.read_bytes())
        damaged[5000] ^= 1
        path.write_bytes(damaged)
    assert "damaged archive" in refusal(path, tmp_path / "out").what
