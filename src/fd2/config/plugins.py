"""Plug-ins are files: the folder listing is the registry."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import fd2
from fd2.errors import FD2Error, suggest

FOLDERS = ("datasets", "backbones", "methods", "regularisers", "figures")


def names(folder: str) -> list[str]:
    """The plug-ins of a folder, sorted, found without importing them.

    Args:
        folder: one of `FOLDERS`.
    """
    paths = [f"{root}/{folder}" for root in fd2.__path__]
    return sorted(m.name for m in pkgutil.iter_modules(paths) if not m.name.startswith("_"))


def load(folder: str, name: str, where: str = "") -> ModuleType:
    """Import the plug-in ``name`` of ``folder``.

    Args:
        folder: one of `FOLDERS`.
        name: the plug-in's file name without ``.py``.
        where: where the name was read, for the error.

    Raises:
        FD2Error: if there is no such file; names the nearest one and all.
    """
    if name not in names(folder):
        raise FD2Error(
            f"unknown {folder.rstrip('s')} '{name}'",
            where or f"src/fd2/{folder}/",
            suggest(name, names(folder)),
        )
    return importlib.import_module(f"fd2.{folder}.{name}")
