"""Typed settings of each stage. Values come from the config alone: nothing has a default here."""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from fd2.config.label_storage import LabelStorage
from fd2.config.names import OfSet
from fd2.config.protocols import DirectSettings, FineTuningSettings
from fd2.config.transformers import TransformerShape
from fd2.config.weights_files import WeightsFile

T = TypeVar("T")
#: In place of a student's labels or learning rate: those that the set's method learned.
LEARNED = "learned"


@dataclass(frozen=True)
class TrainingAugmentation:
    """Augmentation of the teacher's training images, drawn anew per image and epoch.

    Attributes:
        crop_scale: least and greatest area of a random crop, as shares of the image's; 1 and 1 keep
            the whole image.
        flip: ``none``, ``horizontal``, or ``both`` (horizontal and vertical, each with chance 1/2).
        rotation: largest rotation either way, in degrees.
        rotation_filter: ``bilinear``, with corners of the mean colour, or ``nearest``, with black
            corners.
        brightness, contrast, saturation, hue: largest relative change (hue: turn fraction).
    """

    crop_scale: tuple[float, float]
    flip: str
    rotation: float
    rotation_filter: str
    brightness: float
    contrast: float
    saturation: float
    hue: float


@dataclass(frozen=True)
class CounterfactualAttentionSettings:
    """What counterfactual attention learning adds, names as in section ``pretrain``.

    Attributes:
        attention_maps: M.
        attention_initialisation: ``kaiming_normal`` or ``torch_default``.
        cal_ratio: rho of FD² eq. 8.
        attention_crop: range of the crop's threshold, as shares of a map's maximum.
        attention_box: ``exact`` or ``truncated``, see `fd2.augment.boxes.attention_boxes`.
        attention_drop: range of the drop's threshold.
        prototypes: ``momentum`` or ``last_feature``.
        prototype_momentum: beta.
    """

    attention_maps: int
    attention_initialisation: str
    cal_ratio: float
    attention_crop: tuple[float, float]
    attention_box: str
    attention_drop: tuple[float, float]
    prototypes: str
    prototype_momentum: float


@dataclass(frozen=True)
class PretrainSettings:
    """A teacher, with counterfactual attention unless ``cal`` is None; section ``pretrain``.

    ``dataset``, ``backbone`` and ``training`` come from the artefact's path.
    """

    dataset: str
    backbone: str
    training: str
    cal: CounterfactualAttentionSettings | None
    preset: str
    seed: int
    initialisation: str
    weights_file: WeightsFile | None
    classifier: str
    stem: str
    transformer: TransformerShape | None
    optimiser: str
    learning_rate: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    schedule: str
    schedule_decay: float
    schedule_duration: float
    augmentation: TrainingAugmentation
    batch_norm_statistics: str
    selection: str
    accuracy: str
    test_every: int
    tested_epochs: str
    mixed_precision: bool
    memory_format: str
    compile: str


@dataclass(frozen=True)
class PatchSettings:
    """Scored crops, shared or a method's own, names as in section ``patches``.

    Attributes:
        kind: the file's name.
        tiles: 1 or 2 per side.
    """

    dataset: str
    kind: str
    tiles: int
    slots: int
    seed: int
    scorer: str
    crops_per_image: int
    crop_scale: tuple[float, float]
    images_scored: int | str | None
    images_chosen: str
    slot_patches: str
    image_codec: str


@dataclass(frozen=True)
class DistillSettings(OfSet):
    """One group of slots of one method, names as in section ``distill``.

    Attributes:
        slots: the slot numbers of this group.
        method_settings: the method's own settings.
        cal_ratio: weight of the attention head in the class loss; None takes the teacher's own;
            0 leaves out the head and its batch-norm layer.
        regularisers: settings by regulariser name.
    """

    preset: str
    seed: int
    slots: tuple[int, ...]
    class_chunk: int
    image_codec: str
    initial_patch: str
    memory_format: str
    compile: str
    method_settings: Mapping[str, Any]
    cal_ratio: float | None
    regularisers: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class MeasureSettings:
    """How an iteration is timed, names as in section ``measure``.

    Attributes:
        warm_up: iterations of each phase before the clock counts.
        iterations: of each phase that are timed.
    """

    warm_up: int
    iterations: int


@dataclass(frozen=True)
class WholeSetSettings(OfSet):
    """The images of a selecting or matching method."""

    preset: str
    seed: int
    images_per_class: int
    method_settings: Mapping[str, Any]


@dataclass(frozen=True)
class RelabelSettings:
    """Soft labels, names as in section ``relabel``; ``epochs`` are those that students may train.

    ``storage`` is None for 16 bits of all classes in all epochs.
    """

    dataset: str
    preset: str
    seed: int
    epochs: int
    batch_size: int
    crop_scale: tuple[float, float] | None
    cutmix_alpha: float | None
    teacher_mode: str
    teacher_dropout: bool
    head: str
    storage: LabelStorage | None

    @property
    def stored_epochs(self) -> int:
        """Epochs that have labels."""
        own = None if self.storage is None else self.storage.stored_epochs
        return self.epochs if own is None else own


@dataclass(frozen=True)
class EvaluateSettings(OfSet):
    """A student, names as in section ``evaluate``.

    ``direct`` is None under ``decoupled``, ``fine_tuning`` where it has no epoch. ``momentum`` is
    SGD's; None where the ``optimiser`` is AdamW, and under ``direct``. ``labels`` and
    ``learning_rate`` may be `LEARNED`.
    ``crop_scale``, ``batch_size`` and ``cutmix_alpha`` shape hard-label training, which has no
    stored augmentation to replay; they come from section ``relabel`` so that both ways match.
    """

    ipc: int
    student: str
    seed: int
    preset: str
    protocol: str
    direct: DirectSettings | None
    fine_tuning: FineTuningSettings | None
    momentum: float | None
    labels: str
    pictures: bool
    initialisation: str
    weights_file: WeightsFile | None
    stem: str
    transformer: TransformerShape | None
    temperature: float
    epochs: int
    learning_rate: float | str
    weight_decay: float
    eta: float
    batch_size: int
    crop_scale: tuple[float, float] | None
    cutmix_alpha: float | None
    test_every: int
    tested_epochs: str
    mixed_precision: bool
    memory_format: str
    compile: str


@dataclass(frozen=True)
class DiagnoseSettings(OfSet):
    """How one network sees one set; ``backbone`` and ``training`` name the network, a teacher.

    Attributes:
        method: a file of ``methods``, or ``full`` for all real training images.
        ipc: images per class; None for ``full``.
        group_size: images of a class that the similarity constraint keeps apart (N_s).
    """

    ipc: int | None
    backbone: str
    training: str
    preset: str
    group_size: int


def build(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a settings dataclass from plain values, nested ones and tuples included.

    Args:
        kind: one of this module's dataclasses.
        values: exactly its fields.

    Raises:
        TypeError: if a field is missing or unknown.
    """
    hints = _hints(cast(Hashable, kind))
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if known != set(values):
        raise TypeError(f"{kind.__name__}: fields {sorted(known ^ set(values))} do not match")
    return kind(**{name: _convert(hints[name], value) for name, value in values.items()})


#: Fields have their types as text, which is read once.
_hints = cache(get_type_hints)


def _convert(hint: Any, value: Any) -> Any:
    if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, Mapping):
        return build(hint, value)
    if get_origin(hint) is tuple:
        return tuple(value)
    if get_origin(hint) in (Union, types.UnionType) and value is not None:
        return _convert(next(a for a in get_args(hint) if a is not type(None)), value)
    if hint is float and isinstance(value, int):
        return float(value)
    return value
