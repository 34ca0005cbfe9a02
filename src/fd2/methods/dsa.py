"""DSA: gradient matching where real and synthetic images are augmented alike.

Zhao and Bilen, *Dataset Condensation with Differentiable Siamese Augmentation*, ICML 2021.
"""

from __future__ import annotations

from fd2.methods._matching import GRADIENT_SCHEMA, gradient_recipe

LABEL = "DSA"
KIND = "matching"
SETTINGS_SCHEMA = GRADIENT_SCHEMA
recipe = gradient_recipe
