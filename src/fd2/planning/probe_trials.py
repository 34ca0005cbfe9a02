"""The short run of each stage for a probe, on invented inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fd2.config import plugins
from fd2.config.complexity import ComplexitySettings
from fd2.config.continual import ContinualSettings, ContinualTeacherSettings
from fd2.config.experts import ExpertSettings
from fd2.config.settings import (
    DistillSettings,
    EvaluateSettings,
    PatchSettings,
    PretrainSettings,
    RelabelSettings,
    WholeSetSettings,
    build,
)
from fd2.datasets._decode import read_images
from fd2.image_counts import real_images_of_each
from fd2.planning.datasets import DatasetSize
from fd2.planning.probe_inputs import ProbeInputs
from fd2.planning.workloads import Workload, workload
from fd2.runtime.job import Job
from fd2.stages.distill import distill
from fd2.stages.evaluate import evaluate
from fd2.stages.learn_continually import learn_continually, learn_continually_real
from fd2.stages.match import match
from fd2.stages.match_trajectories import match_trajectories
from fd2.stages.measure_complexity import BATCH as LOOKED_AT
from fd2.stages.measure_complexity import measure_complexity
from fd2.stages.patches import make_patches
from fd2.stages.pretrain import pretrain
from fd2.stages.relabel import relabel
from fd2.stages.select_images import select_images
from fd2.stages.train_expert import train_expert

#: A trial starts without weights to be fetched; an epoch of fine-tuning takes as long as others.
_FRESH = {"initialisation": "scratch", "weights_file": None}
_SHORT = {**_FRESH, "fine_tuning": None}
_TEST_IMAGES = 8
_PATCH_CLASSES = 4
#: Images of a step of `prepare` and of coresets and, about, of the patches' scoring batch.
_PREPARED_PER_STEP = 16
_SEEN_PER_STEP = 128
_CROPS_PER_STEP = 128

T = TypeVar("T")
Trial = tuple[Workload, Callable[[], object]]


@dataclass(frozen=True)
class ProbeTask:
    """One job whose steps are probed.

    Attributes:
        stage: its rule.
        settings: of the stage.
        size: of the dataset.
        count: images per class.
        teachers: attention maps (None: plain), stem and transformer of each by backbone, in order.
        device: ``cpu`` or ``cuda``.
        threads: of the CPU.
    """

    stage: str
    settings: dict[str, Any]
    size: DatasetSize
    count: int
    teachers: dict[str, tuple[int | None, dict[str, Any]]]
    device: str
    threads: int

    def work(self, settings: dict[str, Any], size: DatasetSize, count: int = 1) -> Workload:
        """The work of a shorter run."""
        work = workload(self.stage, settings, size, count, tuple(self.teachers))
        assert work is not None
        return work


def _prepare(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    plugin = plugins.load("datasets", task.settings["kind"])
    source = plugin.source(task.settings["options"], "probe")
    images = list(source.images[: steps * _PREPARED_PER_STEP])
    size = replace(task.size, train_per_class=(len(images),), test=0)
    return task.work(task.settings, size), lambda: read_images(
        source, images, size.resolution, task.threads, "probe", size.channels
    )


def _trained(
    task: ProbeTask,
    folder: Path,
    steps: int,
    job: Job,
    *,
    kind: type[T],
    stage: Callable[[T, Path, Path, Path, Job], None],
    changes: Mapping[str, Any],
) -> Trial:
    """A short epoch of a teacher or an expert."""
    settings = {**task.settings, "epochs": 1, **changes}
    train = steps * settings["batch_size"]
    inputs = ProbeInputs(folder, task.size.shape, task.size.classes)
    data = inputs.data(train, _TEST_IMAGES)
    per_class = (train, *(0,) * (task.size.classes - 1))
    size = replace(task.size, train_per_class=per_class, test=_TEST_IMAGES)
    typed, output = build(kind, settings), folder / "trained.safetensors"
    record = output.with_suffix(".json")
    return task.work(settings, size), lambda: stage(typed, data, output, record, job)


def _patches(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    settings = {**task.settings, "slots": 1, "images_scored": None}
    images = math.ceil(steps * _CROPS_PER_STEP / settings["crops_per_image"] / _PATCH_CLASSES)
    per_class = max(images, settings["tiles"] ** 2)
    inputs = ProbeInputs(folder, task.size.shape, _PATCH_CLASSES)
    data = inputs.data(per_class * _PATCH_CLASSES, _TEST_IMAGES)
    (scorer,) = inputs.teachers(task.teachers)
    size = replace(task.size, train_per_class=(per_class,) * _PATCH_CLASSES, test=_TEST_IMAGES)
    typed = build(PatchSettings, settings)
    output = folder / "probed.safetensors"
    return task.work(settings, size), lambda: make_patches(
        typed, data, scorer, output, output.with_suffix(".json"), job
    )


def _with_iterations(value: Any, steps: int) -> Any:
    """A method's settings with that many iterations, in each phase where it has several."""
    if isinstance(value, dict):
        return {
            key: steps if key == "iterations" else _with_iterations(below, steps)
            for key, below in value.items()
        }
    return [_with_iterations(one, steps) for one in value] if isinstance(value, list) else value


