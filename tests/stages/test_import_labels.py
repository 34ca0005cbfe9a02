"""Soft labels in the layout of FKD: what students see through them, and what they are told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.imports.layouts import FOLDERS, read_fkd, write_fkd, write_folders

from fd2.artifacts.files import read_json
from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.soft_labels import epoch_logits, read_soft_labels
from fd2.augment.normalise import Normaliser
from fd2.config.imported_labels import ImportedLabelSettings
from fd2.config.settings import build
from fd2.errors import FD2Error
from fd2.imports.source_files import label_files, source_files
from fd2.networks.stored_teacher import read_teacher
from fd2.replay.view import Replay
from fd2.stages.evaluate import evaluate
from fd2.stages.import_labels import import_labels
from fd2.stages.import_set import import_set

if TYPE_CHECKING:
    from tests.conftest import Chain

COUNT, BATCH, EPOCHS = 4, 8, 3
#: PIL rounds to whole levels after either axis, and students see what it rounded.
LEVELS = 1.01
Take = Callable[..., Path]


@pytest.fixture(scope="module")
def pictures(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photographs in folders '8', '9' and '10', of which text sorts the last first."""
    data = open_prepared(chain.data)
    rows = torch.cat([data.class_indices(data.train)[c][:COUNT] for c in range(3)])
    images = data.train.batch(rows, torch.device("cpu"))
    theirs = DistilledSet(images, torch.arange(3).repeat_interleave(COUNT), COUNT, {})
    return write_folders(tmp_path_factory.mktemp("theirs") / "set", theirs, FOLDERS["numbers"])


@pytest.fixture(scope="module")
def statistics(chain: Chain) -> tuple[tuple[float, ...], tuple[float, ...]]:
    manifest = read_manifest(chain.data / "manifest.json")
    return manifest.mean, manifest.std


@pytest.fixture(scope="module")
def said(chain: Chain) -> Callable[[torch.Tensor], torch.Tensor]:
    """A network's logits of each image."""
    return read_teacher(chain.plain, chain.job.device).network.eval().backbone


