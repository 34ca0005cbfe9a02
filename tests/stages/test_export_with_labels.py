"""An export with soft labels: its script trains the workflow's student, by torch alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import fd2
from fd2.artifacts.exports import read_export
from fd2.artifacts.images import read_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.soft_labels import epoch_logits, read_soft_labels
from fd2.config import plugins
from fd2.config.names import SetName
from fd2.config.networks import NetworkInput
from fd2.config.settings import EvaluateSettings, LabelStorage
from fd2.errors import FD2Error
from fd2.runtime.seeds import seed_from
from fd2.stages.export import Sources, export
from fd2.stages.relabel import relabel
from fd2.stages.select_images import select_images
from fd2.training.student_training import StudentData, StudentTraining

if TYPE_CHECKING:
    from tests.conftest import Chain

TEMPLATES = Path(__file__).resolve().parents[2] / "workflow/report/export"
NAME, IPC = SetName("cells", "random", "plain", "base"), 8
#: What the script could misread, as its text and a replacement.
MISREAD = {
    "box of the crop": ("top, left, height, width = box", "left, top, width, height = box"),
    "box of CutMix": ("y0, y1, x0, x1 = plan", "y0, x0, y1, x1 = plan"),
    "CutMix": ("= mixed[partners", "= mixed[:"),
    "a pass for each half": (
        "zip(ids, mixed.split([len(half) for half in ids]), strict=True)",
        "[(torch.cat(ids), mixed)]",
    ),
    "direction of KL": ("kl_div(answer, target", "kl_div(target.log(), answer.exp()"),
    "learning rate": ('* cell["eta"])', ")"),
}


class Trained:
    """Eight random images a class, their soft labels, and a student as its job trains it.

    Two batches of halves of six, and a small rate: otherwise rounding alone moves a student.
    """

    def __init__(self, chain: Chain, root: Path, **labels: Any) -> None:
        self.chain, self.root = chain, root
        self.set, self.labels = root / "set.safetensors", root / "labels"
        chosen = chain.select_settings("random", IPC)
        record = root / "set.json"
        select_images(chosen, chain.data, None, [], self.set, record, chain.job)
        settings = chain.relabel_settings(batch_size=12, **labels)
        relabel(settings, self.set, [chain.cal], self.labels, chain.job)
        self.settings: EvaluateSettings = chain.evaluate_settings(
            student="resnet18", learning_rate=1e-5, temperature=1.0
        )

    def export(self, form: str = "with-labels", **changes: Any) -> Path:
        manifest = self.chain.data / "manifest.json"
        sources = Sources(self.set, manifest, TEMPLATES, labels=self.labels)
        output = self.root / "out.zip"
        sources = replace(sources, **changes)
        export(NAME, IPC, sources, output, form, asdict(self.settings))
        return output

    def unpacked(self) -> Path:
        shutil.unpack_archive(self.export(), self.root / "unpacked")
        return self.root / "unpacked/cells-random-ipc8-with-labels"

    def training(self) -> StudentTraining:
        dataset, soft = open_prepared(self.chain.data), read_soft_labels(self.labels)
        data = StudentData(dataset, read_distilled(self.set), soft, self.chain.job.device)
        return StudentTraining(self.settings, data, self.chain.job.device)

    def student(self) -> torch.nn.Module:
        """With the initial weights of the job's student."""
        seed = seed_from("student", self.settings.seed, self.settings.dataset, "resnet18")
        images = NetworkInput(3, 32, self.settings.stem)
        backbone = plugins.load("backbones", "resnet18")
        made: torch.nn.Module = backbone.build(3, "scratch", seed=seed, images=images)
        return made


