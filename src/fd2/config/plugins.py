"""Plug-ins are files: the folder listing is the registry.

A file is one plug-in with the file's name, or several: then a table at its top level, called as the
folder in capitals (``BACKBONES``), holds each under its name.
"""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import Any

import fd2
from fd2.errors import FD2Error, suggest

FOLDERS = ("datasets", "backbones", "methods", "regularisers", "figures")


def names(folder: str) -> list[str]:
    """The plug-ins of a folder, sorted, found without importing them.

    Args:
        folder: one of `FOLDERS`.
    """
    return sorted(_modules(folder))


def load(folder: str, name: str, where: str = "") -> Any:
    """Import the plug-in ``name`` of ``folder``.

    Args:
        folder: one of `FOLDERS`.
        name: one of `names`.
        where: where the name was read, for the error.

    Returns:
        The module, or the entry of its table.

    Raises:
        FD2Error: if there is no such plug-in; names the nearest one and all.
    """
    modules = _modules(folder)
    if name not in modules:
        raise FD2Error(
            f"unknown {folder.rstrip('s')} '{name}'",
            where or f"src/fd2/{folder}/",
            suggest(name, sorted(modules)),
        )
    module = importlib.import_module(f"fd2.{folder}.{modules[name]}")
    return getattr(module, folder.upper(), {}).get(name, module)


def module(plugin: str) -> str:
    """The module that holds a plug-in: ``backbones.resnet18`` is in ``backbones.torchvision``.

    Args:
        plugin: folder and name, joined by a dot.
    """
    folder, _, name = plugin.partition(".")
    return f"{folder}.{_modules(folder).get(name, name)}"


def _modules(folder: str) -> dict[str, str]:
    """Each plug-in's module by its name."""
    held: dict[str, str] = {}
    for root in fd2.__path__:
        for path in Path(root, folder).glob("[!_]*.py"):
            changed = path.stat().st_mtime_ns
            held |= dict.fromkeys(_held(path, folder.upper(), changed), path.stem)
    return held


@cache
def _held(path: Path, table: str, changed: int) -> list[str]:
    """The plug-ins in a file: the keys of its table, or the file's name if it has none.

    Read once for each time ``changed`` of the file.
    """
    source = path.read_text(encoding="utf-8")
    if f"\n{table} = {{" in source:
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == table:
                assert isinstance(node.value, ast.Dict)
                return [ast.literal_eval(key) for key in node.value.keys if key is not None]
    return [path.stem]
