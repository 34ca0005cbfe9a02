"""What a network is built for, and what one is refused for before any job runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.config.datasets import channels
from fd2.config.names import Teacher
from fd2.config.transformers import TransformerShape, is_transformer, transformer_shape
from fd2.config.weights_files import FILE, check_weights_file
from fd2.errors import FD2Error, suggest

#: A teacher's classifier: drawn, or rows, or all of that of the weights that it starts from.
FRESH, IMAGENET, IMAGENET_UNMAPPED = "fresh", "imagenet", "imagenet_unmapped"
IMAGENET_WHOLE = "imagenet_whole"
_STEMS = ("imagenet", "cifar")
_REPEATED = "imagenet_repeated"


@dataclass(frozen=True)
class NetworkInput:
    """The images that a network is built for.

    Attributes:
        channels: 3, or 1 for one-channel data.
        resolution: height and width in pixels. Networks that flatten their last feature map fit
            this one alone.
        stem: ``imagenet``, the architecture's own, or ``cifar``: a first convolution of 3×3 with
            stride 1 and no pooling after it, for images of about 32 pixels.
        transformer: shape of a vision transformer; other networks have none.
    """

    channels: int = 3
    resolution: int = 224
    stem: str = "imagenet"
    transformer: TransformerShape | None = None

    def __post_init__(self) -> None:
        if self.stem not in _STEMS:
            fix = suggest(self.stem, _STEMS)
            raise FD2Error(f"unknown stem '{self.stem}'", "input of a network", fix)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> NetworkInput:
        """From plain values under its own names: a teacher's metadata, or a student's."""
        shape = facts.get("transformer")
        return cls(
            facts["channels"],
            facts["resolution"],
            facts["stem"],
            None if shape is None else TransformerShape(**shape),
        )


PHOTOGRAPHS = NetworkInput()


def check_initialisation(
    backbone: str,
    allowed: Sequence[str],
    initialisation: str,
    images: NetworkInput,
    weights_file: Path | None = None,
) -> None:
    """Refuse an initialisation that the backbone does not have for such images.

    A backbone with ``imagenet`` also has ``imagenet_repeated``, for one-channel data: the network
    sees the channel three times.

    Args:
        backbone: its name.
        allowed: its ``INITIALISATIONS``.
        initialisation: the one that is asked for.
        images: what the network is built for.
        weights_file: a local copy of the weights.

    Raises:
        FD2Error: if the backbone has no such weights, the images do not fit them, or a weights
            file comes with ``scratch``, which would ignore it.
    """
    where = f"backbone {backbone}"
    known = [*allowed, _REPEATED] if "imagenet" in allowed else list(allowed)
    if initialisation not in known:
        fix = f"{suggest(initialisation, known)}, or '{FILE}' with a 'weights_file' of your own"
        raise FD2Error(f"unknown initialisation '{initialisation}'", where, fix)
    if initialisation == "scratch":
        if weights_file is not None:
            raise FD2Error(
                f"weights file {weights_file} with initialisation 'scratch'",
                where,
                "leave the weights file out, or choose the initialisation that it belongs to",
            )
        return
    if images.stem != "imagenet":
        raise FD2Error(
            f"initialisation '{initialisation}' with stem '{images.stem}', whose convolution has "
            "no ImageNet weights",
            where,
            "set 'initialisation: scratch', or 'stem: imagenet'",
        )
    if images.channels == 1 and initialisation != _REPEATED:
        raise FD2Error(
            "ImageNet weights are for images of three channels, the data have one",
            where,
            f"set 'initialisation: {_REPEATED}', which lets the network see the channel three "
            "times, or 'initialisation: scratch'",
        )
    if images.channels != 1 and initialisation == _REPEATED:
        raise FD2Error(
            f"initialisation '{_REPEATED}' for images of {images.channels} channels",
            where,
            "set 'initialisation: imagenet'; only one channel can be repeated",
        )


def check_network(
    section: Mapping[str, Any], backbone: str, entry: Mapping[str, Any], where: Callable[[], str]
) -> None:
    """Refuse a network that cannot be built.

    Args:
        section: ``pretrain`` or ``evaluate`` of the config, for the job.
        backbone: a plug-in.
        entry: the dataset's in the config.
        where: tells where the section's initialisation was set, if it is refused.

    Raises:
        FD2Error: see `check_initialisation` and `check_weights_file`; or the plug-in's own, for
            images that it cannot take.
    """
    plugin = plugins.load("backbones", backbone)
    shape = transformer_shape(section, backbone)
    seen = {"channels": channels(entry), "resolution": entry["resolution"], "transformer": shape}
    images = NetworkInput.of({**section, **seen})
    try:
        initialisation = section["initialisation"]
        check_weights_file(initialisation, section["weights_file"], f"backbone {backbone}")
        if initialisation != FILE:
            check_initialisation(backbone, plugin.INITIALISATIONS, initialisation, images)
        if hasattr(plugin, "check"):
            plugin.check(images)
    except FD2Error as error:
        raise FD2Error(error.what, f"{error.where}, {where()}", error.fix) from None


def check_teacher(
    section: Mapping[str, Any], teacher: Teacher, entry: Mapping[str, Any], where: Callable[[], str]
) -> None:
    """As `check_network`, and refuse attention on a network that does not pool a feature map.

    Raises:
        FD2Error: also if the classifier is to be ImageNet's and cannot be, or the network starts at
            random and is not trained; if the teacher has counterfactual attention, and its backbone
            is one that sets ``POOLS_FEATURES = False``.
    """
    check_network(section, teacher.backbone, entry, where)
    _check_classifier(section, teacher.backbone, entry, where)
    if section["classifier"] == IMAGENET_WHOLE and (
        section["epochs"] > 0 or teacher.training.startswith("cal")
    ):
        raise FD2Error(
            f"'pretrain.classifier' is '{IMAGENET_WHOLE}', with the classes of all ImageNet, and "
            "the teacher is to learn those of the dataset",
            f"teacher {teacher.path()}, {where()}",
            f"set 'epochs' to 0 and leave attention out (plain), or take '{IMAGENET}'",
        )
    pools = getattr(plugins.load("backbones", teacher.backbone), "POOLS_FEATURES", True)
    if teacher.training.startswith("cal") and not pools:
        seen = "class token" if is_transformer(teacher.backbone) else "flattened feature map"
        raise FD2Error(
            f"backbone '{teacher.backbone}' cannot have counterfactual attention: it classifies "
            f"its {seen}, FD² a feature map that is averaged over positions (FD² eq. 7)",
            f"teacher {teacher.path()}",
            "leave FD² out (plain), or take another backbone as the teacher",
        )


def _check_classifier(
    section: Mapping[str, Any], backbone: str, entry: Mapping[str, Any], where: Callable[[], str]
) -> None:
    asked, initialisation = section["classifier"], section["initialisation"]
    if asked == FRESH:
        if section["epochs"] == 0:
            fix = "raise 'epochs', or set 'classifier' to imagenet"
            raise FD2Error("a teacher with a fresh classifier and no training", where(), fix)
        return
    what = f"'pretrain.classifier' is '{asked}'"
    library, _ = getattr(plugins.load("backbones", backbone), "ORIGIN", ("fd2", backbone))
    if initialisation == "scratch" or (initialisation != FILE and library != "torchvision"):
        raise FD2Error(
            f"{what} for backbone '{backbone}' with initialisation '{initialisation}'",
            where(),
            f"take a backbone of torchvision with 'initialisation: imagenet', or '{FILE}'",
        )
    of_imagenet = getattr(plugins.load("datasets", entry["kind"]), "OF_IMAGENET", False)
    if asked in (IMAGENET, IMAGENET_WHOLE) and not of_imagenet:
        kinds = [
            name
            for name in plugins.names("datasets")
            if getattr(plugins.load("datasets", name), "OF_IMAGENET", False)
        ]
        raise FD2Error(
            f"{what}, and the classes of kind '{entry['kind']}' are none of ImageNet's",
            where(),
            f"set it to '{FRESH}', or take a dataset of kind {', '.join(kinds)}",
        )


def require_own_classes(settings: Mapping[str, Any], where: str) -> None:
    """Refuse a teacher that answers with the classes of all ImageNet in place of the dataset's.

    Args:
        settings: the teacher's, of section ``pretrain``; those of before it was one have none.
        where: the teacher.

    Raises:
        FD2Error: with what else to take.
    """
    if settings.get("classifier") == IMAGENET_WHOLE:
        raise FD2Error(
            f"'pretrain.classifier' is '{IMAGENET_WHOLE}': the network answers with the classes of "
            "all ImageNet, not with the dataset's",
            where,
            f"take '{IMAGENET}', which has the dataset's; only sheets of complexity look through "
            "the whole classifier",
        )


def check_batch_norm(backbones: Sequence[str], where: str) -> None:
    """Refuse a method's teachers without the batch-norm statistics that its images are to match.

    Raises:
        FD2Error: for the first backbone that sets ``BATCH_NORM = False``.
    """
    for backbone in backbones:
        if not _has_batch_norm(backbone):
            raise FD2Error(
                f"teacher '{backbone}' has no batch norm, whose statistics the images would match",
                where,
                "take teachers with batch norm; this one can be a student, label images and "
                "score patches",
            )


def check_no_batch_norm(
    backbone: str, where: str, why: str = "through which the images of a batch meet"
) -> None:
    """Refuse a network with batch norm, by default of a method that matches images.

    Raises:
        FD2Error: for a backbone that does not set ``BATCH_NORM = False``.
    """
    if _has_batch_norm(backbone):
        fitting = [name for name in plugins.names("backbones") if not _has_batch_norm(name)]
        raise FD2Error(
            f"network '{backbone}' has batch norm, {why}",
            where,
            f"take one without: {', '.join(fitting)}",
        )


def _has_batch_norm(backbone: str) -> bool:
    return bool(getattr(plugins.load("backbones", backbone), "BATCH_NORM", True))
