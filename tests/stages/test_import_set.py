"""Sets written out as others publish theirs, taken back: the same images, labels and students."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image
from tests.imports.layouts import (
    FOLDERS,
    normalised,
    write_condensation,
    write_folders,
    write_matching,
    write_parquet,
)

from fd2.artifacts.ddranking import tensor_files
from fd2.artifacts.files import read_json
from fd2.artifacts.images import DistilledSet, read_distilled, write_distilled
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.tensors import read_metadata
from fd2.config.names import SetName
from fd2.errors import FD2Error
from fd2.stages.evaluate import evaluate
from fd2.stages.export import Sources, export
from fd2.stages.import_set import import_set
from fd2.stages.pretrain import pretrain
from fd2.stages.select_images import select_images

if TYPE_CHECKING:
    from tests.conftest import Chain

CARD = Path(__file__).resolve().parents[2] / "workflow" / "report" / "export"
COUNT = 4
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("path", "labels", "rate", "mean", "std", "class_order")),
    **{"trusted": False, "teachers": ["resnet10t"]},
}


@pytest.fixture(scope="module")
def original(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> DistilledSet:
    """Random photographs, four of each of three classes."""
    path = tmp_path_factory.mktemp("original") / "ipc4.safetensors"
    settings = chain.select_settings("random", COUNT)
    select_images(settings, chain.data, None, [], path, path.with_suffix(".json"), chain.job)
    return read_distilled(path)


@pytest.fixture(scope="module")
def matched(chain: Chain, original: DistilledSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float32 set whose pixels leave the range of pictures, with soft labels and a rate."""
    path = tmp_path_factory.mktemp("matched") / "ipc4.safetensors"
    draws = torch.Generator().manual_seed(0)
    images = original.images / 255 + 0.1 * torch.randn(original.images.shape, generator=draws)
    slots = images.unflatten(0, (3, COUNT)).transpose(0, 1)
    logits = 6 * torch.eye(3) + torch.randn(COUNT, 3, 3, generator=draws)
    facts = {key: original.metadata[key] for key in ("manifest", "mean", "std", "inputs")}
    facts |= {"stage": "match", "settings": {}}
    write_distilled(path, slots, facts, learned_labels=logits, learned_rate=0.03125)
    return path


