"""DATM: MTT with learned labels, from a range of start epochs that slides from easy to hard.

Guo et al., *Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching*, ICLR
2024.
"""

from __future__ import annotations

from fd2.methods import _trajectories

LABEL = "DATM"
KIND = "trajectories"
LEARNS = ("labels", "rate")
SETTINGS_SCHEMA = _trajectories.SETTINGS_SCHEMA
recipe = _trajectories.recipe
learns = _trajectories.learns
