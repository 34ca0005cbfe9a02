"""Pictures that belong together stay on one side of every split, and copies are told."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fd2.artifacts.prepared import open_prepared
from fd2.datasets import _groups, imagefolder
from fd2.datasets._shares import hold_out
from fd2.datasets._source import ImageSource, listing_digest
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.stages.prepare import PrepareSettings, prepare

PLACE = "setting 'datasets.mine'"
VIEWS = r"([^/]+)_view\d+\.png$"


def photo(root: Path, *names: str) -> None:
    """A picture of its own at each path."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = b"".join(hashlib.sha256(f"{name}{n}".encode()).digest() for n in range(24))
        Image.frombytes("RGB", (16, 16), pixels).save(root / name)


def copy(root: Path, name: str, *others: str) -> None:
    for other in others:
        (root / other).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, root / other)


def read(root: Path, **options: Any) -> ImageSource:
    return imagefolder.source({"path": str(root), **options}, PLACE)


def refusal(root: Path, **options: Any) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        read(root, **options)
    return caught.value


def sides(source: ImageSource, key: Any) -> dict[str, set[str]]:
    """The splits of the images that have the same key."""
    found: dict[str, set[str]] = {}
    for image in source.images:
        found.setdefault(key(image.name), set()).add(image.split)
    return found


def cup(name: str) -> str:
    return name.rpartition("_view")[0]


@pytest.fixture
def views(tmp_path: Path) -> Path:
    """Ten objects of each of two classes, four pictures of each."""
    root = tmp_path / "views"
    for c in "ab":
        photo(root, *(f"{c}/{c}cup{n}_view{view}.png" for n in range(10) for view in range(4)))
    return root


def test_a_regular_expression_keeps_objects_whole(views: Path) -> None:
    alone = sides(read(views, test_fraction=0.25), cup)
    assert any(len(splits) == 2 for splits in alone.values())
    source = read(views, test_fraction=0.25, group_by=VIEWS)
    assert all(len(splits) == 1 for splits in sides(source, cup).values())
    tests = [image.class_id for image in source.images if image.split == "test"]
    # Ten of forty are wanted; whole objects come as near as 8 or 12.
    assert [tests.count(c) for c in (0, 1)] in ([8, 8], [12, 12])
    assert source.facts["group_by"] == VIEWS
    held = hold_out(source, 0.25, PLACE)
    assert all(len(splits) == 1 for splits in sides(held, cup).values())
    assert {image.split for image in held.images} == {"train", "test"}


def test_a_group_may_span_classes(tmp_path: Path) -> None:
    photo(tmp_path, *(f"{c}/plant{n}_{c}.png" for c in "ab" for n in range(8)))
    source = read(tmp_path, test_fraction=0.25, group_by=r"/(plant\d)_")
    plants = sides(source, lambda name: name.partition("/")[2][:6])
    assert sorted(len(splits) for splits in plants.values()) == [1] * 8
    tests = [image.class_id for image in source.images if image.split == "test"]
    assert (tests.count(0), tests.count(1)) == (2, 2)


def test_a_table_says_the_same(views: Path) -> None:
    by_name = read(views, test_fraction=0.25, group_by=VIEWS)
    lines = [f"{image.name},{cup(image.name)[2:]}" for image in by_name.images]
    table = views.parent / "groups.csv"
    table.write_text("\ufeffpath,group\r\n" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    by_table = read(views, test_fraction=0.25, group_by=str(table))
    assert by_table.images == by_name.images
    assert by_table.facts["group_by"].startswith("a table, sha256 ")
    assert str(views.parent) not in str(by_table.facts)
    # Snakemake compares digests: another table is other data, though the folder is the same.
    table.write_text("path,group\n" + "\n".join(lines[1:]) + "\nnone/x.png,y\n")
    other = read(views, test_fraction=0.25, group_by=str(table))
    assert listing_digest(other.images) != listing_digest(by_table.images)
    told = {remark.what: remark.first for remark in other.remarks}
    assert told == {_groups.ALONE: (by_name.images[0].name,), _groups.ABSENT: ("none/x.png",)}


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        ("path,class\na,b\n", "unknown column", "groups.csv, line 1"),
        ("", "no column 'path'", "groups.csv, line 1"),
        ("path,group\na/1.png,x\na/1.png,y\n", "'a/1.png' stands twice", "groups.csv, line 3"),
        ("path,group\na/1.png,\n", "a path or a group is empty", "groups.csv, line 2"),
        ("path,group\na/1.png,x,y\n", "3 values", "groups.csv, line 2"),
        ("path,group\nnone.png,x\n", "fits none of the 80 pictures", "'group_by'"),
        (b"path,group\n\xe9,x\n", "not UTF-8", "groups.csv, line 2"),
    ],
)
def test_faulty_tables(views: Path, content: str | bytes, what: str, where: str) -> None:
    table = views.parent / "groups.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    error = refusal(views, test_fraction=0.25, group_by=str(table))
    assert what in error.what
    assert where in error.where


@pytest.mark.parametrize(
    ("pattern", "what"),
    [("(", "is no regular expression"), ("cat_", "fits none"), ("x*", "fits none")],
)
def test_faulty_expressions(views: Path, pattern: str, what: str) -> None:
    assert what in refusal(views, test_fraction=0.25, group_by=pattern).what


