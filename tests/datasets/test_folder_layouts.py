"""Folders as people have them: what means a split, what is passed over, what is refused."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fd2.datasets import _folder_layout, _folder_walk, imagefolder
from fd2.datasets._decode import read_images
from fd2.datasets._folder_layout import role_of
from fd2.datasets._source import ImageSource
from fd2.errors import FD2Error

PLACE = "setting 'datasets.mine'"


def photo(root: Path, *names: str) -> None:
    """A picture of its own at each path."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = 2 * hashlib.sha256(name.encode()).digest()
        Image.frombytes("RGB", (4, 4), pixels[:48]).save(path)


def read(root: Path, **options: Any) -> ImageSource:
    return imagefolder.source({"path": str(root), **options}, PLACE)


def told(source: ImageSource) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {remark.what: (remark.count, remark.first) for remark in source.remarks}


def refusal(root: Path, **options: Any) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        read(root, **options)
    return caught.value


@pytest.mark.parametrize(
    ("name", "role"),
    [
        *(
            (name, "train")
            for name in ("train", "TRAIN", "Training", "trn", "train_set", "TrainSet")
        ),
        *((name, "train") for name in ("training images", "train2017", "data-train")),
        *(
            (name, "test")
            for name in ("Testing", "tst", "eval", "Evaluation", "holdout", "Hold-Out")
        ),
        *((name, "test") for name in ("test_images", "held out", "testset")),
        *((name, "validation") for name in ("val", "VALID", "Validation", "dev", "val2017")),
        *((name, None) for name in ("images", "contest", "trainer", "data", "latest", "evaluator")),
    ],
)
def test_names_of_splits(name: str, role: str | None) -> None:
    assert role_of(name) == role


@pytest.mark.parametrize(
    ("train", "test"), [("Training", "Testing"), ("TRAIN", "VALID"), ("trn", "dev")]
)
def test_folders_named_like_splits_in_any_case_are_splits(
    tmp_path: Path, train: str, test: str
) -> None:
    photo(tmp_path, *(f"{split}/{c}/1.png" for split in (train, test) for c in "ab"))
    source = read(tmp_path)
    assert source.classes == ("a", "b")
    assert [(i.name.partition("/")[0], i.split) for i in source.images] == [
        *[(train, "train")] * 2,
        *[(test, "test")] * 2,
    ]
    error = refusal(tmp_path, test_fraction=0.25)
    assert error.what == (
        f"test_fraction is set, but there are folders {train} and {test}; below {train}: a, b"
    )


@pytest.mark.parametrize("other", ["Test", "holdout"])
def test_two_folders_for_one_split_are_refused(tmp_path: Path, other: str) -> None:
    photo(tmp_path, *(f"{split}/{c}/1.png" for split in ("train", "test", other) for c in "ab"))
    assert "mean the same split" in refusal(tmp_path).what
    assert repr(other) in refusal(tmp_path).what


def test_a_third_split_is_told(tmp_path: Path) -> None:
    photo(tmp_path, *(f"{split}/{c}/1.png" for split in ("train", "test") for c in "ab"))
    photo(tmp_path, "valid/a/2.png", "valid/b/2.png", "extra/3.png")
    (tmp_path / "notes").mkdir()
    source = read(tmp_path)
    assert len(source.images) == 4
    assert told(source) == {_folder_layout.UNUSED: (3, ("extra (1)", "valid (2)"))}


@pytest.mark.parametrize("name", ["Training", "01_train", "seg_train", "train_v2"])
def test_a_split_alone_is_no_class(tmp_path: Path, name: str) -> None:
    photo(tmp_path, *(f"{split}/{c}/1.png" for split in (name, "zz_more") for c in "ab"))
    error = refusal(tmp_path, test_fraction=0.5)
    assert error.what == f"folder '{name}' is named like a split; below {name}: a, b"


def test_folders_that_hint_at_splits_are_to_be_renamed(tmp_path: Path) -> None:
    photo(tmp_path, *(f"{split}/{c}/1.png" for split in ("1_train", "2_test") for c in "ab"))
    assert "'train' and 'test'; there are '1_train', '2_test'" in refusal(tmp_path).fix


def test_a_class_may_have_a_word_of_splits_in_its_name(tmp_path: Path) -> None:
    photo(tmp_path, *(f"{c}/{n}.png" for c in ("test_tube", "train-station") for n in range(4)))
    assert read(tmp_path, test_fraction=0.5).classes == ("test_tube", "train-station")


@pytest.mark.parametrize("options", [{}, {"test_fraction": 0.5}])
def test_folders_around_the_classes_are_named(tmp_path: Path, options: dict[str, float]) -> None:
    photo(tmp_path, "data/images/cats/1.png", "data/images/dogs/1.png")
    fix = refusal(tmp_path, **options).fix
    assert fix == f"point 'path' at {tmp_path}/data/images, which holds the folders 'cats', 'dogs'"


