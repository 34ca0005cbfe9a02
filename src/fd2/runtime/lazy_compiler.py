"""PyTorch's compiler, imported only by the jobs that compile.

An optimiser's step and torchvision's detection operators import ``torch._dynamo``, which takes
about as long as the rest of PyTorch, and outside of compiled code use nothing of it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

PACKAGE = "torch._dynamo"
UTILITIES = f"{PACKAGE}.utils"


class _Later(ModuleType):
    """Has what eager code calls; anything else that is asked of it imports the real module."""

    def __getattr__(self, name: str) -> Any:
        # Python looks for such names in all modules; to import from a package it needs the path.
        if name.startswith("__") and (self.__name__, name) != (PACKAGE, "__path__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(_real(self.__name__), name)


def import_compiler_late() -> None:
    """Put stand-ins in the compiler's place, if it is not imported yet."""
    if PACKAGE in sys.modules:
        return
    package, utilities = _Later(PACKAGE), _Later(UTILITIES)
    vars(package).update(graph_break=_nothing, disable=_as_it_is)
    vars(utilities).update(is_compile_supported=_is_compile_supported)
    sys.modules.update({PACKAGE: package, UTILITIES: utilities})


def _real(name: str) -> ModuleType:
    for stand_in in (PACKAGE, UTILITIES):
        if isinstance(sys.modules.get(stand_in), _Later):
            del sys.modules[stand_in]
    return importlib.import_module(name)


def _nothing(msg: str = "") -> None:
    """Outside of compiled code there is no graph to break."""


def _as_it_is(
    fn: Callable[..., Any],
    recursive: bool = True,
    *,
    reason: str | None = None,
    wrapping: bool = True,
) -> Callable[..., Any]:
    """Outside of compiled code nothing is to be kept from being compiled."""
    return fn


def _is_compile_supported(device_type: str) -> Any:
    return _real(UTILITIES).is_compile_supported(device_type)