def test_a_table_that_is_not_there(views: Path) -> None:
    error = refusal(views, test_fraction=0.25, group_by="absent.csv")
    assert error.what == "no such file: absent.csv" and error.where == f"{PLACE}, 'group_by'"


def test_a_class_of_one_group_has_no_share(tmp_path: Path) -> None:
    photo(tmp_path, *(f"{c}/{n}.png" for c in "ab" for n in range(8)))
    error = refusal(tmp_path, test_fraction=0.25, group_by="^a/")
    assert error.what == "1 class(es) without a test image: 'a'"
    assert "group_by" in error.fix


def test_a_fraction_keeps_equal_files_on_one_side(tmp_path: Path) -> None:
    photo(tmp_path, *(f"{c}/{n}.png" for c in "ab" for n in range(12)))
    for n in range(12):
        copy(tmp_path, f"a/{n}.png", f"a/again/{n}.png", f"a/copy_{n}.png")
    (tmp_path / "b/link.png").symlink_to("0.png")
    source = read(tmp_path, test_fraction=0.25)

    def content(name: str) -> str:
        return hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()

    assert all(len(splits) == 1 for splits in sides(source, content).values())
    assert {image.split for image in source.images if image.class_id == 0} == {"train", "test"}
    held = hold_out(source, 0.25, PLACE)
    assert all(len(splits) == 1 for splits in sides(held, content).values())


def test_equal_files_join_groups(tmp_path: Path) -> None:
    photo(tmp_path, *(f"a/cup{n}_view{v}.png" for n in range(8) for v in range(2)))
    photo(tmp_path, *(f"b/cup{n}_view{v}.png" for n in range(8, 16) for v in range(2)))
    copy(tmp_path, "a/cup0_view0.png", "a/cup1_view9.png")
    groups = {i.name: i.group for i in read(tmp_path, test_fraction=0.25, group_by=VIEWS).images}
    assert groups["a/cup0_view1.png"] == groups["a/cup1_view0.png"] is not None
    assert groups["a/cup0_view1.png"] != groups["a/cup2_view0.png"]


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    root = tmp_path / "splits"
    for split in ("train", "test"):
        photo(root, *(f"{split}/{c}/{split}{n}.png" for c in "ab" for n in range(6)))
    return root


def test_copies_in_training_and_test_folders_are_refused_unless_allowed(
    splits: Path, tmp_path: Path, job: Job
) -> None:
    for c in "ab":
        for n in range(6):
            copy(splits, f"test/{c}/test{n}.png", f"train/{c}/x{n}.png")
    error = refusal(splits)
    assert error.what.startswith("12 of 12 test images of which training has a copy")
    assert "test/a/test0.png with train/a/x0.png" in error.what
    assert "allow_leakage" in error.fix
    told = remarks(splits, tmp_path, job, allow_leakage=True)
    assert told[_groups.SHARED][0] == 12
    assert told[_groups.SHARED][1][0] == "test/a/test0.png with train/a/x0.png"


def test_groups_in_training_and_test_folders_are_refused(splits: Path) -> None:
    pattern = r"(\d)\.png$"
    assert "12 of 12 test images" in refusal(splits, group_by=pattern).what
    assert len(read(splits, group_by=pattern, allow_leakage=True).images) == 24
    assert len(read(splits, group_by=r"/(t\w+\d)\.png$").images) == 24


def remarks(
    root: Path, tmp_path: Path, job: Job, **options: Any
) -> dict[str, tuple[int, list[str]]]:
    """What the manifest of the prepared folder tells."""
    out = tmp_path / "prepared"
    settings = PrepareSettings("mine", "imagefolder", 16, {"path": str(root), **options})
    prepare(settings, out, job)
    written = open_prepared(out).manifest.source.get("remarks", [])
    return {remark["what"]: (remark["count"], remark["first"]) for remark in written}


def test_one_picture_in_two_classes_and_twice_in_one(
    splits: Path, tmp_path: Path, job: Job
) -> None:
    assert remarks(splits, tmp_path, job) == {}
    copy(splits, "train/a/train0.png", "train/b/other.png", "train/a/twice.png")
    assert remarks(splits, tmp_path, job) == {
        _groups.OTHER_CLASS: (1, ["train/b/other.png = train/a/train0.png"]),
        _groups.SAME_CLASS: (1, ["train/a/twice.png = train/a/train0.png"]),
    }


def test_copies_in_another_format_are_found_when_they_are_decoded(
    splits: Path, tmp_path: Path, job: Job
) -> None:
    with Image.open(splits / "train/a/train0.png") as image:
        image.save(splits / "train/a/same.bmp")
        image.save(splits / "test/a/same.tiff")
    assert read(splits)
    with pytest.raises(FD2Error, match="1 of 13 test images") as caught:
        remarks(splits, tmp_path, job)
    assert "test/a/same.tiff with train/a/same.bmp" in caught.value.what
    told = remarks(splits, tmp_path, job, allow_leakage=True)
    assert told[_groups.SAME_CLASS] == (1, ["train/a/train0.png = train/a/same.bmp"])
    assert told[_groups.SHARED] == (1, ["test/a/same.tiff with train/a/same.bmp"])


def test_empty_files_are_broken_and_no_copies(splits: Path, tmp_path: Path, job: Job) -> None:
    for name in ("train/a/empty.png", "test/a/empty.png"):
        (splits / name).touch()
    with pytest.raises(FD2Error, match=r"2 broken image\(s\)"):
        remarks(splits, tmp_path, job)
