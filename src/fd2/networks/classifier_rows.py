"""A classifier made of rows of that of ImageNet's 1000 classes, so that a network need not train.

Source: the public code of EDF, https://github.com/NUS-HPC-AI-Lab/EDF, whose activation maps are of
torchvision's ImageNet network, and of its classes 0 to 9 for any ten classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from fd2.artifacts.manifests import Manifest
from fd2.config.networks import FRESH, IMAGENET_UNMAPPED, IMAGENET_WHOLE
from fd2.datasets._imagenet_classes import CLASSES
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone

#: Rows of the classifier of ImageNet-1K.
ROWS = 1000


def classifier_rows(classifier: str, manifest: Manifest) -> list[int] | None:
    """The rows of ImageNet's classifier that a network takes; None for a fresh one.

    Args:
        classifier: of section ``pretrain``: ``fresh``; ``imagenet`` for a row for each class of the
            dataset by its WordNet id; ``imagenet_unmapped`` for as many of the first rows, whatever
            the classes are; ``imagenet_whole`` for all.
        manifest: of the dataset.

    Raises:
        FD2Error: if ``imagenet`` is asked for classes without WordNet ids.
    """
    if classifier == FRESH:
        return None
    if classifier == IMAGENET_UNMAPPED:
        return list(range(len(manifest.classes)))
    return list(range(ROWS)) if classifier == IMAGENET_WHOLE else imagenet_numbers(manifest)


def imagenet_numbers(manifest: Manifest) -> list[int]:
    """The number of each class of a dataset among ImageNet's, by its WordNet id.

    Raises:
        FD2Error: for classes without such ids.
    """
    numbers = {wnid: number for number, (wnid, _) in CLASSES.items()}
    try:
        return [numbers[wnid] for wnid in manifest.source["wnids"]]
    except KeyError as error:
        raise FD2Error(
            f"its classes are none of ImageNet's: {error} is not known",
            f"dataset '{manifest.dataset}'",
            "set 'pretrain.classifier' to fresh, or take a subset of ImageNet",
        ) from error


def take_rows(
    backbone: Backbone, state: Mapping[str, Tensor], rows: Sequence[int], where: str
) -> None:
    """Copy rows of trained weights' classifier into that of a backbone, changed in place.

    Args:
        backbone: of as many classes as there are rows.
        state: tensors by the names of the architecture's library.
        rows: the class there of each class here.
        where: the weights, for the error.

    Raises:
        FD2Error: if the classifier is missing, has too few classes, or is another's.
    """
    own, plain = backbone.state_dict(), backbone.plain_names()
    for name in sorted(backbone.classifier_names()):
        source, value = state.get(plain[name]), own[name]
        if source is None or source.shape[1:] != value.shape[1:] or len(source) <= max(rows):
            has = "none" if source is None else str(list(source.shape))
            raise FD2Error(
                f"no classifier to take row {max(rows)} from: {plain[name]} is {has}",
                where,
                "give weights with the classifier of ImageNet's 1000 classes",
            )
        own[name] = source[list(rows)]
    backbone.load_state_dict(own)
