"""Subsets of ImageNet-1K: their lists, the order of their labels, and what is refused of a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets import imagenet_subset
from fd2.datasets._imagenet_classes import CLASSES, COMP_DD, MTT
from fd2.datasets.imagenet_subset import SUBSETS, TRAIN, TRAIN_PER_CLASS, source
from fd2.datasets.imagenette import DATASETS
from fd2.errors import FD2Error

Prepared = Callable[..., PreparedDataset]
#: Labels 0 to 9 of ImageWoof in the code of MTT.
WOOF = (
    *("n02096294", "n02093754", "n02111889", "n02088364", "n02086240"),
    *("n02089973", "n02087394", "n02115641", "n02099601", "n02105641"),
)
LABELS = [label for label in range(10) for _ in range(3)]


def wnids_of(subset: str) -> list[str]:
    return [CLASSES[number][0] for number in dict.fromkeys(SUBSETS[subset])]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three training and two validation images a class."""
    monkeypatch.setattr(imagenet_subset, "TRAIN_PER_CLASS", (3, 3))
    monkeypatch.setattr(imagenet_subset, "VAL_PER_CLASS", 2)
    monkeypatch.setattr(imagenet_subset, "TRAIN", {"woof": 30, "music_hard": 27})


@pytest.fixture
def copy(layouts: Any, tmp_path: Path) -> Callable[[str], Path]:
    """A copy with the classes of a subset and one that is of none."""

    def write(subset: str) -> Path:
        wnids = ["n15075141", *wnids_of(subset)]
        layouts.write_imagenette(tmp_path / subset, wnids, "imagenet")
        return tmp_path / subset / "imagenet2"

    return write


def refusal(**settings: str) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        source(settings, "here")
    return caught.value


def test_every_list_has_ten_classes_each_once_but_one() -> None:
    assert (len(MTT), len(COMP_DD)) == (6, 16)
    assert {name: len(set(numbers)) for name, numbers in SUBSETS.items()} == {
        **dict.fromkeys(SUBSETS, 10),
        "music_hard": 9,
    }
    assert all(len(numbers) == 10 for numbers in SUBSETS.values())
    assert len(SUBSETS) == 6 + 16 + 1
    # No class is in two subsets of Comp-DD.
    shared = [number for numbers in COMP_DD.values() for number in set(numbers)]
    assert len(shared) == len(set(shared)) == 159
    assert set(TRAIN) == {"nette", "woof", *COMP_DD}
    least, most = TRAIN_PER_CLASS
    for name, train in TRAIN.items():
        classes = len(set(SUBSETS[name]))
        assert least * classes <= train <= most * classes


def test_numbers_are_positions_in_the_order_of_the_wnids() -> None:
    timm = pytest.importorskip("timm")
    path = Path(timm.__file__).parent / "data" / "_info" / "imagenet_synsets.txt"
    wnids = path.read_text().split()
    assert wnids == sorted(wnids) and len(wnids) == 1000
    assert {number: wnids[number] for number in CLASSES} == {
        number: wnid for number, (wnid, _) in CLASSES.items()
    }
    assert set(CLASSES) == {number for numbers in SUBSETS.values() for number in numbers}


@pytest.mark.parametrize("subset", SUBSETS)
def test_no_two_classes_of_a_subset_share_a_name(subset: str) -> None:
    names = [CLASSES[number][1] for number in dict.fromkeys(SUBSETS[subset])]
    assert len(set(names)) == len(names)


def test_nette_and_woof_are_those_of_fastai() -> None:
    assert wnids_of("nette") == list(DATASETS["imagenette"].classes)
    assert tuple(wnids_of("woof")) == WOOF
    assert sorted(WOOF) == list(DATASETS["imagewoof"].classes)
    for kind, subset in (("imagenette", "nette"), ("imagewoof", "woof")):
        assert DATASETS[kind].imagenet.train == TRAIN[subset]