@pytest.fixture(scope="module")
def able(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher that has learnt its training images."""
    path = tmp_path_factory.mktemp("able") / "plain.safetensors"
    settings = chain.pretrain_settings("plain", epochs=6)
    pretrain(settings, chain.data, path, path.with_suffix(".json"), chain.job)
    return path


@pytest.fixture
def imported(chain: Chain, tmp_path: Path) -> Callable[..., Path]:
    """Runs the stage; the set's path."""

    def run(path: Path, count: int = COUNT, *, teacher: Path = chain.plain, **own: object) -> Path:
        given = {
            key: str(value) if isinstance(value, Path) else value for key, value in own.items()
        }
        settings = chain.select_settings(
            "imported", count, **{**NOTHING, "path": str(path), **given}
        )
        output = tmp_path / "imported.safetensors"
        record = output.with_suffix(".json")
        import_set(settings, chain.data, teacher, output, record, chain.job)
        return output

    return run


def classes_of(chain: Chain) -> tuple[str, ...]:
    return read_manifest(chain.data / "manifest.json").classes


@pytest.mark.parametrize("layout", [*FOLDERS, "names", "exports"])
def test_class_folders_give_the_same_pixels(
    chain: Chain, original: DistilledSet, imported: Callable[..., Path], tmp_path: Path, layout: str
) -> None:
    classes = classes_of(chain)
    names = {
        "names": lambda c, i: f"{classes[c]}/{i}",
        "exports": lambda c, i: f"{c:03d}_{classes[c]}/slot{i:03d}",
    }
    root = write_folders(tmp_path / "theirs", original, {**FOLDERS, **names}[layout])
    (root / ".DS_Store").write_bytes(b"")
    path = imported(root)
    again = read_distilled(path)
    assert torch.equal(again.images, original.images)
    assert torch.equal(again.labels, original.labels)
    assert again.images_per_class == COUNT and again.learned_rate is None
    facts = read_metadata(path)
    assert facts["stage"] == "import_set" and facts["source"]["files"] == 3 * COUNT
    assert list(facts["inputs"]) == ["teacher0"]
    result = read_json(path.with_suffix(".json"))["result"]
    assert result["outside_share"] == 0 and len(result["teacher_top1_of_class"]) == 3


def test_one_path_serves_several_sizes(
    original: DistilledSet, imported: Callable[..., Path], tmp_path: Path
) -> None:
    write_folders(tmp_path / "ipc4", original, FOLDERS["rded"])
    first = original.images.unflatten(0, (3, COUNT))[:, :1].flatten(0, 1)
    one = DistilledSet(first, torch.arange(3), 1, {})
    write_folders(tmp_path / "ipc1", one, FOLDERS["rded"])
    for count, images in ((COUNT, original.images), (1, first)):
        assert torch.equal(read_distilled(imported(tmp_path / "ipc{ipc}", count)).images, images)


def test_jpegs_are_near(
    original: DistilledSet, imported: Callable[..., Path], tmp_path: Path
) -> None:
    root = write_folders(tmp_path / "theirs" / "train", original, FOLDERS["rded"], ".jpg")
    again = read_distilled(imported(root.parent))
    gap = (again.images.float() - original.images.float()).abs().mean()
    assert 0 < float(gap) < 3


def test_parquet_of_the_hub_goes_by_its_names(
    chain: Chain, original: DistilledSet, imported: Callable[..., Path], tmp_path: Path
) -> None:
    order = torch.randperm(3 * COUNT, generator=torch.Generator().manual_seed(1))
    # As in a file, images of one class keep their order.
    order = order[torch.argsort(order % COUNT, stable=True)]
    root = write_parquet(tmp_path / "hub", original, classes_of(chain), order)
    assert torch.equal(read_distilled(imported(root)).images, original.images)


@pytest.mark.parametrize("numbers", [None, "shuffled"])
def test_normalised_tensors_of_pictures_become_these_pictures(
    chain: Chain,
    original: DistilledSet,
    imported: Callable[..., Path],
    tmp_path: Path,
    numbers: str | None,
) -> None:
    """As for DD-Ranking: class by class without labels, or in any order with them."""
    images, labels = normalised(original), original.labels
    own: dict[str, object] = {}
    if numbers:
        order = torch.tensor([COUNT * c + i for i in range(COUNT) for c in (2, 0, 1)])
        images, labels = images[order], labels[order]
        torch.save(labels, tmp_path / "labels.pt")
        own["labels"] = tmp_path / "labels.pt"
    torch.save(images, tmp_path / "images.pt")
    again = read_distilled(imported(tmp_path / "images.pt", **own))
    assert again.images.dtype == torch.uint8
    assert torch.equal(again.images, original.images)
    # Under other statistics, which are then given.
    other = (images * torch.tensor(original.metadata["std"]).view(-1, 1, 1)).double()
    other = other + torch.tensor(original.metadata["mean"]).view(-1, 1, 1)
    torch.save((other - 0.5) / 0.25, tmp_path / "images.pt")
    again = read_distilled(imported(tmp_path / "images.pt", mean=[0.5] * 3, std=[0.25] * 3, **own))
    assert torch.equal(again.images, original.images)


def test_matching_sets_keep_labels_and_rate(
    matched: Path, imported: Callable[..., Path], tmp_path: Path
) -> None:
    theirs = read_distilled(matched)
    assert theirs.learned_labels is not None and theirs.learned_rate is not None
    write_matching(tmp_path, theirs, theirs.learned_labels, theirs.learned_rate)
    files = {"labels": tmp_path / "labels_best.pt", "rate": tmp_path / "lr_best.pt"}
    path = imported(tmp_path / "images_best.pt", **files)
    again = read_distilled(path)
    torch.testing.assert_close(again.images, theirs.images, atol=1e-6, rtol=0)
    assert again.learned_labels is not None
    assert torch.equal(again.learned_labels, theirs.learned_labels)
    assert again.learned_rate == theirs.learned_rate
    assert read_json(path.with_suffix(".json"))["result"]["outside_share"] > 0.001
    # Probabilities teach what their logits do.
    torch.save(theirs.learned_labels.softmax(1), tmp_path / "labels_best.pt")
    probable = read_distilled(imported(tmp_path / "images_best.pt", **files)).learned_labels
    assert probable is not None
    torch.testing.assert_close(probable.softmax(1), theirs.learned_labels.softmax(1))


def test_exports_come_back(
    chain: Chain, matched: Path, imported: Callable[..., Path], tmp_path: Path
) -> None:
    """Pictures from the unpacked zip, and what DD-Ranking reads."""
    settings = chain.select_settings("random", COUNT)
    ours = tmp_path / "ours.safetensors"
    select_images(settings, chain.data, None, [], ours, tmp_path / "ours.json", chain.job)
    name = SetName(settings.dataset, "random", "plain", settings.variant)
    sources = Sources(ours, chain.data / "manifest.json", CARD)
    export(name, COUNT, sources, tmp_path / "ours.zip")
    with zipfile.ZipFile(tmp_path / "ours.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    (top,) = (tmp_path / "unpacked").iterdir()
    assert torch.equal(read_distilled(imported(top)).images, read_distilled(ours).images)
    theirs = read_distilled(matched)
    for file, content in tensor_files(theirs, "imagefolder"):
        (tmp_path / file).write_bytes(content)
    files = {"labels": tmp_path / "labels.pt", "rate": tmp_path / "lr.pt"}
    again = read_distilled(imported(tmp_path / "images.pt", **files))
    torch.testing.assert_close(again.images, theirs.images, atol=1e-6, rtol=0)
    assert again.learned_labels is not None and theirs.learned_labels is not None
    assert torch.equal(again.learned_labels, theirs.learned_labels)
    assert again.learned_rate == theirs.learned_rate


def test_files_of_dc_dsa_and_dm(
    matched: Path, imported: Callable[..., Path], tmp_path: Path
) -> None:
    theirs = read_distilled(matched)
    write_condensation(tmp_path / "res_DM.pt", theirs)
    again = read_distilled(imported(tmp_path / "res_DM.pt"))
    torch.testing.assert_close(again.images, theirs.images, atol=1e-6, rtol=0)
    assert again.learned_labels is None


def test_a_class_order_moves_images_and_soft_labels(
    chain: Chain, matched: Path, imported: Callable[..., Path], tmp_path: Path
) -> None:
    theirs, classes = read_distilled(matched), classes_of(chain)
    assert theirs.learned_labels is not None
    order = [2, 0, 1]
    rows = torch.arange(3 * COUNT).unflatten(0, (3, COUNT))[order].flatten()
    write_matching(
        tmp_path,
        DistilledSet(theirs.images[rows], theirs.labels, COUNT, theirs.metadata),
        theirs.learned_labels[rows][:, order],
        0.5,
    )
    again = read_distilled(
        imported(
            tmp_path / "images_best.pt",
            labels=tmp_path / "labels_best.pt",
            class_order=[classes[one] for one in order],
        )
    )
    torch.testing.assert_close(again.images, theirs.images, atol=1e-6, rtol=0)
    assert again.learned_labels is not None
    assert torch.equal(again.learned_labels, theirs.learned_labels)


@pytest.mark.parametrize("kind", ["pictures", "learned"])
def test_a_student_ends_as_on_the_original(
    chain: Chain,
    original: DistilledSet,
    matched: Path,
    imported: Callable[..., Path],
    tmp_path: Path,
    kind: str,
) -> None:
    """To the bit, from pictures, and from tensors that were not normalised."""
    direct = {"momentum": 0.9, "batch_size": 6, "augmentation": ["flip"]}
    same: dict[str, Any] = {"protocol": "direct", "direct": direct, "epochs": 2}
    if kind == "pictures":
        ours = tmp_path / "ours.safetensors"
        settings = chain.select_settings("random", COUNT)
        select_images(settings, chain.data, None, [], ours, tmp_path / "ours.json", chain.job)
        theirs = imported(write_folders(tmp_path / "theirs", original, FOLDERS["rded"]))
        same |= {"labels": "hard", "learning_rate": 0.01}
    else:
        ours, held = matched, read_distilled(matched)
        assert held.learned_labels is not None
        write_matching(tmp_path, held, held.learned_labels, 0.03125)
        torch.save(held.images, tmp_path / "images_best.pt")
        files = {"labels": tmp_path / "labels_best.pt", "rate": tmp_path / "lr_best.pt"}
        plain = {"mean": [0, 0, 0], "std": [1, 1, 1]}
        theirs = imported(tmp_path / "images_best.pt", **files, **plain)
        same |= {"labels": "learned", "learning_rate": "learned"}
    results = []
    for number, path in enumerate((ours, theirs)):
        cell = tmp_path / f"cell{number}" / "seed0.json"
        settings = chain.evaluate_settings(ipc=COUNT, **same)
        evaluate({cell: settings}, chain.data, path, None, chain.job)
        results.append(read_json(cell)["result"])
    assert results[0] == results[1]


def refused(message: str, call: Callable[[], object]) -> FD2Error:
    with pytest.raises(FD2Error, match=message) as error:
        call()
    return error.value


def test_pictures_that_do_not_fit_are_refused(
    chain: Chain, original: DistilledSet, imported: Callable[..., Path], tmp_path: Path
) -> None:
    root = write_folders(tmp_path / "theirs", original, FOLDERS["rded"])
    refused("2 images per class are asked for, 3 of 3 classes", lambda: imported(root, 2))
    refused("mean and std of pictures", lambda: imported(root, mean=[0.5] * 3, std=[0.5] * 3))
    beside = root / "00000" / "class00000_id00000.png"
    refused("'labels' beside pictures", lambda: imported(root, labels=beside))
    refused("no such file or folder", lambda: imported(root / "nowhere"))
    last = root / "00002" / "class00002_id00003.png"
    Image.new("RGB", (33, 32)).save(last)
    error = refused("33 × 32 pixels, the dataset has 32", lambda: imported(root))
    assert "class00002_id00003.png" in error.where
    last.write_bytes(b"no picture")
    refused("no picture", lambda: imported(root))
    last.unlink()
    refused(r"1 of 3 classes have another number \(00002: 3\)", lambda: imported(root))
    for path in (root / "00002").iterdir():
        path.unlink()
    refused("1 class folder.* without pictures: 00002", lambda: imported(root))
    (root / "00002").rmdir()
    refused("2 classes, the dataset has 3", lambda: imported(root))
    assert not list(tmp_path.glob("imported*"))


def test_tensors_that_do_not_fit_are_refused(
    original: DistilledSet, imported: Callable[..., Path], tmp_path: Path
) -> None:
    images, path, labels = normalised(original), tmp_path / "images.pt", tmp_path / "labels.pt"

    def take(value: object, beside: object = None, **own: object) -> Callable[[], object]:
        torch.save(value, path)
        if beside is not None:
            torch.save(beside, labels)
            own["labels"] = labels
        return lambda: imported(path, **own)

    refused(r"images of \[1, 32, 32\].* has \[3, 32, 32\]", take(images[:, :1]))
    refused(r"images of \[3, 16, 16\]", take(images[..., ::2, ::2]))
    refused("11 images for 3 classes", take(images[:11]))
    refused("11 labels for 12 images", take(images, original.labels[:11]))
    refused("3 classes, numbered 1 to 3", take(images, original.labels + 1))
    refused("no whole numbers", take(images, original.labels + 0.5))
    refused("soft labels of 4 classes", take(images, torch.eye(4)[original.labels]))
    # Not even as many of each class, which would be an order of the images.
    moved = torch.eye(3)[torch.where(torch.arange(12) < 1, 0, (original.labels + 1) % 3)]
    refused("only 8.3 % of the soft labels", take(images, moved))
    refused("not finite", take(images.clone().fill_(torch.inf)))
    refused("dict in place of images", take({"images": images}))
    error = refused("were not normalised", take(images.clamp(0, 1)))
    assert "mean to 0" in error.fix
    refused("beyond black", take(images, mean=[0.9] * 3, std=[3.0] * 3))
    refused("1 values for 3 channels", take(images, mean=[0.5], std=[0.2]))
    torch.save(images, path)
    refused("no such file: .*lr.pt", lambda: imported(path, rate=tmp_path / "lr.pt"))
    torch.save(torch.zeros(()), tmp_path / "lr.pt")
    refused("no learning rate above 0", lambda: imported(path, rate=tmp_path / "lr.pt"))
    folder = tmp_path / "logged_files"
    folder.mkdir()
    torch.save(images, folder / "images_best.pt")
    error = refused("pickles, which are not opened unasked", lambda: imported(folder))
    assert str(folder / "images_best.pt") in error.fix


class _Hostile:
    """What a pickle must not do: run a command while it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (self.trace,)  # type: ignore[return-value]


def test_a_pickle_that_runs_code_is_not_run(imported: Callable[..., Path], tmp_path: Path) -> None:
    torch.save({"data": _Hostile(tmp_path / "ran")}, tmp_path / "images.pt")
    refused("no file of plain tensors", lambda: imported(tmp_path / "images.pt"))
    (tmp_path / "images.pt").write_bytes(b"PK\x03\x04 cut off")
    refused("no file of plain tensors", lambda: imported(tmp_path / "images.pt"))
    assert not (tmp_path / "ran").exists()


def test_permuted_folders_are_refused_with_the_order(
    chain: Chain, able: Path, imported: Callable[..., Path], tmp_path: Path
) -> None:
    """All training images, as whoever counted folders from another list would number them."""
    data, classes = open_prepared(chain.data), classes_of(chain)
    order = [1, 2, 0]
    rows = torch.cat([data.class_indices(data.train)[one] for one in order])
    images = data.train.batch(rows, torch.device("cpu"))
    labels = torch.arange(3).repeat_interleave(12)
    shuffled = DistilledSet(images, labels, 12, {})
    root = write_folders(tmp_path / "theirs", shuffled, FOLDERS["sre2l"])
    error = refused("another order of the classes", lambda: imported(root, 12, teacher=able))
    named = [classes[one] for one in order]
    assert json.dumps(named).replace('"', "'") in error.fix
    result = read_json(imported(root, 12, teacher=able, class_order=named).with_suffix(".json"))[
        "result"
    ]
    assert result["order_proven"] and result["teacher_top1"] > 60
    trusted = read_json(imported(root, 12, teacher=able, trusted=True).with_suffix(".json"))[
        "result"
    ]
    assert trusted["teacher_top1"] < 40 and not trusted["order_proven"]
