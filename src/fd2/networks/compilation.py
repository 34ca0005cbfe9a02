"""Forward passes through ``torch.compile``, and the compiler that it needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import torch
import torch.compiler.config
from torch import Tensor

from fd2.errors import FD2Error

#: A compiled function for each teacher, image size, batch size and mode; torch gives up after 8.
_SPECIALISATIONS = 64


def compiled(
    features: Callable[[Tensor], Tensor], mode: str, device: torch.device, setting: str
) -> Callable[[Tensor], Tensor]:
    """A network's feature extractor, most of its work, as the training loops call it.

    The network itself stays as it is: names of weights, hooks and other calls do not change. Every
    shape gets kernels of its own when it first comes; loops have few shapes. The mode ``none``
    returns ``features`` itself; others are those of ``torch.compile``, and ``setting`` names them
    in the config.

    Raises:
        FD2Error: if the mode needs a compiler that this machine lacks.
    """
    if mode == "none":
        return features
    require_compiler(mode, device, setting)
    limit = torch.compiler.config.recompile_limit
    torch.compiler.config.recompile_limit = max(limit, _SPECIALISATIONS)
    fast: Callable[[Tensor], Tensor] = torch.compile(features, mode=mode, dynamic=False)
    return fast


def require_compiler(mode: str, device: torch.device, setting: str) -> None:
    """Refuse to compile networks without a compiler.

    Kernels for a CPU are C++; those for a GPU are Triton's, whose launchers are C.

    Raises:
        FD2Error: names what was looked for.
    """
    on_cpu = device.type == "cpu"
    variable, language = ("CXX", "C++") if on_cpu else ("CC", "C")
    usual = ["g++"] if on_cpu else ["gcc", "clang"]
    named = os.environ.get(variable)
    wanted = [named] if named else usual
    if not any(shutil.which(name) for name in wanted):
        raise FD2Error(
            f"no {language} compiler: {' or '.join(wanted)} is not found",
            f"setting '{setting}' is '{mode}'",
            f"install one, name it in the variable {variable}, or set '{setting}: none'",
        )
