"""fd2: fine-grained dataset distillation as a library of stages, and `load` for what they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fd2.loading import load as load

__version__ = "0.1.0"
__all__ = ["load"]


def __getattr__(name: str) -> object:
    """Import `load` when it is first asked for: it needs torch, which few commands do."""
    if name == "load":
        from fd2.loading import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