@pytest.fixture(scope="module")
def stored(
    pictures: Path,
    statistics: Any,
    said: Callable[[torch.Tensor], torch.Tensor],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    root = tmp_path_factory.mktemp("fkd") / "labels"
    return write_fkd(root, pictures, said, statistics, BATCH, EPOCHS)


@pytest.fixture
def take(chain: Chain, pictures: Path, tmp_path: Path) -> Take:
    """Imports the set and its labels; the labels' folder, beside the set."""

    def run(labels: Path, *, epochs: int = EPOCHS, storage: Any = None, **own: object) -> Path:
        nothing = dict.fromkeys(("labels", "rate", "mean", "std", "class_order"))
        given = {**nothing, "trusted": True, "teachers": ["resnet10t"], "path": str(pictures)}
        given |= {"soft_labels": str(labels), **own}
        settings = chain.select_settings("imported", COUNT, **given)
        output = tmp_path / "ipc4.safetensors"
        record = output.with_suffix(".json")
        import_set(settings, chain.data, chain.plain, output, record, chain.job)
        same = {key: getattr(settings, key) for key in ("dataset", "method", "fd2", "variant")}
        same |= {"preset": "paper", "images_per_class": COUNT, "method_settings": given}
        told = build(ImportedLabelSettings, {**same, "epochs": epochs, "storage": storage})
        folder = tmp_path / "labels"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        import_labels(told, chain.data / "manifest.json", output, folder, chain.job)
        return folder

    return run


def by_id(pictures: Path, folders: tuple[str, ...] = ("8", "9", "10")) -> list[str]:
    """The picture of each image id."""
    return [str(pictures / name / f"{i + 8}.png") for name in folders for i in range(COUNT)]


@pytest.mark.parametrize("mix", ["cutmix", None])
def test_students_see_and_are_told_what_those_of_others_are(
    chain: Chain,
    pictures: Path,
    statistics: Any,
    said: Callable[[torch.Tensor], torch.Tensor],
    stored: Path,
    take: Take,
    tmp_path: Path,
    mix: str | None,
) -> None:
    if mix is None:
        stored = write_fkd(tmp_path / "fkd", pictures, said, statistics, BATCH, EPOCHS, mix)
    folder = take(stored)
    theirs = read_fkd(stored, pictures, statistics, BATCH, EPOCHS)
    soft, images = read_soft_labels(folder), read_distilled(tmp_path / "ipc4.safetensors")
    replay = Replay(Normaliser(*statistics).normalise(images.images), soft.augmentation)
    paths = by_id(pictures)
    assert (soft.epochs, soft.augmentation.half_sizes.tolist()) == (EPOCHS, [4, 4, 2, 2])
    tolerance = LEVELS / 255 / min(statistics[1])
    for epoch in range(EPOCHS):
        logits = epoch_logits(soft, epoch, chain.job.device)
        for number, halves in enumerate(replay.epoch(epoch)):
            for half in halves:
                for row, image in enumerate(half.ids.tolist()):
                    seen, answer, batch = theirs[epoch, paths[image]]
                    assert batch == number
                    assert torch.equal(logits[image], answer.float())
                    torch.testing.assert_close(half.images[row], seen, rtol=0, atol=tolerance)
    assert bool(soft.augmentation.mix_boxes.any()) == (mix is not None)
    record = read_json(folder / "record.json")
    assert record["source"]["files"] == 2 * EPOCHS and list(record["inputs"]) == ["distilled"]


def test_other_orders_of_classes_move_images_and_logits_together(
    chain: Chain, pictures: Path, statistics: Any, stored: Path, take: Take
) -> None:
    classes = read_manifest(chain.data / "manifest.json").classes
    order = [2, 0, 1]
    soft = read_soft_labels(take(stored, class_order=[classes[one] for one in order]))
    theirs = read_fkd(stored, pictures, statistics, BATCH, EPOCHS)
    # The dataset's class 0 is their second folder and their second logit.
    paths = by_id(pictures, ("9", "10", "8"))
    for image, path in enumerate(paths):
        wanted = theirs[1, path][1][[1, 2, 0]].numpy()
        assert np.array_equal(soft.logits[1][image], wanted)


def test_two_heads_and_other_storage(
    pictures: Path,
    statistics: Any,
    said: Callable[[torch.Tensor], torch.Tensor],
    stored: Path,
    take: Take,
    tmp_path: Path,
) -> None:
    """FD² stores its attention's logits before those that students learn from."""

    def both(images: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.zeros(len(images), 3), said(images)])

    one = read_soft_labels(take(stored))
    first = {name: getattr(one.augmentation, name).clone() for name in vars(one.augmentation)}
    logits = np.array(one.logits)
    heads = write_fkd(tmp_path / "heads", pictures, both, statistics, BATCH, EPOCHS)
    assert np.array_equal(read_soft_labels(take(heads)).logits, logits)
    # Of the first two of three epochs, gone through again.
    packed = {"top_k": 2, "bits": 32, "stored_epochs": 2}
    soft = read_soft_labels(take(stored, epochs=9, storage=packed))
    assert soft.epochs == 9 and len(soft.logits) == 2
    for name, tensor in vars(soft.augmentation).items():
        assert torch.equal(tensor, first[name] if name == "half_sizes" else first[name][:2])
    best = np.sort(logits[:2].astype(np.float32), axis=2)[:, :, :0:-1]
    assert np.array_equal(soft.logits["values"], best)


def test_a_student_learns_from_them(chain: Chain, stored: Path, take: Take, tmp_path: Path) -> None:
    labels, cell = take(stored), tmp_path / "seed0.json"
    settings = chain.evaluate_settings(ipc=COUNT, epochs=EPOCHS)
    evaluate({cell: settings}, chain.data, tmp_path / "ipc4.safetensors", labels, chain.job)
    assert set(read_json(cell)["inputs"]) == {"distilled", "logits", "augmentation"}


def refused(message: str, call: Callable[[], object]) -> FD2Error:
    with pytest.raises(FD2Error, match=message) as error:
        call()
    return error.value


