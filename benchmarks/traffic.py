"""Arithmetic and least memory traffic of one repetition, for the bound of its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry


class OperandBytes(TorchDispatchMode):
    """Adds up the operands and results of convolutions and matrix products.

    A perfect fusion would read and write each of them once and nothing else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation; count it if it is arithmetic."""
        result = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            leaves = tree_leaves((args, result))
            self.total += sum(leaf.nbytes for leaf in leaves if isinstance(leaf, Tensor))
        return result


def arithmetic_and_traffic(repetition: Callable[[], object]) -> tuple[int, int]:
    """Floating-point operations and bytes of one repetition, forward and backward.

    Args:
        repetition: is called twice.
    """
    with FlopCounterMode(display=False) as counter:
        repetition()
    with OperandBytes() as traffic:
        repetition()
    return counter.get_total_flops(), traffic.total


def bound_seconds(flops: int, moved: int, rate: float, bandwidth: float) -> float:
    """max(operations / arithmetic rate, bytes / bandwidth)."""
    return max(flops / rate, moved / bandwidth)
