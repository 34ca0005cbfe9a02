"""DC: the gradients that synthetic images give a network match those of real ones.

Zhao, Mopuri and Bilen, *Dataset Condensation with Gradient Matching*, ICLR 2021.
"""

from __future__ import annotations

from fd2.methods._matching import GRADIENT_SCHEMA, gradient_recipe

LABEL = "DC"
KIND = "matching"
SETTINGS_SCHEMA = GRADIENT_SCHEMA
recipe = gradient_recipe