def test_labels_that_do_not_fit_are_refused(
    pictures: Path,
    statistics: Any,
    said: Callable[[torch.Tensor], torch.Tensor],
    stored: Path,
    take: Take,
    tmp_path: Path,
) -> None:
    def written(name: str, answer: Any = said, batch: int = BATCH, **more: Any) -> Path:
        return write_fkd(tmp_path / name, pictures, answer, statistics, batch, 1, **more)

    refused("no folder epoch_3 .* 4 epochs of labels are wanted", lambda: take(stored, epochs=4))
    refused("no folder epoch_0", lambda: take(stored / "epoch_0", epochs=1))
    mixed = written("mixup", mix="mixup")
    refused("labels of MixUp", lambda: take(mixed, epochs=1))
    four = written("four", lambda images: torch.zeros(len(images), 4))
    refused(r"logits \[8, 4\], wanted are \[8, 3\]", lambda: take(four, epochs=1))
    refused("a batch of 2 images", lambda: take(written("ragged", batch=5), epochs=1))
    never = written("never", lambda images: torch.full((len(images), 3), torch.nan))
    refused("epoch 0 are not finite", lambda: take(never, epochs=1))
    # As those of other images would look.
    other = written("other", lambda images: torch.eye(3)[0].repeat(len(images), 1))
    refused("only 33.3 % of the soft labels", lambda: take(other, epochs=1, trusted=False))

    def changed(part: int, value: Any) -> Callable[[], object]:
        folder = shutil.copytree(stored, tmp_path / "changed", dirs_exist_ok=True)
        file = folder / "epoch_1/batch_0.tar"
        parts = torch.load(stored / "epoch_1/batch_0.tar", weights_only=False)
        parts[part] = value
        torch.save(parts, file)
        return lambda: take(folder)

    error = refused("no whole pixels of 32 × 32", changed(0, torch.full((8, 4), 0.3)))
    assert "epoch_1/batch_0.tar" in error.where
    refused("no permutation", changed(2, torch.zeros(8, dtype=torch.int64)))
    refused("to pixel 40, the images have 32", changed(4, [0, 0, 40, 8]))
    folder = shutil.copytree(stored, tmp_path / "changed", dirs_exist_ok=True)
    shutil.copy(folder / "epoch_1/batch_1.tar", folder / "epoch_1/batch_0.tar")
    refused("a batch of 4 images in place of 8", lambda: take(folder))
    (folder / "epoch_2/batch_1.tar").unlink()
    refused("no file .*epoch_2/batch_1.tar", lambda: take(folder))
    for epoch in range(EPOCHS):
        (folder / f"epoch_{epoch}/batch_1.tar").unlink(missing_ok=True)
    refused("labels of 8 images, the set has 12", lambda: take(folder, epochs=2))


class _Hostile:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (self.trace,)  # type: ignore[return-value]


def test_only_named_files_are_opened_and_no_code_is_run(
    pictures: Path, stored: Path, take: Take, tmp_path: Path
) -> None:
    folder = shutil.copytree(stored, tmp_path / "hostile")
    torch.save([_Hostile(tmp_path / "ran")] * 6, folder / "epoch_0/batch_0.tar")
    refused("no file of plain tensors", lambda: take(folder))
    # Beside a set, where nobody names it, it is not even looked at.
    own = {"path": str(shutil.copytree(pictures, tmp_path / "set"))}
    shutil.copytree(folder, tmp_path / "set" / ".fkd")
    nothing = dict.fromkeys(("labels", "rate", "soft_labels"))
    assert len(source_files({**own, **nothing}, COUNT).files()) == 12
    assert not (tmp_path / "ran").exists()


def test_labels_are_of_pictures_in_folders_alone(stored: Path, tmp_path: Path) -> None:
    torch.save(torch.zeros(12, 3, 32, 32), tmp_path / "images.pt")
    own = {"path": str(tmp_path / "images.pt"), "soft_labels": str(stored)}
    nothing = dict.fromkeys(("labels", "rate"))
    refused("'soft_labels' beside a file", lambda: source_files({**own, **nothing}, COUNT))
    first = label_files(own, COUNT, 2)
    assert first.listing() != label_files(own, COUNT).listing()
    assert first.digest() == label_files(own, COUNT, 2).digest()
