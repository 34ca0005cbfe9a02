"""How far a student's parameters end from an expert's.

Sources: MTT, Cazenavette et al., CVPR 2022, equation 2; EDF, Wang et al., *Emphasizing
Discriminative Features for Dataset Distillation in Complex Scenarios*, CVPR 2025, equation 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrajectoryDistance:
    """Squared distance of the end from the expert's, as a share of the way that the expert went.

    Attributes:
        start: the expert's parameters at the start epoch, ``[P]``.
        target: those some epochs later, ``[P]``.
        dropped_share: of the parameters, those with the smallest squared distance, that count
            neither in the distance nor in the expert's way; in [0, 1). EDF's common pattern
            dropout α; 0 for MTT and DATM.
    """

    start: Tensor
    target: Tensor
    dropped_share: float = 0.0

    def __call__(self, end: Tensor) -> Tensor:
        """The distance of the student's last parameters ``[P]``; differentiable."""
        kept = self._kept(end.detach())
        way = ((self.start - self.target).square() * kept).sum()
        return ((end - self.target).square() * kept).sum() / way

    def _kept(self, end: Tensor) -> Tensor:
        """1 where a parameter counts, else 0; of equal distances any may be dropped."""
        kept = torch.ones_like(end)
        count = int(self.dropped_share * len(end))
        if count:
            smallest = (end - self.target).square().topk(count, largest=False, sorted=False)
            kept[smallest.indices] = 0
        return kept