def test_splits_below_classes_are_refused(tmp_path: Path) -> None:
    photo(tmp_path, *(f"{c}/{split}/1.png" for split in ("Train", "test") for c in "ab"))
    error = refusal(tmp_path, test_fraction=0.5)
    assert error.what == (
        "class folders that hold folders of splits: a/test, a/Train, b/test, b/Train"
    )


MACHINE = {
    "@eaDir": "@eaDir/1.png/SYNOPHOTO_THUMB_XL.jpg",
    ".AppleDouble": ".AppleDouble/1.png",
    "__MACOSX": "__MACOSX/._1.png",
    "lost+found": "lost+found/1.png",
    "Thumbs.db": "Thumbs.db",
    "#recycle": "#recycle/1.png",
    "._1.png": "._1.png",
}


@pytest.mark.parametrize("where", ["", "a/", "a/deep/"])
@pytest.mark.parametrize("holder", MACHINE)
def test_what_machines_write_is_passed_over_and_counted(
    tmp_path: Path, where: str, holder: str
) -> None:
    photo(tmp_path, "a/1.png", "a/deep/2.png", "b/1.png", "b/2.png")
    path = tmp_path / where / MACHINE[holder]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((tmp_path / "a/1.png").read_bytes())
    source = read(tmp_path, test_fraction=0.5)
    assert len(source.images) == 4
    assert told(source)[_folder_walk.MACHINE] == (1, (f"{where}{holder}",))


def test_thumbnails_of_a_file_server_are_no_photographs(tmp_path: Path) -> None:
    for c in "ab":
        for number in range(24):
            photo(tmp_path, f"{c}/{number}.png")
            for size in ("XL", "M"):
                photo(tmp_path, f"{c}/@eaDir/{number}.png/SYNOPHOTO_THUMB_{size}.jpg")
    source = read(tmp_path, test_fraction=0.25)
    assert len(source.images) == 48
    assert told(source) == {_folder_walk.MACHINE: (96, ("a/@eaDir (48)", "b/@eaDir (48)"))}


def test_hidden_pictures_and_stores_of_version_control(tmp_path: Path) -> None:
    photo(tmp_path, "a/1.png", "b/1.png", ".hidden/2.png", "a/.2.png", ".git/annex/objects/3.png")
    (tmp_path / "a/.DS_Store").touch()
    assert told(read(tmp_path, test_fraction=0.5)) == {
        _folder_walk.HIDDEN: (2, (".hidden", "a/.2.png"))
    }


def test_what_is_not_read_is_named_by_suffix_and_class(tmp_path: Path) -> None:
    photo(tmp_path, "a/1.jfif", "a/2.gif", "a/3.ppm", "a/4.AVIF", "b/1.jpe", "b/2.dib", "b/3.jp2")
    for name in ("a/1.HEIC", "a/2.heic", "b/1.heic", "b/scan.svg", "b/photo"):
        (tmp_path / name).write_bytes(b"?")
    source = read(tmp_path, test_fraction=0.5)
    assert len(source.images) == 7
    assert told(source) == {
        _folder_walk.OTHER_SUFFIX: (5, ("a/*.heic (2)", "b/*.heic", "b/*.svg", "b/photo"))
    }


def test_a_class_without_pictures_tells_what_it_holds(tmp_path: Path) -> None:
    photo(tmp_path, "a/1.png", "c/1.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/1.heic").write_bytes(b"?")
    error = refusal(tmp_path, test_fraction=0.5)
    assert error.what == "1 class(es) without images: 'b'"
    assert "b/*.heic" in error.where


def test_pictures_deeper_than_the_class_folder_are_told(tmp_path: Path) -> None:
    photo(tmp_path, "a/1.png", "a/x/y/2.png", "b/1.png", "b/z/3.png")
    assert told(read(tmp_path, test_fraction=0.5)) == {
        _folder_walk.DEEPER: (2, ("a/x/y/2.png", "b/z/3.png"))
    }


def test_links_to_nowhere_are_all_counted(tmp_path: Path) -> None:
    photo(tmp_path, "a/0.png", "b/0.png")
    for number in range(1, 13):
        (tmp_path / f"a/{number}.png").symlink_to(f"../.git/annex/objects/{number}")
    (tmp_path / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "b/circle.png").symlink_to("circle.png")
    error = refusal(tmp_path, test_fraction=0.5)
    assert error.what == "14 picture(s) that are links to nowhere"
    assert f"{tmp_path}/a/1.png -> ../.git/annex/objects/1" in error.where
    assert error.where.count(" -> ") == 10
    assert error.where.endswith("and 4 more")
    assert "git annex get" in error.fix


