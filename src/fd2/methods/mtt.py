"""MTT: students trained on the images end where experts' training on real data ended.

Cazenavette et al., *Dataset Distillation by Matching Training Trajectories*, CVPR 2022.
"""

from __future__ import annotations

from fd2.methods import _trajectories

LABEL = "MTT"
KIND = "trajectories"
LEARNS = ("labels", "rate")
SETTINGS_SCHEMA = _trajectories.SETTINGS_SCHEMA
recipe = _trajectories.recipe
learns = _trajectories.learns
