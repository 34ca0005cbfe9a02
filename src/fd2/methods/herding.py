"""Herding: real images whose mean feature follows that of their class (Welling 2009; iCaRL)."""

from __future__ import annotations

from fd2.methods._interface import Selection, SelectionRequest
from fd2.methods._selecting import coreset_schema, select_whole, training_features

LABEL = "Herding"
KIND = "selection"
SETTINGS_SCHEMA = coreset_schema(
    {
        "order": {
            "type": "string",
            "enum": ["running_mean", "nearest"],
            "description": "What the next image is chosen by: the mean of all chosen, which stays "
            "near the class's, or its own distance to the class's mean.",
        }
    }
)


def select(request: SelectionRequest) -> Selection:
    """The first n images of each class in the order of the settings: a prefix of m > n.

    Raises:
        FD2Error: if a class has fewer than n training images.
    """
    from fd2.matching.coresets import herding, nearest_to_mean

    features = training_features(request)
    order = herding if request.settings["order"] == "running_mean" else nearest_to_mean
    return select_whole(
        request, lambda _, members: order(features[members], request.images_per_class)
    )
