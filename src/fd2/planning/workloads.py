"""How much work a job is, in units of which each takes the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from fd2.artifacts.files import canonical_json
from fd2.artifacts.label_format import LabelFormat
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.epochs import count_tests
from fd2.planning.datasets import DatasetSize
from fd2.planning.network_sizes import parameter_count
from fd2.training.class_steps import step_sizes

#: A training step counts as three forward passes: backward takes about twice as long as forward.
#: It only weighs training against testing within a job.
TRAINING_STEP = 3
_FLOAT = 4
#: How networks compute in training.
_COMPUTING = ("mixed_precision", "memory_format", "compile")


@dataclass(frozen=True)
class Workload:
    """The work of one job.

    Attributes:
        stage: its rule.
        kind: canonical JSON of everything that sets the time of a unit. Jobs of one kind differ
            in the number of units only.
        units: images passed through the networks, or decoded, or copied.
        resident: bytes of data that lie in memory all the time and grow with the job.
        on_host: likewise, of data that lie in the CPU's memory where a GPU computes, too.
    """

    stage: str
    kind: str
    units: float
    resident: int
    on_host: int = 0


def workload(
    stage: str,
    settings: Mapping[str, Any],
    size: DatasetSize,
    count: int | None = None,
    teachers: Sequence[str] = (),
) -> Workload | None:
    """The work behind a stage's settings, from the config or from a record.

    Args:
        stage: name of the rule.
        settings: of the stage, as plain values.
        size: of the dataset.
        count: images per class, of stages that read a distilled set; None for all real images.
        teachers: backbones that label.

    Returns:
        None for a stage whose work is not known.
    """
    if stage == "prepare":
        kind = {"kind": settings["kind"], "resolution": size.resolution}
        images = size.train + size.test
        return _made(stage, kind, images, images * size.image_bytes)
    if stage == "pretrain":
        return _pretrain(settings, size)
    if stage == "train_expert":
        return _train_expert(settings, size)
    if stage == "patches":
        return _patches(settings, size)
    if stage == "distill":
        return _distill(settings, size)
    if stage in ("diagnose", "diagnose_real"):
        images = size.train if count is None else count * size.classes
        kind = {key: settings[key] for key in ("backbone", "training")}
        kind |= {"resolution": size.resolution}
        return _made("diagnose", kind, images, images * size.image_bytes)
    if stage == "measure_complexity":
        kind = {key: settings[key] for key in ("backbone", "training", "maps")}
        kind |= {"resolution": size.resolution}
        return _made(stage, kind, size.train, size.train * size.image_bytes)
    if stage == "learn_continually_real":
        return _in_steps(stage, settings["steps"], size, _pretrain(settings["pretrain"], size))
    if stage in ("train_detector_real", "prepare_scenes") or count is None:
        return None
    images = count * size.classes
    if stage in ("annotate", "train_detector"):
        return _detection(stage, settings, size, images)
    if stage == "select_images" and (seen := settings["method_settings"].get("teachers")):
        # The choice itself is short beside the pass of all real images through the teacher.
        kind = {"resolution": size.resolution, "classes": size.classes, "teachers": seen}
        return _made(stage, kind, size.train, 2 * size.train * size.image_bytes)
    if stage in ("assemble", "select_images", "import_set"):
        kind = {"resolution": size.resolution, "method": settings.get("method")}
        return _made(stage, kind, images, 2 * images * size.image_bytes)
    if stage == "match":
        return _match(settings, size, count)
    if stage == "match_trajectories":
        return _match_trajectories(settings, size, count)
    if stage == "relabel":
        return _relabel(settings, size, images, teachers)
    if stage == "evaluate":
        return _evaluate(settings, size, images)
    if stage == "learn_continually":
        own = settings["evaluate"]
        parts = [_evaluate(own, size, images)]
        if settings["relabel"] is not None:
            labels = {**settings["relabel"], "epochs": own["epochs"]}
            parts.append(_relabel(labels, size, images, teachers))
        return _in_steps(stage, settings["steps"], size, *parts)
    return None


def _made(stage: str, kind: Mapping[str, Any], units: float, resident: int) -> Workload:
    return Workload(stage, canonical_json(kind), float(units), int(resident))


def _pretrain(settings: Mapping[str, Any], size: DatasetSize) -> Workload:
    kind = {key: settings[key] for key in ("backbone", "stem", "batch_size", *_COMPUTING)}
    kind |= _shape(settings)
    # What is drawn costs time, not how far; records hold numbers that the config has as whole ones.
    drawn = settings["augmentation"].items()
    kind |= {"augmentation": {key: value not in (0, "none") for key, value in drawn}}
    kind |= {"resolution": size.resolution, "classes": size.classes}
    kind |= {"attention_maps": settings["cal"] and settings["cal"]["attention_maps"]}
    epochs = settings["epochs"]
    passes = TRAINING_STEP * epochs * size.train
    # Tested now and then, and once more with the weights that are kept.
    tested = count_tests(epochs, settings["test_every"], settings["tested_epochs"])
    passes += (tested + 1) * size.test
    if settings["batch_norm_statistics"] == "recomputed":
        passes += size.train
    return _made("pretrain", kind, passes, (size.train + size.test) * size.image_bytes)


def _shape(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of a vision transformer; nothing of other networks, and of records that do not tell it."""
    shape = settings.get("transformer")
    return {} if shape is None else {"transformer": shape}