@pytest.mark.usefixtures("small")
def test_labels_are_in_the_listed_order_in_both_layouts(
    copy: Callable[[str], Path], tmp_path: Path, prepared: Prepared
) -> None:
    root = tmp_path / "imagenet" / "ILSVRC" / "Data" / "CLS-LOC"
    shutil.copytree(copy("woof"), root)
    sorted_ = prepared("imagenet_subset", subset="woof", imagenet_path=str(root))
    assert sorted_.manifest.source["wnids"] == list(WOOF)
    assert sorted_.manifest.classes[:2] == ("Australian terrier", "Border terrier")
    assert sorted_.train.labels.tolist() == LABELS
    assert sorted_.test.labels.tolist() == [label for label in range(10) for _ in range(2)]
    for entry in (*sorted_.manifest.files["train"], *sorted_.manifest.files["test"]):
        assert entry["path"].split("/")[1] == WOOF[entry["class"]]
    lines = ["ImageId,PredictionString"]
    for path in sorted((root / "val").glob("*/*")):
        lines.append(f"{path.stem},{path.parent.name} 1 2 3 4")
        path.rename(root / "val" / path.name)
    for folder in (root / "val").glob("n*"):
        if folder.is_dir():
            folder.rmdir()
    error = refusal(subset="woof", imagenet_path=str(root))
    assert "no LOC_val_solution.csv" in error.what
    (tmp_path / "imagenet" / "LOC_val_solution.csv").write_text("\n".join(lines))
    flat = prepared("imagenet_subset", subset="woof", imagenet_path=str(tmp_path / "imagenet"))
    assert [e["class"] for e in flat.manifest.files["test"]] == flat.test.labels.tolist()
    assert flat.test.labels.tolist() == sorted_.test.labels.tolist()
    assert (flat.test.images == sorted_.test.images).all()


@pytest.mark.usefixtures("small")
def test_a_list_with_a_class_twice(copy: Callable[[str], Path], prepared: Prepared) -> None:
    settings = {"subset": "music_hard", "imagenet_path": str(copy("music_hard"))}
    error = refusal(**settings)
    assert "'music_hard' has class n02787622 (banjo) twice" in error.what
    assert "repeated_class: dropped" in error.fix and "9 classes" in error.fix
    data = prepared("imagenet_subset", **settings, repeated_class="dropped")
    assert data.manifest.classes[:3] == ("banjo", "harp", "grand piano")
    assert len(data.manifest.classes) == 9
    assert data.manifest.source["repeated_class"] == "1 of the list's classes dropped"
    assert data.train.labels.tolist() == LABELS[:27]


@pytest.mark.usefixtures("small")
def test_refusals(
    copy: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(subset="woof").what == "no copy of ImageNet-1K"
    nowhere = refusal(subset="woof", imagenet_path=str(tmp_path / "no"))
    assert nowhere.where == "here, 'imagenet_path'"
    monkeypatch.delenv("IMAGENET", raising=False)
    unset = refusal(subset="woof", imagenet_path="$IMAGENET")
    assert unset.what == "the variable $IMAGENET is not set"
    root = copy("woof")
    given = {"subset": "woof", "imagenet_path": str(root.parent)}
    extra = root / "train" / WOOF[0] / "more.JPEG"
    shutil.copy(next((root / "train" / WOOF[0]).iterdir()), extra)
    assert "published are 10 classes, 30 training" in refusal(**given).what
    monkeypatch.setattr(imagenet_subset, "TRAIN", {})
    error = refusal(**given)
    assert f"4 training and 2 validation images of class {WOOF[0]}" in error.what
    extra.unlink()
    shutil.rmtree(root / "val" / WOOF[3])
    assert refusal(**given).what == f"no folder of class {WOOF[3]}"
    for number in (3, 7):
        shutil.rmtree(root / "train" / WOOF[number])
    error = refusal(**given)
    assert error.what == (
        f"no folder of 2 class(es) of 'woof': {WOOF[3]} (beagle), {WOOF[7]} (dingo)"
    )
    assert error.where == str(root / "train")
    shutil.rmtree(root / "train")
    assert refusal(**given).what == "no folder with train and val"
