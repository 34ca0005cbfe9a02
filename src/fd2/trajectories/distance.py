"""How far a student's parameters end from an expert's, and which parameters count.

Sources: MTT, Cazenavette et al., CVPR 2022, equation 2; EDF, Wang et al., *Emphasizing
Discriminative Features for Dataset Distillation in Complex Scenarios*, CVPR 2025, equation 2 and
table 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Criteria by a parameter's own squared distance: what has the least, EDF's, or the most is
#: dropped.
BY_LOSS = ("smallest", "largest")


@dataclass(frozen=True)
class TrajectoryDistance:
    """Squared distance of the end from the expert's, as a share of the way that the expert went.

    Attributes:
        start: the expert's parameters at the start epoch, ``[P]``.
        target: those some epochs later, ``[P]``.
        dropped_share: of the parameters, those that count neither in the distance nor in the
            expert's way; in [0, 1). EDF's common pattern dropout α; 0 for MTT and DATM.
        dropped: one of `BY_LOSS`, or positions of parameters, which then are the dropped ones.
    """

    start: Tensor
    target: Tensor
    dropped_share: float = 0.0
    dropped: str | Tensor = "smallest"

    def __call__(self, end: Tensor) -> Tensor:
        """The distance of the student's last parameters ``[P]``; differentiable."""
        kept = self._kept(end.detach())
        way = ((self.start - self.target).square() * kept).sum()
        return ((end - self.target).square() * kept).sum() / way

    def _kept(self, end: Tensor) -> Tensor:
        """1 where a parameter counts, else 0; of equal distances any may be dropped."""
        kept = torch.ones_like(end)
        if isinstance(self.dropped, Tensor):
            kept[self.dropped] = 0
        elif count := int(self.dropped_share * len(end)):
            largest = self.dropped == "largest"
            found = (end - self.target).square().topk(count, largest=largest, sorted=False)
            kept[found.indices] = 0
        return kept


def dropped_positions(
    criterion: str, share: float, sizes: Sequence[int], generator: torch.Generator
) -> Tensor:
    """Positions of the parameters that a criterion drops, whatever their distances.

    Args:
        criterion: ``random`` among all; ``uniform``: at random the same share of each tensor;
            ``first``, ``middle`` or ``last``: in the network's order.
        share: of the parameters, in [0, 1).
        sizes: of the network's tensors of parameters, in its order; P in all.
        generator: on the CPU.

    Returns:
        int64 on the CPU: ⌊share · P⌋ of them, or with ``uniform`` ⌊share · size⌋ of each tensor.
    """
    total = sum(sizes)
    count = int(share * total)
    if criterion == "random":
        return torch.randperm(total, generator=generator)[:count]
    if criterion == "uniform":
        ends = torch.tensor(sizes).cumsum(0).tolist()
        chosen = [
            end - size + torch.randperm(size, generator=generator)[: int(share * size)]
            for size, end in zip(sizes, ends, strict=True)
        ]
        return torch.cat(chosen)
    begin = {"first": 0, "middle": (total - count) // 2, "last": total - count}[criterion]
    return torch.arange(begin, begin + count)
