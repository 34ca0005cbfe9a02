"""What a backbone starts from: weights that its plug-in has, or a file with a known digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from fd2.config import plugins
from fd2.config.networks import PHOTOGRAPHS, NetworkInput
from fd2.config.weights_files import FILE, WeightsFile, check_weights_file
from fd2.errors import FD2Error
from fd2.networks import legacy_weights
from fd2.networks.backbone import Backbone
from fd2.networks.classifier_rows import take_rows
from fd2.networks.loaded_weights import load_weights

_SAFETENSORS = ".safetensors"


def build_backbone(
    name: str,
    num_classes: int,
    initialisation: str,
    weights_file: WeightsFile | None = None,
    classifier_rows: Sequence[int] | None = None,
    *,
    seed: int,
    images: NetworkInput = PHOTOGRAPHS,
) -> Backbone:
    """A backbone for C classes, by default with a fresh head.

    Args:
        name: of the plug-in.
        num_classes: C.
        initialisation: one of the plug-in's, or ``file``.
        weights_file: what ``file`` takes.
        classifier_rows: rows of the weights' own classifier, C of them, which take the place of
            the fresh head; see `fd2.networks.classifier_rows`.
        seed: of all weights that are not loaded, in [0, 2**63).
        images: what the network is built for.

    Raises:
        FD2Error: for weights that cannot be had, or that are not of this network.
    """
    plugin = plugins.load("backbones", name)
    fresh = "scratch" if initialisation == FILE else initialisation
    backbone: Backbone = plugin.build(num_classes, fresh, seed=seed, images=images)
    if initialisation == FILE:
        given = None if weights_file is None else vars(weights_file)
        check_weights_file(initialisation, given, f"backbone {name}")
        assert weights_file is not None
        path = Path(weights_file.path)
        where = f"{path} for {name}"
        state = backbone.fitted(read_state(path, weights_file.sha256))
        load_weights(backbone, state, where)
        if classifier_rows is not None:
            take_rows(backbone, state, classifier_rows, where)
    elif classifier_rows is not None:
        # Here, because most jobs need no torchvision, which takes seconds to import.
        from fd2.networks.torchvision_weights import imagenet_state

        state = imagenet_state(plugin.ORIGIN[1])
        take_rows(backbone, state, classifier_rows, f"ImageNet weights of {name}")
    return backbone


def read_state(path: Path, sha256: str) -> Mapping[str, Tensor]:
    """The tensors of a weights file by name, on the CPU.

    Args:
        path: a safetensors file, or one of ``torch.save``.
        sha256: its digest, which has been checked of a safetensors file.

    Raises:
        FD2Error: if it cannot be read as what its name says, or holds no tensors.
    """
    if path.suffix != _SAFETENSORS:
        state = legacy_weights.load(path, sha256)
    else:
        try:
            state = load_file(path)
        except SafetensorError as error:
            raise FD2Error(
                f"no safetensors file: {error}", str(path), "give another file"
            ) from error
    if not state:
        raise FD2Error(
            "no tensors in the weights file",
            str(path),
            "store the network's state dict itself: torch.save(network.state_dict(), path)",
        )
    return state
