"""DM: the mean features of synthetic images match those of real ones, in random networks.

Zhao and Bilen, *Dataset Condensation with Distribution Matching*, WACV 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.matching.recipe import MatchRecipe
from fd2.methods._matching import FEATURE_SCHEMA, feature_recipe

LABEL = "DM"
KIND = "matching"
SETTINGS_SCHEMA = FEATURE_SCHEMA


def recipe(settings: Mapping[str, Any], images_per_class: int) -> MatchRecipe:
    """One step in each random network, at any number of images per class."""
    del images_per_class
    return feature_recipe(settings)
