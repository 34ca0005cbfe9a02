"""EDF: DATM that leaves out what classes have in common and stresses discriminative areas.

Wang et al., *Emphasizing Discriminative Features for Dataset Distillation in Complex Scenarios*,
CVPR 2025.
"""

from __future__ import annotations

from fd2.methods import _trajectories

LABEL = "EDF"
KIND = "trajectories"
LEARNS = ("labels", "rate")
SETTINGS_SCHEMA = _trajectories.SETTINGS_SCHEMA
recipe = _trajectories.recipe
learns = _trajectories.learns
