"""Hostile and damaged archives: one error each, and nothing is written anywhere."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import random
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fd2.downloads.archive import Archive
from fd2.downloads.store import obtain
from fd2.downloads.unpack import unpack
from fd2.errors import FD2Error

CONTENT = bytes(range(256)) * 40
LONG = "x" * 256


def tar(*members: tuple[str, Any], **facts: Any) -> bytes:
    """An uncompressed tar; a member's content is bytes, or the fields of its header."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", **facts) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                for field, value in content.items():
                    setattr(member, field, value)
                archive.addfile(member)
    return stream.getvalue()


def zipped(*entries: tuple[str, bytes], **fields: Any) -> bytes:
    """A zip; fields are set of the last entry's central header, and of its local one."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, (name, content) in enumerate(entries, start=1):
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            for field, value in fields.items() if number == len(entries) else ():
                setattr(entry, field, value)
            archive.writestr(entry, content)
    return stream.getvalue()


def patched(content: bytes, offset: int, value: int) -> bytes:
    """A field of two bytes in every header of a zip set to another value."""
    changed = bytearray(content)
    for signature, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        at = changed.find(signature)
        while at >= 0:
            changed[at + offset + shift : at + offset + shift + 2] = struct.pack("<H", value)
            at = changed.find(signature, at + 4)
    return bytes(changed)


def link(target: str, kind: bytes = tarfile.SYMTYPE) -> dict[str, Any]:
    return {"type": kind, "linkname": target}


def header(size: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header with a checksum that fits, and a number that tarfile itself would not write."""
    buffer = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    buffer[124:136], buffer[156:157] = size, kind
    buffer[148:156] = b" " * 8
    buffer[148:155] = b"%06o\0" % sum(buffer)
    return bytes(buffer)


def chained(count: int) -> bytes:
    """Extended headers of extended headers."""
    one = tar(("a", b""), format=tarfile.PAX_FORMAT, pax_headers={"comment": "x"})[:1024]
    return one * count + bytes(1024)


