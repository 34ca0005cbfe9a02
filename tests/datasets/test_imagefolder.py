"""A user's folder: layouts, class order, the split by fraction, and each refusal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import fd2
from fd2.config import plugins
from fd2.config.validation import validate
from fd2.datasets import imagefolder
from fd2.datasets._shares import share_of_groups
from fd2.datasets._source import ImageSource, SourceImage
from fd2.errors import FD2Error

PLACE = "setting 'datasets.mine'"


def touch(root: Path, *names: str) -> None:
    """Empty files: listing does not decode."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def read(root: Path, **options: Any) -> ImageSource:
    settings = {"path": str(root), **options}
    validate(settings, imagefolder.SETTINGS_SCHEMA, PLACE)
    return imagefolder.source(settings, PLACE)


def refusal(root: Path, **options: Any) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        read(root, **options)
    return caught.value


@pytest.mark.parametrize("test_folder", ["test", "val", "validation"])
def test_two_folders(tmp_path: Path, test_folder: str) -> None:
    touch(tmp_path, "train/b/1.JPG", "train/b/deep/er/2.png", "train/B/x.tiff", "train/é a/y.webp")
    touch(tmp_path, *(f"{test_folder}/{c}/1.jpeg" for c in ("b", "B", "é a")))
    source = read(tmp_path)
    assert source.classes == ("B", "b", "é a")
    assert [(i.name, i.class_id, i.split) for i in source.images] == [
        ("train/B/x.tiff", 0, "train"),
        ("train/b/1.JPG", 1, "train"),
        ("train/b/deep/er/2.png", 1, "train"),
        ("train/é a/y.webp", 2, "train"),
        (f"{test_folder}/B/1.jpeg", 0, "test"),
        (f"{test_folder}/b/1.jpeg", 1, "test"),
        (f"{test_folder}/é a/1.jpeg", 2, "test"),
    ]
    assert all(image.path == tmp_path / image.name for image in source.images)
    assert source.facts["split_rule"] == f"folders train and {test_folder}"
    assert str(tmp_path) not in json.dumps(source.facts)


@pytest.mark.parametrize("layout", ["one", "two"])
def test_chosen_classes_in_their_order(tmp_path: Path, layout: str) -> None:
    """Other folders are not looked into, whatever is in them."""
    splits = ("train/", "test/") if layout == "two" else ("",)
    for split in splits:
        touch(tmp_path, *(f"{split}{c}/{n}.png" for c in ("ant", "é", "wren") for n in range(8)))
        (tmp_path / split / "nothing").mkdir()
    options = {} if layout == "two" else {"test_fraction": 0.25}
    assert "without images: 'nothing'" in refusal(tmp_path, **options).what
    source = read(tmp_path, classes=["wren", "e\u0301"], **options)
    assert source.classes == ("wren", "é")
    assert {(i.class_id, i.name.split("/")[-2]) for i in source.images} == {(0, "wren"), (1, "é")}
    # The same images are tested on as with all classes.
    for split in splits:
        (tmp_path / split / "nothing").rmdir()
    splits_of_all = {image.name: image.split for image in read(tmp_path, **options).images}
    assert all(splits_of_all[image.name] == image.split for image in source.images)


def test_classes_that_cannot_be_chosen(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train/{c}/1.png" for c in ("ant", "bee", "wren")))
    touch(tmp_path, *(f"test/{c}/2.png" for c in ("ant", "wren")))
    assert read(tmp_path, classes=["wren", "ant"]).classes == ("wren", "ant")
    for classes, what in (
        (["wren", "Ant"], "unknown class 'Ant'"),
        (["wren", "ant", "wren"], "'wren' stands twice"),
        (["wren"], "at least 2 values"),
    ):
        error = refusal(tmp_path, classes=classes)
        assert what in error.what + error.fix
    assert "did you mean 'ant'?" in refusal(tmp_path, classes=["wren", "Ant"]).fix
    # In the training folder, and not in that of the tests.
    error = refusal(tmp_path, classes=["bee", "ant"])
    assert error.what == "unknown class 'bee'" and str(tmp_path / "test") in error.where


def test_hidden_files_are_passed_over_and_others_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "a/.2.png", "a/.cache/3.png", "b/1.png", ".git/x/1.png")
    touch(tmp_path, "a/notes.txt", "b/deep/film.heic", "b/no_suffix", "README.md", "loose.png")
    source = read(tmp_path, test_fraction=0.5)
    assert {image.name for image in source.images} == {"a/1.png", "b/1.png"}
    told = {remark.what: (remark.count, remark.first) for remark in source.remarks}
    assert told == {
        "hidden pictures, passed over": (2, ("a/.2.png", "a/.cache")),
        "files passed over for their suffix": (
            4,
            ("*.md", "a/*.txt", "b/deep/*.heic", "b/no_suffix"),
        ),
        "pictures outside any class folder, not used": (1, ("loose.png",)),
    }


def test_fraction_splits_each_class_and_does_not_depend_on_the_place(tmp_path: Path) -> None:
    sizes = {"a": 30, "b": 7, "c": 2}
    places = (tmp_path / "here", tmp_path / "there")
    for where in places:
        for name, size in sizes.items():
            touch(where, *(f"{name}/{number}.png" for number in range(size)))
    first, second = (
        [(i.name, i.class_id, i.split) for i in read(p, test_fraction=0.1).images] for p in places
    )
    assert first == second
    tests = [class_id for _, class_id, split in first if split == "test"]
    assert [tests.count(class_id) for class_id in range(3)] == [3, 1, 1]