def _train_expert(settings: Mapping[str, Any], size: DatasetSize) -> Workload:
    kind = {key: settings[key] for key in ("backbone", "optimiser", "batch_size")}
    kind |= {"augmented": bool(settings["augmentation"])}
    kind |= {"resolution": size.resolution, "classes": size.classes}
    gradients = 1 if settings["gsam"] is None else 2
    # All images are seen once more at the end.
    passes = (gradients * TRAINING_STEP * settings["epochs"] + 1) * size.train + size.test
    resident = (size.train + size.test) * size.image_bytes + trajectory_bytes(settings, size)
    return _made("train_expert", kind, passes, resident)


def trajectory_bytes(settings: Mapping[str, Any], size: DatasetSize) -> int:
    """Of an expert's parameters before training and after each epoch."""
    images = NetworkInput(size.channels, size.resolution)
    parameters = parameter_count(settings["backbone"], size.classes, images)
    return (settings["epochs"] + 1) * parameters * _FLOAT


def _patches(settings: Mapping[str, Any], size: DatasetSize) -> Workload:
    kind = {key: settings[key] for key in ("scorer", "tiles", "crops_per_image")}
    kind |= {"resolution": size.resolution}
    draws = settings["slots"] if settings["slot_patches"] == "repeated" else 1
    crops = draws * size.scored(settings["images_scored"]) * settings["crops_per_image"]
    images = settings["slots"] * size.classes
    return _made("patches", kind, crops, images * size.image_bytes * _FLOAT)


def _distill(settings: Mapping[str, Any], size: DatasetSize) -> Workload:
    own = settings["method_settings"]
    recipe = plugins.load("methods", settings["method"]).recipe(own, size.resolution)
    regularisers = settings["regularisers"].items()
    weighted = sorted(name for name, values in regularisers if values["weight"] > 0)
    kind = {key: settings[key] for key in ("method", "memory_format", "compile")}
    kind |= {"teachers": own["teachers"], "cal": settings["cal_ratio"] != 0}
    kind |= {"regularisers": weighted, "mixed_precision": recipe.mixed_precision}
    kind |= {"resolution": size.resolution, "batch": min(settings["class_chunk"], size.classes)}
    kind |= {"sizes": sorted({phase.size for phase in recipe.phases})}
    # The work of a step grows with the area of the images.
    steps = sum(phase.iterations * phase.size**2 for phase in recipe.phases) / size.resolution**2
    images = len(settings["slots"]) * size.classes
    return _made("distill", kind, steps * images, 2 * images * size.image_bytes)


def _match(settings: Mapping[str, Any], size: DatasetSize, count: int) -> Workload:
    recipe = plugins.load("methods", settings["method"]).recipe(settings["method_settings"], count)
    keys = ("objective", "network", "class_by_class", "mixed_precision", "compile")
    kind = {key: getattr(recipe, key) for key in keys}
    kind |= {"augmented": bool(recipe.augmentation), "trained": recipe.outer_loops > 1}
    kind |= {"resolution": size.resolution, "classes": size.classes}
    # Gradients of gradients cost about as much again as gradients.
    passes = TRAINING_STEP if recipe.objective == "features" else 2 * TRAINING_STEP
    images = size.classes * count
    step = passes * images + (1 if recipe.objective == "features" else TRAINING_STEP) * (
        size.classes * min(recipe.batch_real, max(size.train_per_class))
    )
    trained = (recipe.outer_loops - 1) * recipe.inner_epochs * images * TRAINING_STEP
    units = recipe.iterations * (recipe.outer_loops * step + trained)
    resident = (size.train + 3 * images * _FLOAT) * size.image_bytes
    return _made("match", kind, units, resident)


