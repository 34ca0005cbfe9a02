"""Herding: real images whose mean feature follows that of their class (Welling 2009; iCaRL)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fd2.methods._interface import SelectionRequest
from fd2.methods._selecting import coreset_schema, select_whole

if TYPE_CHECKING:
    from torch import Tensor

LABEL = "Herding"
KIND = "selection"
SETTINGS_SCHEMA = coreset_schema({})


def select(request: SelectionRequest) -> Tensor:
    """The first n images of each class's herding order, so that n is a prefix of m > n.

    Returns:
        uint8 ``[n, C, K, H, W]``.

    Raises:
        FD2Error: if a class has fewer than n training images.
    """
    from fd2.matching.coresets import herding

    features = request.features
    assert features is not None
    return select_whole(
        request, lambda _, members: herding(features[members], request.images_per_class)
    )