ONE = ("a", CONTENT)
TWO = tar(ONE, ("b", CONTENT))
#: By name: the file's name, its content, and words of the error.
CASES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "tar: no name": ("a.tgz", lambda: tar(ONE, ("", CONTENT)), "has no name"),
    "tar: absolute": ("a.tgz", lambda: tar(ONE, ("/tmp/fd2-outside", b"x")), "outside"),
    "tar: upwards": ("a.tgz", lambda: tar(ONE, ("../outside", b"x")), "outside"),
    "tar: upwards later": ("a.tgz", lambda: tar(ONE, ("d/../../outside", b"x")), "outside"),
    "tar: backslash": ("a.tgz", lambda: tar(ONE, ("..\\outside", b"x")), "outside"),
    "tar: drive": ("a.tgz", lambda: tar(ONE, ("C:outside", b"x")), "outside"),
    "tar: long part": ("a.tgz", lambda: tar((LONG, CONTENT)), "too long"),
    "tar: long path": ("a.tgz", lambda: tar(("d/" * 1000 + "a", CONTENT)), "too long"),
    "tar: null character": (
        "a.tgz",
        lambda: tar(("b", {"pax_headers": {"path": "a\0b"}}), format=tarfile.PAX_FORMAT),
        "control characters",
    ),
    "tar: new line": ("a.tgz", lambda: tar(("a\nb", CONTENT)), "control characters"),
    "tar: not UTF-8": (
        "a.tgz",
        lambda: tar(("é", CONTENT), format=tarfile.GNU_FORMAT, encoding="latin-1"),
        "not in UTF-8",
    ),
    "tar: link out": ("a.tgz", lambda: tar(ONE, ("l", link("/etc/passwd"))), "out of its folder"),
    "tar: link upwards": ("a.tgz", lambda: tar(ONE, ("l", link("../x"))), "out of its folder"),
    "tar: hard link out": (
        "a.tgz",
        lambda: tar(ONE, ("l", link("../x", tarfile.LNKTYPE))),
        "out of its folder",
    ),
    "tar: file through a link": (
        "a.tgz",
        lambda: tar(("l", link(".")), ("l/../../x", CONTENT)),
        "outside",
    ),
    "tar: file below a link": (
        "a.tgz",
        lambda: tar(("d/a", CONTENT), ("l", link("d")), ("l/b", CONTENT)),
        "links to no file",
    ),
    "tar: link to nothing": ("a.tgz", lambda: tar(ONE, ("l", link("b"))), "links to no file"),
    "tar: links in a circle": (
        "a.tgz",
        lambda: tar(ONE, ("k", link("l")), ("l", link("k"))),
        "links to no file",
    ),
    "tar: link of a file's name": ("a.tgz", lambda: tar(ONE, ("a", link("a"))), "stands twice"),
    "tar: device": ("a.tgz", lambda: tar(ONE, ("d", {"type": tarfile.CHRTYPE})), "is no file"),
    "tar: pipe": ("a.tgz", lambda: tar(ONE, ("d", {"type": tarfile.FIFOTYPE})), "is no file"),
    "tar: sparse": (
        "a.tgz",
        lambda: tar(ONE, ("d", {"type": tarfile.GNUTYPE_SPARSE})),
        "is no file",
    ),
    "tar: name twice": ("a.tgz", lambda: tar(ONE, ONE), "stands twice"),
    "tar: name twice, spelled otherwise": ("a.tgz", lambda: tar(ONE, ("./a", b"")), "stands twice"),
    "tar: file and folder": (
        "a.tgz",
        lambda: tar(ONE, ("a", {"type": tarfile.DIRTYPE})),
        "stands twice",
    ),
    "tar: folder and file": (
        "a.tgz",
        lambda: tar(("a", {"type": tarfile.DIRTYPE}), ONE),
        "stands twice",
    ),
    "tar: below a file": ("a.tgz", lambda: tar(ONE, ("a/b", CONTENT)), "below a file"),
    "tar: case": ("a.tgz", lambda: tar(("d/a", b"x"), ("D/b", b"x")), "in case or accents"),
    "tar: accents": ("a.tgz", lambda: tar(("\xe9", b"x"), ("e\u0301", b"x")), "case or accents"),
    "tar: no member": ("a.tgz", lambda: tar(), "holds no files"),
    "tar: folders alone": ("a.tgz", lambda: tar(("a", {"type": tarfile.DIRTYPE})), "no files"),
    "tar: cut in a file": ("a.tar", lambda: TWO[:-9000], "damaged archive"),
    "tar: cut between files": ("a.tar", lambda: TWO[: 512 + len(CONTENT)], "cut off"),
    "tar: no end mark": ("a.tgz", lambda: TWO[: 2 * (512 + len(CONTENT))], "cut off"),
    "tar: damaged header": (
        "a.tar",
        lambda: TWO[: 512 + len(CONTENT)] + b"\xff" + TWO[513 + len(CONTENT) :],
        "a header in it is damaged",
    ),
    "tar: data behind": ("a.tgz", lambda: TWO + b"more", "data behind"),
    "tar: another tar behind": ("a.tar", lambda: TWO + TWO, "data behind"),
    "tar: a zip behind": ("a.tar", lambda: TWO + zipped(ONE), "data behind"),
    "tar: negative size": (
        "a.tgz",
        lambda: header(b"\xff" * 11 + b"\0") + bytes(1024),
        "is no file",
    ),
    "tar: large negative size": (
        "a.tgz",
        lambda: tar(ONE)[:10752] + header(b"\xff" * 10 + b"\0\0") + bytes(1024),
        "is no file",
    ),
    "tar: large header": (
        "a.tgz",
        lambda: header(b"77777777777\0", tarfile.XHDTYPE) + bytes(1024),
        "a header of",
    ),
    "tar: headers of headers": ("a.tgz", lambda: chained(3000), "damaged archive"),
    "tar: large file said": (
        "a.tgz",
        lambda: header(b"%011o\0" % (1 << 32)) + bytes(2048),
        "damaged archive",
    ),
    "gz: bomb": ("a.tgz", lambda: tar(("a", bytes(80 << 20))), "its size does not explain"),
    "gz: cut": ("b.tgz", lambda: gzip.compress(TWO)[:-20], "damaged archive"),
    "gz: checksum": ("b.tgz", lambda: gzip.compress(TWO)[:-8] + bytes(8), "CRC"),
    "gz: data behind": ("b.tgz", lambda: gzip.compress(TWO) + b"more", "Not a gzipped file"),
    "gz: no tar inside": ("b.tgz", lambda: gzip.compress(CONTENT), "its content is gzip"),
    "gz: nothing inside": ("b.tgz", lambda: gzip.compress(b""), "its content is gzip"),
    "gz: gz inside": ("b.tgz", lambda: gzip.compress(gzip.compress(TWO)), "its content is gzip"),
    "gz: endless zeros": ("b.tgz", lambda: gzip.compress(bytes(100 << 20)), "does not explain"),
    "xz": ("b.tgz", lambda: lzma.compress(TWO), "which is not read"),
    "bzip2": ("b.tgz", lambda: bz2.compress(TWO), "which is not read"),
    "7z": ("a.7z", lambda: b"7z\xbc\xaf\x27\x1c" + CONTENT, "which is not read"),
    "zip: no name": ("a.zip", lambda: zipped(ONE, ("", CONTENT)), "has no name"),
    "zip: absolute": ("a.zip", lambda: zipped(ONE, ("/tmp/fd2-outside", b"x")), "outside"),
    "zip: upwards": ("a.zip", lambda: zipped(ONE, ("../outside", b"x")), "outside"),
    "zip: long part": ("a.zip", lambda: zipped((LONG, CONTENT)), "too long"),
    "zip: null character": (
        "a.zip",
        lambda: zipped(ONE, ("aXb", CONTENT)).replace(b"aXb", b"a\0b"),
        "control characters",
    ),
    "zip: name of a null character": (
        "a.zip",
        lambda: zipped(ONE, ("Xb", CONTENT)).replace(b"Xb", b"\0b"),
        "control characters",
    ),
    "zip: link": (
        "a.zip",
        lambda: zipped(ONE, ("l", b"/etc"), external_attr=(stat.S_IFLNK | 0o777) << 16),
        "is no file",
    ),
    "zip: name twice": ("a.zip", lambda: zipped(ONE, ONE), "stands twice"),
    "zip: case": ("a.zip", lambda: zipped(ONE, ("A", CONTENT)), "in case or accents"),
    "zip: encrypted": ("a.zip", lambda: patched(zipped(ONE), 6, 1), "is encrypted"),
    "zip: unknown method": ("a.zip", lambda: patched(zipped(ONE), 8, 99), "method 99"),
    "zip: lzma": (
        "a.zip",
        lambda: zipped(ONE, compress_type=zipfile.ZIP_LZMA),
        "compression method 14",
    ),
    "zip: bomb": (
        "a.zip",
        lambda: zipped(("a", bytes(80 << 20)), compress_type=zipfile.ZIP_DEFLATED),
        "does not explain",
    ),
    "zip: checksum": ("a.zip", lambda: zipped(ONE).replace(CONTENT, CONTENT[:-1] + b"x"), "CRC-32"),
    "zip: cut": ("a.zip", lambda: zipped(ONE)[:-5], "damaged archive"),
    "zip: cut in half": ("a.zip", lambda: zipped(ONE)[:500], "damaged archive"),
    "zip: empty": ("a.zip", lambda: zipped(), "holds no files"),
    "zip: data behind": ("a.zip", lambda: zipped(ONE) + b"more", "data behind"),
    "zip: another in front": ("a.zip", lambda: zipped(ONE) + zipped(("b", b"x")), "before its"),
    "no archive": ("a.zip", lambda: b"<html>moved</html>", "its content is no archive"),
    "a tar called gz": ("a.gz", lambda: gzip.compress(TWO), "its content is tar"),
    "text called gz": ("a.gz", lambda: CONTENT, "its content is no archive, its name says gzip"),
    "no tar": ("a.tar.gz", lambda: b"not found\n", "its content is no archive"),
    "no bytes": ("b.tgz", lambda: b"", "its content is no archive"),
    "a zip called tar": ("b.tgz", lambda: zipped(ONE), "its content is zip, its name says tar"),
    "a tar called zip": ("a.zip", lambda: TWO, "its content is tar, its name says zip"),
    "a tar called parquet": ("a.parquet", lambda: TWO, "its content is tar"),
    "a zip called mat": ("a.mat", lambda: zipped(ONE), "its name says no archive"),
    "parquet: cut": ("a.parquet", lambda: b"PAR1" + CONTENT, "not a table of labelled images"),
}