@pytest.fixture(scope="module")
def trained(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(chain, tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def folder(trained: Trained) -> Path:
    return trained.unpacked()


def script(folder: Path, change: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """What the exported script defines."""
    text = (folder / "train.py").read_text(encoding="utf-8").replace(*change)
    names: dict[str, Any] = {"__file__": str(folder / "train.py"), "__name__": "script"}
    exec(text, names)
    return names


@torch.no_grad()
def answers(student: Callable[..., Any], training: StudentTraining) -> torch.Tensor:
    """Logits of the test images."""
    test = training.data.dataset.test.all_images(torch.device("cpu"))
    images = training.data.normaliser.normalise(test)
    logits: torch.Tensor = student.eval()(images)
    return logits


def test_the_script_trains_the_cells_student(trained: Trained, folder: Path) -> None:
    training = trained.training()
    training.run()
    ours = answers(training.student, training)
    theirs = answers(script(folder)["train"](trained.student()), training)
    tolerance = 1e-3 * float(ours.abs().max())
    torch.testing.assert_close(theirs, ours, rtol=0, atol=tolerance)
    text = (folder / "train.py").read_text(encoding="utf-8")
    for what, change in MISREAD.items():
        assert text.count(change[0]) == 1, what
        misled = answers(script(folder, change)["train"](trained.student()), training)
        assert (misled - ours).abs().max() > 5 * tolerance, what


def test_the_script_has_the_cells_optimiser(
    trained: Trained, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sgd = {"momentum": 0.9, "learning_rate": 1e-4, "weight_decay": 1.0}
    monkeypatch.setattr(trained, "settings", replace(trained.settings, **sgd))
    training, names = trained.training(), script(folder)
    names["FACTS"]["training"] |= sgd
    training.run()
    ours = answers(training.student, training)
    tolerance = 1e-3 * float(ours.abs().max())
    theirs = answers(names["train"](trained.student()), training)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=tolerance)
    for other in ({"momentum": 0.0}, {"momentum": None}, {"weight_decay": 0.0}):
        names["FACTS"]["training"] |= sgd | other
        misled = answers(names["train"](trained.student()), training)
        assert (misled - ours).abs().max() > 3 * tolerance, other


def test_the_script_needs_torch_safetensors_and_numpy_alone(folder: Path) -> None:
    code = f"""
import runpy, sys
for name in ("fd2", "torchvision", "PIL", "pandas", "timm"):
    sys.modules[name] = None
runpy.run_path({str(folder / "train.py")!r}, run_name="__main__")
"""
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    weights = load_file(folder / "student.safetensors")
    network = script(folder)["network"](3, 3)
    network.load_state_dict(weights)
    # The student lies among the export's files, which stay verified.
    assert read_export(folder)["training"]["epochs"] == 2


def test_the_script_sees_pictures_as_students_do(
    trained: Trained, folder: Path, tmp_path: Path
) -> None:
    """Test images, written as pictures of their own size, are told as the workflow tells them."""
    data = open_prepared(trained.chain.data)
    for number in range(len(data.test.labels)):
        name = data.manifest.classes[int(data.test.labels[number])]
        (tmp_path / name).mkdir(exist_ok=True)
        pixels = np.asarray(data.test.images[number])
        Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    (tmp_path / data.manifest.classes[0] / "Thumbs.db").write_bytes(b"no picture")
    training = trained.training()
    right = answers(training.student, training).argmax(1) == training.data.test_labels
    told = script(folder)["accuracy"](training.student, tmp_path)
    assert told == pytest.approx(100 * float(right.float().mean()))


def test_fd2_load_reads_the_labels_of_zip_and_folder(trained: Trained, folder: Path) -> None:
    given = fd2.load(trained.export(), labels="soft")
    unpacked = fd2.load(folder, labels="soft")
    soft = read_soft_labels(trained.labels)
    assert len(given) == len(unpacked) == 2 * 24
    for position in (0, 47):
        image, logits = given[position]
        assert torch.equal(image, unpacked[position][0])
        epoch, place = divmod(position, 24)
        wanted = soft.logits[epoch, int(soft.augmentation.order[epoch, place])]
        assert torch.equal(logits, torch.from_numpy(np.float32(wanted)))


@pytest.mark.parametrize(("top_k", "bits"), [(2, 8), (2, 16), (None, 8), (None, 32)])
def test_the_script_reads_labels_of_fewer_bytes(
    chain: Chain, tmp_path: Path, top_k: int | None, bits: int
) -> None:
    storage = LabelStorage(top_k=top_k, bits=bits, stored_epochs=None)
    trained = Trained(chain, tmp_path, storage=storage)
    names, soft = script(trained.unpacked()), read_soft_labels(trained.labels)
    wanted = epoch_logits(soft, 1, torch.device("cpu"))
    assert torch.equal(names["label_logits"](np.array(soft.logits[1])), wanted)


def test_labels_of_other_images_are_refused(trained: Trained, labels: Path) -> None:
    with pytest.raises(FD2Error, match="other distilled images"):
        trained.export(labels=labels)