def _distill(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    shortened = _with_iterations(task.settings["method_settings"], steps)
    settings = {**task.settings, "slots": [0], "method_settings": shortened}
    classes = min(settings["class_chunk"], task.size.classes)
    inputs = ProbeInputs(folder, task.size.shape, classes)
    manifest = inputs.data(classes, classes) / "manifest.json"
    patches, teachers = inputs.patches(), inputs.teachers(task.teachers)
    size = replace(task.size, train_per_class=(1,) * classes)
    typed = build(DistillSettings, settings)
    output = folder / "group0.safetensors"
    return task.work(settings, size), lambda: distill(
        typed, manifest, patches, teachers, output, output.with_suffix(".json"), job
    )


def _select_images(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    """More real images where a teacher sees them all, otherwise more chosen ones."""
    classes, count = task.size.classes, 1 if task.teachers else min(steps, task.count)
    images = steps * _SEEN_PER_STEP if task.teachers else 0
    each = real_images_of_each(task.settings["method"], task.settings["method_settings"])
    per_class = max(math.ceil(images / classes), count * each)
    size = replace(task.size, train_per_class=(per_class,) * classes, test=_TEST_IMAGES)
    settings = {**task.settings, "images_per_class": count}
    inputs = ProbeInputs(folder, size.shape, classes)
    data, teachers = inputs.data(size.train, size.test), inputs.teachers(task.teachers)
    patches = inputs.patches(count) if settings["method_settings"].get("patches") else None
    typed = build(WholeSetSettings, settings)
    output = folder / "chosen.safetensors"
    return task.work(settings, size, count), lambda: select_images(
        typed, data, patches, teachers, output, output.with_suffix(".json"), job
    )


def _match(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    """At most two steps in a network, between which it is trained as in full."""
    own, count = task.settings["method_settings"], task.count
    recipe = plugins.load("methods", task.settings["method"]).recipe(own, count)
    own = {**own, "iterations": steps}
    if recipe.outer_loops > 1:
        own |= {"outer_loops": 2, "inner_epochs": recipe.inner_epochs}
    settings = {**task.settings, "method_settings": own}
    real = min(recipe.batch_real, max(task.size.train_per_class))
    per_class = (max(real, count),) * task.size.classes
    size = replace(task.size, train_per_class=per_class, test=_TEST_IMAGES)
    data = ProbeInputs(folder, size.shape, size.classes).data(size.train, size.test)
    typed = build(WholeSetSettings, settings)
    output = folder / "matched.safetensors"
    return task.work(settings, size, count), lambda: match(
        typed, data, output, output.with_suffix(".json"), job
    )


def _match_trajectories(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    """Students of invented experts, which would be right about no real image."""
    own, count = task.settings["method_settings"], task.count
    own = {**own, "iterations": steps, "initial_images": "real", "threshold": None}
    own["experts"] = {**own["experts"], "count": 1}
    settings = {**task.settings, "method_settings": own}
    size = replace(task.size, train_per_class=(count,) * task.size.classes, test=_TEST_IMAGES)
    inputs = ProbeInputs(folder, size.shape, size.classes)
    data = inputs.data(size.train, size.test)
    recipe = plugins.load("methods", task.settings["method"]).recipe(own, count)
    experts = [inputs.expert(recipe.network, recipe.epochs_needed)]
    teachers = inputs.teachers(task.teachers)
    typed, output = build(WholeSetSettings, settings), folder / "matched.safetensors"
    return task.work(settings, size, count), lambda: match_trajectories(
        typed, data, experts, teachers, output, output.with_suffix(".json"), job
    )


def _few_images(task: ProbeTask, batch_size: int) -> int:
    """Images per class for two batches, or all where there are fewer."""
    return min(task.count, math.ceil(2 * batch_size / task.size.classes))


def _relabel(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    settings = {**task.settings, "epochs": steps}
    if settings["storage"] is not None:
        settings["storage"] = {**settings["storage"], "stored_epochs": None}
    inputs = ProbeInputs(folder, task.size.shape, task.size.classes)
    count = _few_images(task, settings["batch_size"])
    distilled, teachers = inputs.distilled(count), inputs.teachers(task.teachers)
    typed = build(RelabelSettings, settings)
    return task.work(settings, task.size, count), lambda: relabel(
        typed, distilled, teachers, folder / "probed", job
    )


def _evaluate(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    settings = {**task.settings, **_SHORT, "epochs": steps, "test_every": steps}
    inputs = ProbeInputs(folder, task.size.shape, task.size.classes)
    count = _few_images(task, settings["batch_size"])
    data = inputs.data(task.size.classes, _TEST_IMAGES)
    distilled = inputs.distilled(count)
    size = replace(task.size, test=_TEST_IMAGES)
    typed = build(EvaluateSettings, settings)
    labels = inputs.labels(distilled, count, typed) if typed.labels == "soft" else None
    return task.work(settings, size, count), lambda: evaluate(
        {folder / "cell.json": typed}, data, distilled, labels, job
    )


def _measure_complexity(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    """All classes have an image, however many there are."""
    classes = task.size.classes
    per_class = math.ceil(steps * LOOKED_AT / classes)
    size = replace(task.size, train_per_class=(per_class,) * classes, test=_TEST_IMAGES)
    inputs = ProbeInputs(folder, size.shape, classes)
    data = inputs.data(size.train, size.test)
    (network,) = inputs.teachers(task.teachers)
    typed, record = build(ComplexitySettings, task.settings), folder / "probed.json"
    return task.work(task.settings, size), lambda: measure_complexity(
        typed, data, network, record, record.with_suffix(".csv"), job
    )


def _learn_continually(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    """All classes in one step, which takes as long an image as several."""
    own = {**task.settings["evaluate"], **_SHORT, "epochs": steps, "test_every": steps}
    settings = {**task.settings, "steps": 1, "evaluate": own}
    inputs = ProbeInputs(folder, task.size.shape, task.size.classes)
    count = _few_images(task, own["batch_size"])
    data = inputs.data(task.size.classes, _TEST_IMAGES)
    distilled, teachers = inputs.distilled(count), inputs.teachers(task.teachers)
    typed, output = build(ContinualSettings, settings), folder / "probed.json"
    size = replace(task.size, test=_TEST_IMAGES)
    return task.work(settings, size, count), lambda: learn_continually(
        typed, data, distilled, teachers, output, job
    )


def _learn_continually_real(task: ProbeTask, folder: Path, steps: int, job: Job) -> Trial:
    """As `_learn_continually`: a short epoch of a teacher."""
    own = {**task.settings["pretrain"], "epochs": 1, **_FRESH}
    settings, classes = {"steps": 1, "pretrain": own}, task.size.classes
    per_class = math.ceil(steps * own["batch_size"] / classes)
    data = ProbeInputs(folder, task.size.shape, classes).data(per_class * classes, _TEST_IMAGES)
    size = replace(task.size, train_per_class=(per_class,) * classes, test=_TEST_IMAGES)
    typed, output = build(ContinualTeacherSettings, settings), folder / "probed.json"
    return task.work(settings, size), lambda: learn_continually_real(typed, data, output, job)


TRIALS: dict[str, Callable[[ProbeTask, Path, int, Job], Trial]] = {
    "prepare": _prepare,
    "pretrain": partial(_trained, kind=PretrainSettings, stage=pretrain, changes=_FRESH),
    "train_expert": partial(_trained, kind=ExpertSettings, stage=train_expert, changes={}),
    "patches": _patches,
    "distill": _distill,
    "select_images": _select_images,
    "match": _match,
    "match_trajectories": _match_trajectories,
    "relabel": _relabel,
    "evaluate": _evaluate,
    "measure_complexity": _measure_complexity,
    "learn_continually": _learn_continually,
    "learn_continually_real": _learn_continually_real,
}
