"""A kind's folder of archives: routes, notes, a user's own server."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fd2.config import plugins
from fd2.config.datasets import download_kinds
from fd2.datasets import cars
from fd2.downloads.archive import Archive
from fd2.downloads.store import obtain, redirected
from fd2.errors import FD2Error
from fd2.stages.download import DownloadSettings, download

PLACE = "datasets of kind birds"


def packed(text: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("list.txt")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def known(name: str, content: bytes, url: str) -> Archive:
    return Archive(name, (url,), sha256=(hashlib.sha256(content).hexdigest(),))


def left(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_unpacked_once(mirror: Any, tmp_path: Path) -> None:
    content = packed("one")
    archive = known("birds.tgz", content, mirror.offer("birds.tgz", content))
    notes = obtain([[archive]], tmp_path, PLACE)
    assert left(tmp_path) == ["birds", "birds.json", "birds/list.txt"]
    assert notes == obtain([[archive]], tmp_path, PLACE)
    assert len(mirror.asked) == 1
    assert (notes[0]["url"], notes[0]["size"]) == (archive.urls[0], len(content))


@pytest.mark.parametrize("spoilt", ["birds.json", "birds", "version"])
def test_fetched_again_where_the_note_does_not_vouch(
    mirror: Any, tmp_path: Path, spoilt: str
) -> None:
    content = packed("one")
    archive = known("birds.tgz", content, mirror.offer("birds.tgz", content))
    obtain([[archive]], tmp_path, PLACE)
    if spoilt == "version":
        content = packed("two")
        archive = known("birds.tgz", content, mirror.offer("birds.tgz", content))
    elif spoilt == "birds":
        (tmp_path / "birds").rename(tmp_path / "elsewhere")
    else:
        (tmp_path / "birds.json").write_text("{")
    obtain([[archive]], tmp_path, PLACE)
    assert len(mirror.asked) == 2
    assert (tmp_path / "birds/list.txt").read_text() == ("two" if spoilt == "version" else "one")


def test_the_second_route_where_the_first_fails(mirror: Any, tmp_path: Path) -> None:
    content = packed("one")
    good = known("one.tgz", content, mirror.offer("one.tgz", content))
    gone = Archive("two.tgz", (mirror.offer("two.tgz", status=404),))
    other = known("three.tgz", content, mirror.offer("three.tgz", content))
    notes = obtain([[good, gone], [other]], tmp_path, PLACE)
    assert [note["name"] for note in notes] == ["three.tgz"]
    with pytest.raises(FD2Error) as caught:
        obtain([[gone], [Archive("four.tgz", (mirror.offer("x", status=403),))]], tmp_path, PLACE)
    assert "no mirror gives two.tgz" in caught.value.what and "HTTP 404" in caught.value.what
    assert "no mirror gives four.tgz" in caught.value.what and "HTTP 403" in caught.value.what
    assert PLACE in caught.value.where


def test_a_users_own_server(mirror: Any, tmp_path: Path) -> None:
    archive = Archive("birds.tgz", ("https://example.org/birds",), (5,), ("0" * 64,), ("0" * 32,))
    moved = redirected(archive, ["https://a.org/x/", "http://b.org"], {})
    assert moved.urls == ("https://a.org/x/birds.tgz", "http://b.org/birds.tgz")
    assert (moved.sizes, moved.sha256, moved.md5) == (archive.sizes, archive.sha256, archive.md5)
    other = redirected(archive, [], {"birds.tgz": "1" * 64, "else.tgz": "2" * 64})
    assert other == Archive("birds.tgz", archive.urls, sha256=("1" * 64,))


def test_known_digests_still_hold_on_a_users_server(mirror: Any, tmp_path: Path) -> None:
    mirror.offer("CUB_200_2011.tgz", packed("one"))
    folder = tmp_path / "cub200"
    with pytest.raises(FD2Error, match="not 1150585339"):
        download(DownloadSettings("cub200", [mirror.url]), folder, folder / "downloaded.json")
    assert not folder.exists() or left(folder) == []


def test_a_digest_for_no_archive(tmp_path: Path) -> None:
    settings = DownloadSettings("cub200", sha256={"CUB_200_2010.tgz": "0" * 64})
    with pytest.raises(FD2Error, match=r"no archive 'CUB_200_2010\.tgz'") as caught:
        download(settings, tmp_path, tmp_path / "downloaded.json")
    assert "did you mean 'CUB_200_2011.tgz'?" in caught.value.fix


def test_without_a_mirror_debians_package_is_named(mirror: Any, tmp_path: Path) -> None:
    for kind, named in {"fashion_mnist": True, "mnist": False}.items():
        with pytest.raises(FD2Error, match="no mirror gives") as caught:
            download(DownloadSettings(kind, [mirror.url]), tmp_path, tmp_path / "downloaded.json")
        assert ("apt-get install dataset-fashion-mnist" in caught.value.fix) == named
        assert "'local_path'" in caught.value.fix


def test_the_record_is_the_same_for_a_second_run(mirror: Any, tmp_path: Path) -> None:
    digests = {}
    for archive in cars.ARCHIVES:
        content = b"MATLAB 5.0" if archive.name.endswith(".mat") else packed(archive.name)
        mirror.offer(archive.name, content)
        digests[archive.name] = hashlib.sha256(content).hexdigest()
    settings = DownloadSettings("cars", [mirror.url], digests)
    record = tmp_path / "downloaded.json"
    download(settings, tmp_path, record)
    first = record.read_bytes()
    record.unlink()
    download(settings, tmp_path, record)
    assert record.read_bytes() == first
    content = json.loads(first)
    assert content["settings"]["sha256"] == digests
    assert {note["name"]: note["sha256"] for note in content["archives"]} == digests
    assert len(mirror.asked) == 3


def test_every_kinds_archives_can_be_told_and_kept_apart() -> None:
    kinds = download_kinds()
    assert set(kinds) >= {"aircraft", "cars", "cub200", "imagenette", "imagewoof"}
    assert set(kinds) >= {"fashion_mnist", "mnist", "cifar10", "cifar100", "tiny_imagenet"}
    for kind in kinds:
        plugin = plugins.load("datasets", kind)
        assert "local_path" in plugin.SETTINGS_SCHEMA["properties"]
        for route in (plugin.ARCHIVES, *getattr(plugin, "ALTERNATIVES", ())):
            assert len({archive.stem for archive in route}) == len(route)
            for archive in route:
                pinned = all(re.search(r"/[0-9a-f]{40}/", url) for url in archive.urls)
                assert archive.identified or archive.sizes or pinned, "nothing is known of it"
                assert archive.stem != archive.name
                assert all(url.startswith("https://") for url in archive.urls)
                assert {len(digest) for digest in archive.sha256} <= {64}
                assert {len(digest) for digest in archive.md5} <= {32}