def test_pictures_left_in_the_cloud_are_missing(tmp_path: Path) -> None:
    photo(tmp_path, *(f"{c}/{n}.png" for c in "ab" for n in range(4)))
    (tmp_path / "a/.notes.txt.icloud").touch()
    assert not read(tmp_path, test_fraction=0.5).remarks
    (tmp_path / "a/.IMG_1.JPG.icloud").touch()
    error = refusal(tmp_path, test_fraction=0.5)
    assert "a/.IMG_1.JPG.icloud: left in iCloud" in error.where and "brctl download" in error.fix


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    photo(tmp_path, "a/1.png", "b/1.png")
    os.mkfifo(tmp_path / "a/2.png")
    assert told(read(tmp_path, test_fraction=0.5)) == {_folder_walk.NO_FILES: (1, ("a/2.png",))}


COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))


def test_names_are_compared_as_they_look(tmp_path: Path) -> None:
    photo(tmp_path, f"train/{COMPOSED}/1.png", "train/b/1.png")
    photo(tmp_path, f"test/{DECOMPOSED}/{DECOMPOSED}.png", "test/b/2.png")
    source = read(tmp_path)
    assert source.classes == ("b", COMPOSED)
    assert [image.class_id for image in source.images] == [0, 1, 0, 1]
    assert source.images[-1].name == f"test/{COMPOSED}/{COMPOSED}.png"
    assert source.images[-1].path.is_file()


@pytest.mark.parametrize("names", [("a/{}.png", "b/1.png"), ("{}/1.png", "b/1.png")])
def test_two_names_that_look_the_same_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    photo(tmp_path, *(name.format(e) for name in names for e in (COMPOSED, DECOMPOSED)))
    assert "differ in nothing visible" in refusal(tmp_path, test_fraction=0.5).what


def test_classes_that_differ_in_case_or_blanks(tmp_path: Path) -> None:
    photo(tmp_path, "Cat/1.png", "cat/1.png", "cat /1.png", "dog/1.png")
    assert told(read(tmp_path, test_fraction=0.5)) == {
        _folder_layout.ALIKE: (3, ("Cat", "cat", "cat "))
    }
    photo(tmp_path / "split", "train/Cat/1.png", "train/dog/1.png")
    photo(tmp_path / "split", "test/cat/2.png", "test/dog/2.png")
    error = refusal(tmp_path / "split")
    assert error.what == "1 class(es) in train but not in test: 'Cat'"
    assert "'Cat' and 'cat'" in error.fix


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "x.zip").touch()
    assert refusal(tmp_path / "x.zip").what == f"'{tmp_path / 'x.zip'}' is a file"


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder of a user whom permissions stop; root becomes one meanwhile."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_folders_that_cannot_be_read_are_refused(mode: int) -> None:
    with unprivileged() as folder:
        photo(folder, "a/1.png", "a/inner/2.png", "b/1.png", "b/2.png", "a/lost+found/3.png")
        for name in ("a/inner", "b", "a/lost+found"):
            (folder / name).chmod(mode)
        error = refusal(folder, test_fraction=0.5)
        for name in ("a/inner", "b"):
            (folder / name).chmod(0o755)
        there = read(folder, test_fraction=0.5)
    assert error.what == "2 folder(s) that cannot be read"
    assert f"{folder}/a/inner: Permission denied" in error.where
    assert f"{folder}/b: Permission denied" in error.where
    assert "lost+found" not in error.where
    assert len(there.images) == 4


def test_a_dataset_that_cannot_be_read_is_refused() -> None:
    with unprivileged() as folder:
        photo(folder, "mine/a/1.png", "mine/b/1.png")
        (folder / "mine").chmod(0o000)
        error = refusal(folder / "mine", test_fraction=0.5)
        (folder / "mine").chmod(0o755)
    assert error.what == "1 folder(s) that cannot be read"


def test_files_that_may_not_be_read_are_told_as_such(tmp_path: Path) -> None:
    def faults(folder: Path) -> dict[int, tuple[str, str]]:
        source = read(folder, test_fraction=0.5)
        return dict(read_images(source, source.images, 8, 2, "test").faults)

    photo(tmp_path, "a/1.png", "b/1.png")
    # Also imports what is imported late, which another user may not read.
    assert faults(tmp_path) == {}
    with unprivileged() as folder:
        photo(folder, "a/1.png", "a/2.png", "b/1.png")
        (folder / "a/2.png").chmod(0o000)
        found = faults(folder)
    assert found == {1: ("image(s) that may not be read", "Permission denied")}