def prepared(case: str) -> tuple[str, bytes]:
    """The file's name and its content; a tar called a.tgz is yet to be compressed."""
    name, make, _ = CASES[case]
    content = make()
    return name, gzip.compress(content) if name == "a.tgz" else content


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("case", CASES)
def test_one_error_and_nothing_left(tmp_path: Path, case: str) -> None:
    name, content = prepared(case)
    folder = tmp_path / "deep" / "down"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    before = everything(tmp_path)
    with pytest.raises(FD2Error) as caught:
        unpack(folder / name, folder / "out")
    assert CASES[case][2] in caught.value.what
    assert caught.value.where == str(folder / name) and caught.value.fix
    assert len(str(caught.value)) < 1000
    assert everything(tmp_path) == before
    assert not Path("/tmp/fd2-outside").exists()


@pytest.mark.parametrize(
    "case", ["tar: upwards", "gz: bomb", "gz: checksum", "zip: no name", "no tar"]
)
def test_from_a_server(mirror: Any, tmp_path: Path, case: str) -> None:
    """The folder of an earlier version stays until a whole one is there."""
    name, content = prepared(case)
    good = gzip.compress(tar(ONE)) if name.endswith("gz") else zipped(ONE)
    for version in (good, content):
        archive = Archive(
            name,
            (mirror.offer(f"{len(version)}/{name}", version),),
            sha256=(hashlib.sha256(version).hexdigest(),),
        )
        if version is good:
            obtain([[archive]], tmp_path, "a dataset")
    with pytest.raises(FD2Error) as caught:
        obtain([[archive]], tmp_path, "a dataset")
    assert CASES[case][2] in caught.value.what
    stem = archive.stem
    assert everything(tmp_path) == {name, stem, f"{stem}/a"}
    assert (tmp_path / stem / "a").read_bytes() == CONTENT