def _match_trajectories(settings: Mapping[str, Any], size: DatasetSize, count: int) -> Workload:
    own = settings["method_settings"]
    recipe = plugins.load("methods", settings["method"]).recipe(own, count)
    images = size.classes * count
    batch = min(recipe.batch_synthetic or images, images)
    kind = {key: getattr(recipe, key) for key in ("network", "memory", "soft_labels")}
    at_once = min(recipe.images_at_once or batch, batch)
    kind |= {"augmented": bool(recipe.augmentation), "batch": batch, "images_at_once": at_once}
    kind |= {"resolution": size.resolution, "classes": size.classes}
    # The memory of autograd through all steps grows with them; other forms keep vectors.
    kind |= {"inner_steps": recipe.inner_steps if recipe.memory == "graph" else None}
    seen = NetworkInput(size.channels, size.resolution)
    vector = parameter_count(recipe.network, size.classes, seen) * _FLOAT
    resident = (size.train + 3 * images * _FLOAT) * size.image_bytes + recipe.inner_steps * vector
    # Of an expert's epochs those that students start from or aim at, and the last.
    experts = own["experts"]["count"] * (recipe.epochs_needed + 2) * vector
    units = recipe.iterations * recipe.inner_steps * batch
    return replace(_made("match_trajectories", kind, units, resident), on_host=experts)


def _relabel(
    settings: Mapping[str, Any], size: DatasetSize, images: int, teachers: Sequence[str]
) -> Workload:
    kind = {key: settings[key] for key in ("batch_size", "teacher_mode", "head")}
    kind |= {"teachers": list(teachers), "resolution": size.resolution, "classes": size.classes}
    epochs, form = stored_labels(settings, size.classes)
    stored = epochs * images * (form.label_bytes + AUGMENTATION_BYTES)
    resident = stored + images * size.image_bytes * (1 + _FLOAT)
    return _made("relabel", kind, epochs * images, resident)


def _evaluate(settings: Mapping[str, Any], size: DatasetSize, images: int) -> Workload:
    keys = ("student", "stem", "labels", "batch_size", *_COMPUTING)
    kind = {key: settings[key] for key in keys} | _shape(settings)
    kind |= {"resolution": size.resolution, "classes": size.classes}
    epochs = settings["epochs"]
    tested = count_tests(epochs, settings["test_every"], settings["tested_epochs"])
    if tuning := settings.get("fine_tuning"):
        epochs += tuning["epochs"]
        tested += count_tests(tuning["epochs"], settings["test_every"], settings["tested_epochs"])
    passes = TRAINING_STEP * epochs * images + tested * size.test
    plan = epochs * images * AUGMENTATION_BYTES
    resident = size.test * size.image_bytes + images * size.image_bytes * (1 + _FLOAT) + plan
    return _made("evaluate", kind, passes, resident)


def _in_steps(stage: str, steps: int, size: DatasetSize, *parts: Workload) -> Workload:
    """Work of which each step does as much as its share of the classes."""
    seen = sum(accumulate(step_sizes(size.classes, steps, f"stage {stage}")))
    kind = {part.stage: part.kind for part in parts}
    units = sum(part.units for part in parts) * seen / size.classes
    return _made(stage, kind, units, sum(part.resident for part in parts))


def _detection(stage: str, settings: Mapping[str, Any], size: DatasetSize, images: int) -> Workload:
    """As if all images had boxes; those that detectors are tested on are not known here."""
    kind = {key: settings[key] for key in ("scenes", "annotator", "detector")}
    if stage == "annotate":
        kind |= {"network": settings["network"], "class_map": settings["class_map"] is not None}
        passes = images
    else:
        kind |= {key: settings["training"][key] for key in ("network", "min_size", "batch_size")}
        passes = TRAINING_STEP * settings["training"]["epochs"] * images
    kind |= {"resolution": size.resolution}
    return _made(stage, kind, passes, images * size.image_bytes)


#: Bytes of stored augmentation of an image in an epoch: order and partner (int64), crop (four
#: float32), flip (bool), CutMix box (four int64). docs/files.md.
AUGMENTATION_BYTES = 8 + 8 + 4 * 4 + 1 + 4 * 8


def stored_labels(settings: Mapping[str, Any], classes: int) -> tuple[int, LabelFormat]:
    """Epochs that soft labels are stored for, and how, by the settings of ``relabel``.

    From the config, or from a record, which says nothing of storage as it always was.
    """
    storage = settings.get("storage")
    if storage is None:
        return settings["epochs"], LabelFormat(classes)
    # More classes than there are the stage refuses.
    kept = None if storage["top_k"] is None else min(storage["top_k"], classes)
    epochs = storage["stored_epochs"] or settings["epochs"]
    return epochs, LabelFormat(classes, kept, storage["bits"])
