"""Experts, whose training trajectory matching follows: which a config has, and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fd2.config import plugins
from fd2.config.given import GivenConfig
from fd2.config.layers import stage_config
from fd2.config.names import Expert, SetName
from fd2.config.networks import check_network, check_no_batch_norm
from fd2.config.transformers import check_feature_map
from fd2.errors import FD2Error, suggest

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration

STAGE = "train_expert"
#: Of optimisers, the one that takes `GsamSettings`.
GSAM = "gsam"
#: Experts start from random weights, in networks with a stem of their own.
_NETWORK = {"initialisation": "scratch", "weights_file": None, "stem": "imagenet"}
_NO_MAP = "gradients of gradients are taken through convolutions"
_NO_PARAMETERS = "whose statistics are no parameters that an expert's trajectory holds"


@dataclass(frozen=True)
class GsamSettings:
    """What the optimiser ``gsam`` needs beside the section's other values.

    Attributes:
        rho: how far away the second gradient is taken.
        alpha: weight of what of the first gradient is across the second.
    """

    rho: float
    alpha: float


@dataclass(frozen=True)
class ExpertSettings:
    """An expert, names as in section ``train_expert``.

    ``dataset``, ``backbone``, ``variant`` and ``number`` come from the artefact's path.
    ``augmentation`` has operations of `fd2.augment.differentiable`. ``gsam`` is None under the
    optimiser ``sgd``, so that its values retrain no expert without it.
    """

    dataset: str
    backbone: str
    variant: str
    number: int
    seed: int
    optimiser: str
    gsam: GsamSettings | None
    learning_rate: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    augmentation: tuple[str, ...]


def expert_variants(config: Mapping[str, Any]) -> list[str]:
    """``base`` and the variants with experts of their own: those that change their section.

    An expert depends on the data and its section alone, so that a variant of earlier stages shares
    those of ``base``.
    """
    return ["base", *(name for name, changed in config["variants"].items() if STAGE in changed)]


def experts_of(settings: Configuration, set_name: SetName, ipc: int) -> list[Expert]:
    """The experts that a set's students follow, in their order; none where its method has none.

    They are of the variant that the method names, else of the set's own where this has experts of
    its own, else of ``base``.

    Raises:
        FD2Error: if the named variant has no experts of its own, they are trained for too few
            epochs, or `expert_settings` refuses them.
    """
    own = settings.method_settings(set_name, ipc)
    if "experts" not in own:
        return []
    epochs_needed = plugins.load("methods", set_name.method).recipe(own, ipc).epochs_needed
    asked, variants = own["experts"], expert_variants(settings.values)
    variant = asked["variant"]
    where = f"setting 'distill.methods.{set_name.method}.experts' for {set_name}"
    if variant is not None and variant not in variants:
        fix = f"name one that changes section '{STAGE}'; {suggest(variant, variants)}"
        raise FD2Error(f"variant '{variant}' has no experts of its own", where, fix)
    if variant is None:
        variant = set_name.variant if set_name.variant in variants else "base"
    numbers = range(asked["count"])
    experts = [Expert(set_name.dataset, own["network"], variant, number) for number in numbers]
    epochs = expert_settings(settings, experts[0])["epochs"]
    if epochs < epochs_needed:
        raise FD2Error(
            f"experts of {epochs} epochs, and their last target is epoch {epochs_needed}",
            where,
            f"raise '{STAGE}.epochs', or lower 'start_epochs.most' or 'expert_epochs'",
        )
    return experts


def expert_settings(given: GivenConfig, expert: Expert) -> dict[str, Any]:
    """Settings of one expert, the fields of `ExpertSettings`.

    Raises:
        FD2Error: if the network has batch norm, or cannot be built for the dataset's images.
    """
    context = asdict(expert)
    section = stage_config(given.values, STAGE, expert.variant, context)
    where = f"expert {expert.path()}"
    check_no_batch_norm(expert.backbone, where, _NO_PARAMETERS)
    check_feature_map([expert.backbone], where, _NO_MAP)
    entry = given.values["datasets"][expert.dataset]
    check_network(_NETWORK, expert.backbone, entry, lambda: where)
    gsam = section["gsam"] if section["optimiser"] == GSAM else None
    return {**section, **context, "gsam": gsam}