def test_links_become_copies(tmp_path: Path) -> None:
    members = [
        ("early", link("d/a")),
        ("d/a", CONTENT),
        ("d/beside", link("a")),
        ("d/up", link("../early")),
        ("hard", link("d/beside", tarfile.LNKTYPE)),
    ]
    (tmp_path / "a.tar").write_bytes(tar(*members))
    unpack(tmp_path / "a.tar", tmp_path / "out")
    files = {path for path in (tmp_path / "out").rglob("*") if not path.is_dir()}
    assert {path.relative_to(tmp_path / "out").as_posix() for path in files} == dict(members).keys()
    assert all(not path.is_symlink() and path.read_bytes() == CONTENT for path in files)


def test_usual_forms_are_unpacked(tmp_path: Path) -> None:
    """Folders that are named again, ``./`` in front, empty files, long names, a tar in blocks."""
    long = f"{'y' * 150}/{'z' * 90}"
    members = [
        (".", {"type": tarfile.DIRTYPE}),
        ("./d", {"type": tarfile.DIRTYPE}),
        ("./d", {"type": tarfile.DIRTYPE}),
        ("./d/empty", b""),
        (long, CONTENT),
    ]
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        content = tar(*members, format=kind) + bytes(20480)
        (tmp_path / "a.TGZ").write_bytes(
            gzip.compress(content[:5000]) + gzip.compress(content[5000:])
        )
        unpack(tmp_path / "a.TGZ", tmp_path / "out")
        assert {"d/empty", long} <= everything(tmp_path / "out")
        assert (tmp_path / "out" / long).read_bytes() == CONTENT


def test_parquet_that_unpacks_to_more_than_its_size_explains(tmp_path: Path) -> None:
    metadata = {"huggingface": '{"info": {"features": {"label": {"names": ["a"]}}}}'}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())], metadata=metadata)
    rows = [{"image": {"bytes": bytes(1 << 20), "path": "x.png"}, "label": 0}] * 90
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema), path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(FD2Error, match="its size does not explain"):
        unpack(path, tmp_path / "out")
    assert everything(tmp_path) == {"a.parquet"}


@pytest.mark.parametrize("name", ["a.tgz", "a.tar", "a.zip"])
def test_any_damaged_byte_is_an_error_or_harmless(tmp_path: Path, name: str) -> None:
    """Bytes of names and of fields that nobody reads may change; no traceback, no other content."""
    small = [("one", b"content" * 30), ("d/two", b"")]
    content = zipped(*small) if name == "a.zip" else tar(*small)[: 512 * 6]
    content = gzip.compress(content) if name == "a.tgz" else content
    chance = random.Random(0)
    # Each byte of headers, and some of what pads them.
    for position in range(0, len(content), 1 if len(content) < 1000 else 7):
        spoilt = bytearray(content)
        spoilt[position] ^= 1 << chance.randrange(8)
        (tmp_path / name).write_bytes(spoilt)
        try:
            unpack(tmp_path / name, tmp_path / "out")
        except FD2Error:
            assert everything(tmp_path) == {name}
            continue
        assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 2
        shutil.rmtree(tmp_path / "out")
