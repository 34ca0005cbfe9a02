"""The first config and sheet for a folder of images: settings that suit it, and their texts."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from typing import Any

from fd2.config import plugins
from fd2.config.checks import checked_configuration
from fd2.config.layers import read_layers
from fd2.config.yaml_reader import parse_value
from fd2.errors import FD2Error
from fd2.image_counts import LEAST_BATCH, half_batch_sizes, visible_difference
from fd2.planning.own_images import OwnImages
from fd2.report.escapes import text_templates

TEMPLATES = Path(__file__).resolve().parents[3] / "workflow" / "init"
RESOLUTIONS = (32, 64, 128, 224)
#: The most that a CPU gets: time grows with the square.
_CPU_RESOLUTION = 128
#: From here on networks have their own first layers, and teachers start from ImageNet weights.
_PHOTOGRAPH = 64
#: Up to here distribution matching has been published.
_MATCHED = 64
_IMAGES_PER_CLASS = 5
#: Images of a step of a teacher, of a student.
_TEACHER_BATCH, _STUDENT_BATCH = 32, 20
#: The fewest of a teacher, of a student.
_TEACHER_EPOCHS, _STUDENT_EPOCHS = 3, 20


@dataclass(frozen=True)
class Wanted:
    """What a user asks for; None leaves the choice.

    Attributes:
        name: of the dataset, its config and its sheet.
        device: as in the config.
        gpu: whether budgets are for a GPU.
        ipc, resolution, student: as in a sheet and the dataset's entry.
    """

    name: str
    device: str
    gpu: bool
    ipc: int | None = None
    resolution: int | None = None
    student: str | None = None


@dataclass(frozen=True)
class _Budget:
    """Steps of a teacher's and a student's training, of distillation and of matching."""

    teacher: int
    student: int
    distill: int
    match: int


#: Not tuned: thousands of steps for students where that is possible, in an evening.
_CPU, _GPU = _Budget(200, 1000, 300, 200), _Budget(1500, 4000, 1000, 3000)


def choices(images: OwnImages, wanted: Wanted) -> dict[str, Any]:
    """Settings that suit the images, as the templates name them.

    Raises:
        FD2Error: for an unknown student, more images per class than the smallest class has, or too
            few for batch normalisation; or if the teachers' weights are not installed.
    """
    smallest = min(images.counts["train"].values())
    ipc = wanted.ipc or min(_IMAGES_PER_CLASS, smallest)
    if ipc > smallest:
        what = f"{ipc} images per class, and the smallest class has {smallest} to train on"
        raise FD2Error(what, "--ipc", f"ask for at most {smallest}, or add pictures to that class")
    classes = images.classes
    if len(classes) * ipc < LEAST_BATCH:
        what = (
            f"{len(classes)} classes of {ipc} are {len(classes) * ipc} images in all: students "
            f"take batch norm's statistics from either half of a batch, which needs {LEAST_BATCH}"
        )
        fix = f"ask for --ipc {math.ceil(LEAST_BATCH / len(classes))}, or add a class"
        raise FD2Error(what, "--ipc", fix)
    resolution = wanted.resolution or fitting_resolution(images.shorter_side, gpu=wanted.gpu)
    photographs = resolution >= _PHOTOGRAPH
    residual = "resnet18" if wanted.gpu else "resnet10t"
    teacher = "tf_efficientnet_lite0" if photographs else residual
    student = wanted.student or (residual if photographs else "convnet")
    plugins.require("backbones", student, "student", "--student")
    if photographs:
        plugins.load("backbones", teacher).packaged_weights()
    budget = _GPU if wanted.gpu else _CPU
    training = sum(images.counts["train"].values())
    batches = len(half_batch_sizes(len(classes) * ipc, _STUDENT_BATCH)) // 2
    return {
        **vars(wanted),
        "key": wanted.name if _is_text(wanted.name) else f'"{wanted.name}"',
        **{"ipc": ipc, "resolution": resolution, "photographs": photographs},
        **{"teacher": teacher, "student": student, "seeds": [0, 1, 2]},
        "pretrained_student": photographs and _has_installed_weights(student),
        "matched": resolution <= _MATCHED,
        "tiles": 2 if 4 * ipc <= smallest else 1,
        "smallest": smallest,
        "budget": budget,
        "teacher_batch": _TEACHER_BATCH,
        "least_teacher_epochs": _TEACHER_EPOCHS,
        "teacher_epochs": _epochs(
            budget.teacher, math.ceil(training / _TEACHER_BATCH), _TEACHER_EPOCHS
        ),
        "student_batch": _STUDENT_BATCH,
        "least_student_epochs": _STUDENT_EPOCHS,
        "student_epochs": _epochs(budget.student, batches, _STUDENT_EPOCHS),
        "class_step": math.ceil(len(classes) / 10),
        "shown_classes": math.ceil(len(classes) / math.ceil(len(classes) / 10)),
        "images": images,
        "difference": visible_difference(images.counts["test"].values()),
    }


def fitting_resolution(side: int, *, gpu: bool) -> int:
    """The largest of `RESOLUTIONS` that does not enlarge pictures of a side, and a CPU can do."""
    most = RESOLUTIONS[-1] if gpu else _CPU_RESOLUTION
    return max((one for one in RESOLUTIONS if one <= min(side, most)), default=RESOLUTIONS[0])


def _epochs(steps: int, batches: int, least: int) -> int:
    """Passes over so many batches that make up the steps."""
    return max(math.ceil(steps / batches), least)


def _is_text(name: str) -> bool:
    """Whether a name needs no quotes in YAML: not one that can be read in two ways, as ``on``."""
    try:
        return bool(parse_value(f"{name}: 0", "a name") == {name: 0})
    except FD2Error:
        return False


def _has_installed_weights(backbone: str) -> bool:
    """Whether an installed package has ImageNet weights of a backbone, so that none are fetched."""
    plugin = plugins.load("backbones", backbone)
    package = getattr(plugin, "package", "")
    return bool(package and find_spec(package)) and "imagenet" in plugin.INITIALISATIONS


def written(template: str, values: Mapping[str, Any]) -> str:
    """A text of `TEMPLATES`."""
    environment = text_templates(TEMPLATES)
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return environment.get_template(template).render(values)


def require_accepted(
    config: Path, name: str, files: Mapping[str, str], before: Sequence[Path] = ()
) -> None:
    """Refuse a config and a sheet that a run would refuse, before they are written.

    Args:
        config: the folder of configs, of which a copy is tried.
        name: of the config.
        files: the texts by their paths in that folder.
        before: config files that stand before it.

    Raises:
        FD2Error: as `checked_configuration`.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = copytree(config, Path(place, "config"))
        for path, text in files.items():
            (folder / path).write_text(text, encoding="utf-8")
        where = f"config/{name}.yaml, as it would be written"
        try:
            layers = read_layers(folder / "config.yaml", [*before, folder / f"{name}.yaml"])
            checked_configuration(layers, where, folder)
        except FD2Error as error:
            # Its lines are those of the copy.
            raise FD2Error(error.what, where, error.fix) from error
