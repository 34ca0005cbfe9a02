"""The stage on real photographs: same bytes for any number of workers, and clear refusals."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fd2.artifacts.prepared import open_prepared
from fd2.datasets import elpv
from fd2.errors import FD2Error
from fd2.runtime.job import Job, start_job
from fd2.stages.prepare import PrepareSettings, prepare

RESOLUTION = 32
PER_CLASS = {"train": 3, "test": 2}


@pytest.fixture(scope="module")
def job() -> Job:
    return start_job("cpu", 1)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty real images as an image folder: three and two of each of eight classes."""
    root = tmp_path_factory.mktemp("cells")
    source = elpv.source({}, "test")
    for split, count in PER_CLASS.items():
        for class_id, name in enumerate(source.classes):
            folder = root / split / name
            folder.mkdir(parents=True)
            same = [i for i in source.images if (i.class_id, i.split) == (class_id, split)]
            for image in same[:count]:
                shutil.copy(image.path, folder)
    return root


@pytest.fixture
def copied(cells: Path, tmp_path: Path) -> Path:
    """The forty images, free to be spoilt."""
    return Path(shutil.copytree(cells, tmp_path / "copied"))


def settings(root: Path, resolution: int = RESOLUTION, **options: Any) -> PrepareSettings:
    return PrepareSettings("cells", "imagefolder", resolution, {"path": str(root), **options})


def digest(chosen: PrepareSettings, folder: Path, job: Job) -> str:
    prepare(chosen, folder, job)
    return open_prepared(folder).manifest.digest()


def refusal(chosen: PrepareSettings, folder: Path, job: Job) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        prepare(chosen, folder, job)
    assert not folder.exists()
    return caught.value


def test_other_statistics_and_test_images(cells: Path, tmp_path: Path, job: Job) -> None:
    """Training images stay; what differs stands in the manifest."""
    prepare(settings(cells), tmp_path / "one", job)
    statistics = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    other = replace(settings(cells), test_resize="centre_crop", statistics=statistics)
    prepare(other, tmp_path / "two", job)
    one, two = (open_prepared(tmp_path / name) for name in ("one", "two"))
    assert np.array_equal(one.train.images, two.train.images)
    assert not np.array_equal(one.test.images, two.test.images)
    assert {"mean": list(two.manifest.mean), "std": list(two.manifest.std)} == statistics
    assert "test images: shorter side to 8/7" in two.manifest.source["resize"]
    assert "test images" not in one.manifest.source["resize"]