def test_hashed_names_are_nested_exact_and_independent_of_order() -> None:
    def share(names: Sequence[str], fraction: float) -> set[str]:
        images = [SourceImage(Path(name), name, 0, "train") for name in names]
        return share_of_groups(images, fraction)

    names = [f"a/{number}.png" for number in range(1000)]
    few, many = share(names, 0.07), share(names[::-1], 0.3)
    assert (len(few), len(many)) == (70, 300)
    assert few < many
    moved = share(names, 0.3) - share([*names, "a/new.png"], 0.3)
    assert len(moved) <= 1


def test_missing_folder(tmp_path: Path) -> None:
    error = refusal(tmp_path / "nowhere")
    assert error.what == f"no such folder: {tmp_path / 'nowhere'}"
    assert error.where == PLACE
    assert "'path'" in error.fix


def test_home_and_variables_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/2.png", "test/b/2.png")
    monkeypatch.setenv("PHOTOS", str(tmp_path))
    assert len(imagefolder.source({"path": "$PHOTOS/"}, PLACE).images) == 4
    for path, what in (("$NO_SUCH/x", "$NO_SUCH is not set"), ("~no_such/x", "no home folder")):
        with pytest.raises(FD2Error) as caught:
            imagefolder.source({"path": path}, PLACE)
        assert what in caught.value.what and caught.value.where == f"{PLACE}, 'path'"


@pytest.mark.parametrize("only", ["train/a/1.png", "test/a/1.png", "a/1.png"])
def test_no_split_and_no_fraction(tmp_path: Path, only: str) -> None:
    touch(tmp_path, only)
    error = refusal(tmp_path, test_fraction=None)
    assert error.what.startswith("no train folder with a test folder")
    assert "test_fraction" in error.fix


def test_fraction_beside_split_folders(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.png", "val/a/1.png")
    assert "there are folders train and val" in refusal(tmp_path, test_fraction=0.2).what


def test_class_folders_may_be_called_train(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.png", "train/2.png", "bus/1.png", "bus/2.png")
    assert read(tmp_path, test_fraction=0.5).classes == ("bus", "train")


def test_too_few_classes(tmp_path: Path) -> None:
    assert refusal(tmp_path, test_fraction=0.5).what == "no class folders"
    touch(tmp_path, "a/1.png")
    assert refusal(tmp_path, test_fraction=0.5).what == "one class folder only: 'a'"


def test_class_without_images_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/1.txt", "c/.1.png")
    error = refusal(tmp_path, test_fraction=0.5)
    assert error.what == "2 class(es) without images: 'b', 'c'"
    assert ".png" in error.fix


@pytest.mark.parametrize(("has", "lacks"), [("train", "test"), ("test", "train")])
def test_classes_that_differ_between_the_splits(tmp_path: Path, has: str, lacks: str) -> None:
    touch(tmp_path, *(f"{split}/{c}/1.png" for split in ("train", "test") for c in "ab"))
    touch(tmp_path, *(f"{has}/extra{number:02}/1.png" for number in range(12)))
    error = refusal(tmp_path)
    assert error.what.startswith(f"12 class(es) in {has} but not in {lacks}: 'extra00', 'extra01'")
    assert error.what.endswith("and 2 more")
    assert error.where == str(tmp_path / lacks)


def test_links(tmp_path: Path) -> None:
    touch(tmp_path, "store/a/1.png", "store/b/1.png", "store/b/2.png")
    root = tmp_path / "root"
    (root / "b").mkdir(parents=True)
    (root / "a").symlink_to(tmp_path / "store" / "a")
    (root / "b" / "one.png").symlink_to(tmp_path / "store" / "b" / "1.png")
    names = [image.name for image in read(root, test_fraction=0.5).images]
    assert names == ["a/1.png", "b/one.png"]
    (root / "b" / "more").symlink_to(tmp_path / "store" / "b")
    error = refusal(root, test_fraction=0.5)
    assert "not followed" in error.what
    assert error.where == str(root / "b" / "more")


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/1.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b/caf\xe9.png")).touch()
    error = refusal(tmp_path, test_fraction=0.5)
    assert "not in UTF-8" in error.what
    assert "caf" in error.where
    str(error).encode()


@pytest.mark.parametrize("fraction", [0, 1, 1.5, -0.1, "0.2"])
def test_fraction_out_of_range(tmp_path: Path, fraction: object) -> None:
    assert "'test_fraction' is" in refusal(tmp_path, test_fraction=fraction).what


def test_path_is_required() -> None:
    with pytest.raises(FD2Error, match="missing key 'path'"):
        validate({}, imagefolder.SETTINGS_SCHEMA, PLACE)


def test_kinds_are_found_and_import_nothing_heavy() -> None:
    assert {"elpv", "imagefolder"} <= set(plugins.names("datasets"))
    program = (
        "import sys\n"
        "from fd2.config import plugins\n"
        "for name in plugins.names('datasets'): plugins.load('datasets', name)\n"
        "print(sorted({'torch', 'numpy', 'PIL', 'elpv_dataset'} & set(sys.modules)))"
    )
    path = str(Path(fd2.__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