def test_arrays_labels_and_statistics(cells: Path, tmp_path: Path, job: Job) -> None:
    prepare(settings(cells), tmp_path / "out", job)
    data = open_prepared(tmp_path / "out")
    assert data.manifest.classes == elpv.CLASSES
    assert data.train.images.shape == (24, RESOLUTION, RESOLUTION, 3)
    assert data.test.labels.tolist() == [class_id for class_id in range(8) for _ in range(2)]
    entry = data.manifest.files["test"][5]
    with Image.open(cells / entry["path"]) as image:
        wanted = image.convert("RGB").resize((RESOLUTION, RESOLUTION), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(data.test.images[5], np.asarray(wanted))
    flat = data.train.images.reshape(-1, 3) / 255
    np.testing.assert_allclose(data.manifest.mean, flat.mean(0), rtol=1e-12)
    np.testing.assert_allclose(data.manifest.std, flat.std(0), rtol=1e-12)


def test_images_are_not_held_in_memory(cells: Path, tmp_path: Path, job: Job) -> None:
    """A dataset may be larger than the memory: of 40 images less than half are there at once."""
    tracemalloc.start()
    try:
        prepare(settings(cells, 512), tmp_path / "out", job)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    data = open_prepared(tmp_path / "out")
    # An image, and its copy in eight times the bytes for the sums.
    assert most < 20 * data.train.images[0].nbytes
    assert data.train.images.any(axis=(1, 2, 3)).all()


def test_chosen_classes_have_the_pixels_and_the_split_of_all(
    cells: Path, tmp_path: Path, job: Job
) -> None:
    """Labels are the list's order, which is not that of the folders."""
    names = [elpv.CLASSES[number] for number in (5, 0, 3)]
    prepare(settings(cells), tmp_path / "all", job)
    prepare(settings(cells, classes=names), tmp_path / "three", job)
    everything, three = (open_prepared(tmp_path / name) for name in ("all", "three"))
    assert three.manifest.classes == tuple(names)
    for split in ("train", "test"):
        own, of_all = getattr(three, split), getattr(everything, split)
        for label, number in enumerate((5, 0, 3)):
            wanted = of_all.images[of_all.labels.numpy() == number]
            np.testing.assert_array_equal(own.images[own.labels.numpy() == label], wanted)
    assert len(three.train.labels) == 9 and len(three.test.labels) == 6


def test_record_names_stage_settings_and_run(cells: Path, tmp_path: Path, job: Job) -> None:
    chosen = settings(cells)
    prepare(chosen, tmp_path / "out", job)
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    assert record["stage"] == "prepare"
    assert record["settings"]["resolution"] == RESOLUTION
    assert record["manifest"] == open_prepared(tmp_path / "out").manifest.digest()
    assert record["run"]["device"] == "cpu"


def test_same_bytes_for_any_workers_and_place(
    cells: Path, copied: Path, tmp_path: Path, job: Job
) -> None:
    prepare(settings(cells), tmp_path / "one", job, workers=1)
    prepare(settings(copied), tmp_path / "three", job, workers=3)
    names = {"train.npy", "train_labels.npy", "test.npy", "test_labels.npy", "manifest.json"}
    assert {p.name for p in (tmp_path / "one").iterdir()} == names | {"record.json"}
    for name in names:
        one, three = ((tmp_path / run / name).read_bytes() for run in ("one", "three"))
        assert one == three, name


def test_digest_tells_pixel_resolution_and_split_apart(
    copied: Path, tmp_path: Path, job: Job
) -> None:
    digests = [
        digest(settings(copied), tmp_path / "base", job),
        digest(settings(copied, resolution=31), tmp_path / "smaller", job),
        digest(settings(copied / "train", test_fraction=0.3), tmp_path / "fraction", job),
    ]
    moved = min((copied / "train" / "mono_000").iterdir())
    shutil.move(moved, copied / "test" / "mono_000")
    digests.append(digest(settings(copied), tmp_path / "moved", job))
    shutil.move(copied / "test" / "mono_000" / moved.name, moved)
    assert digest(settings(copied), tmp_path / "again", job) == digests[0]
    path = min((copied / "test" / "mono_033").iterdir())
    with Image.open(path) as image:
        changed = np.array(image)
    changed[0, 0] ^= 1
    Image.fromarray(changed).save(path)
    digests.append(digest(settings(copied), tmp_path / "pixel", job))
    assert len(set(digests)) == len(digests)


def test_what_is_told_of_pictures_stands_in_log_manifest_and_record(
    copied: Path, tmp_path: Path, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = [sorted((copied / "train" / name).iterdir())[0] for name in elpv.CLASSES]
    for path in turned:
        with Image.open(path) as image:
            image.save(path, exif=exif)
    (copied / "train" / "mono_000" / "new.heic").write_bytes(b"?")
    thumbnail = copied / "test" / "mono_000" / "@eaDir" / turned[0].name
    thumbnail.parent.mkdir()
    shutil.copy(turned[0], thumbnail)
    prepare(settings(copied), tmp_path / "out", job)
    first = [repr(path.relative_to(copied).as_posix()) for path in turned[:3]]
    told = [
        "files of thumbnails, waste bins and other machine-made folders, passed over: 1, "
        "first 'test/mono_000/@eaDir'",
        "files passed over for their suffix: 1, first 'train/mono_000/*.heic'",
        f"pictures turned as their EXIF orientation says (apply_exif): 8, first {', '.join(first)}",
    ]
    assert open_prepared(tmp_path / "out").manifest.remarks == told
    assert json.loads((tmp_path / "out/record.json").read_text())["remarks"] == told
    printed = capsys.readouterr().out.splitlines()
    assert [f"warning: {line}" for line in told] == [p for p in printed if p.startswith("warn")]


def test_apply_exif_changes_pixels_and_the_digest(copied: Path, tmp_path: Path, job: Job) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    path = min((copied / "train" / "mono_000").iterdir())
    with Image.open(path) as image:
        image.save(path, exif=exif)
    for name, options in (("turned", {}), ("stored", {"apply_exif": False})):
        prepare(settings(copied, **options), tmp_path / name, job)
    turned, stored = (open_prepared(tmp_path / name) for name in ("turned", "stored"))
    np.testing.assert_array_equal(turned.train.images[0], stored.train.images[0][::-1, ::-1])
    np.testing.assert_array_equal(turned.train.images[1:], stored.train.images[1:])
    assert turned.manifest.digest() != stored.manifest.digest()
    assert "not turned" in stored.manifest.remarks[0]


def test_each_kind_of_faulty_file_has_its_remedy(copied: Path, tmp_path: Path, job: Job) -> None:
    broken, large = sorted((copied / "train" / "mono_000").iterdir())[:2]
    pointer = min((copied / "test" / "mono_000").iterdir())
    broken.write_bytes(broken.read_bytes()[:9000])
    Image.new("L", (301, 300)).save(large)
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    error = refusal(settings(copied, max_pixels=300 * 300), tmp_path / "out", job)
    head, *lines = error.what.splitlines()
    assert head == "1 image(s) not there, 1 too large image(s), 1 broken image(s):"
    assert [line.split(": ")[0].strip() for line in lines] == [
        str(path) for path in (broken, large, pointer)
    ]
    assert "301 x 300 pixels" in lines[1]
    assert "raise max_pixels" in error.fix and "replace or delete these files" in error.fix


def test_broken_images_are_all_named(copied: Path, tmp_path: Path, job: Job) -> None:
    train = sorted((copied / "train" / "mono_000").iterdir())
    test = sorted((copied / "test" / "poly_100").iterdir())
    train[0].write_bytes(train[0].read_bytes()[:9000])
    train[2].write_text("<html><body>404 Not Found</body></html>")
    test[1].write_bytes(b"")
    error = refusal(settings(copied), tmp_path / "out", job)
    assert error.what.startswith("3 broken image(s)")
    lines = error.what.splitlines()[1:]
    assert [line.strip().split(": ", 1)[0] for line in lines] == [
        str(path) for path in (train[0], train[2], test[1])
    ]
    assert "truncated" in lines[0]
    assert "begins with '<html><body>'" in lines[1]
    assert "an empty file" in lines[2]
    assert "datasets.cells" in error.where


def test_of_many_broken_images_ten_are_named(copied: Path, tmp_path: Path, job: Job) -> None:
    for path in (copied / "test").rglob("*.png"):
        path.write_bytes(b"not a picture")
    error = refusal(settings(copied), tmp_path / "out", job)
    assert error.what.startswith("16 broken image(s)")
    assert error.what.count(".png: ") == 10
    assert error.what.endswith("and 6 more")


def test_class_with_one_training_image_is_named(copied: Path, tmp_path: Path, job: Job) -> None:
    for path in sorted((copied / "train" / "mono_067").iterdir())[1:]:
        path.unlink()
    error = refusal(settings(copied), tmp_path / "out", job)
    assert error.what == "1 class(es) with fewer than 2 training images: 'mono_067' (1)"


def test_constant_channel_is_refused(tmp_path: Path, job: Job) -> None:
    for number in range(6):
        for name in "ab":
            path = tmp_path / "flat" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (40 * number, 30 * number, 0)).save(path)
    error = refusal(settings(tmp_path / "flat", test_fraction=0.3), tmp_path / "out", job)
    assert "a channel is constant" in error.what


def test_wrong_kind_and_wrong_option(cells: Path, tmp_path: Path, job: Job) -> None:
    chosen = settings(cells)
    error = refusal(replace(chosen, kind="imagefoldr"), tmp_path / "out", job)
    assert "unknown dataset 'imagefoldr'" in error.what
    assert "did you mean 'imagefolder'?" in error.fix
    error = refusal(replace(chosen, kind="elpv"), tmp_path / "out", job)
    assert error.what == "unknown key 'path'"
    error = refusal(settings(cells, test_fractoin=0.5), tmp_path / "out", job)
    assert "did you mean 'test_fraction'?" in error.fix
