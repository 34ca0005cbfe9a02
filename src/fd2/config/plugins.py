"""Plug-ins are files: the folder listing is the registry.

A file is one plug-in with the file's name, or several: then a table at its top level, called as the
folder in capitals (``BACKBONES``), holds each under its name. The backbones of a library are
plug-ins too, by the library's own names: the file of the library's name makes them.
"""

from __future__ import annotations

import ast
import importlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import fd2
from fd2.config import libraries
from fd2.errors import FD2Error, nearest, shown, suggest

FOLDERS = ("datasets", "backbones", "methods", "regularisers", "figures")
#: Regular expression of what may be a backbone's name, which is a folder's in paths.
BACKBONE = r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)?"


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
    if name in modules:
        module = importlib.import_module(f"fd2.{folder}.{modules[name]}")
        return getattr(module, folder.upper(), {}).get(name, module)
    found = _in_library(folder, name)
    if found is None:
        require(folder, name, folder.rstrip("s"), where or f"src/fd2/{folder}/")
        raise AssertionError(name)  # It was refused.
    module = importlib.import_module(f"fd2.{folder}.{found.package}")
    return module.of_library(name, found.model)


def require(folder: str, name: str, what: str, where: str) -> None:
    """Refuse a name that is no plug-in's, without importing any.

    Args:
        folder: one of `FOLDERS`.
        name: as it was given.
        what: what the name is of, for the error: ``student``.
        where: of the name.

    Raises:
        FD2Error: names the nearest plug-in and all; of the networks of libraries the nearest alone.
    """
    if is_known(folder, name):
        return
    raise FD2Error(f"unknown {what} {shown(name)}", where, known(folder, name))


def is_known(folder: str, name: str) -> bool:
    """Whether a name is a plug-in's."""
    return name in _modules(folder) or _in_library(folder, name) is not None


def known(folder: str, wrong: str) -> str:
    """A sentence with the plug-in that is nearest to a wrong name, and all of the folder."""
    if folder != "backbones":
        return suggest(wrong, names(folder))
    # A slash cannot stand in a path's folder.
    spelt = wrong.replace("/", ".")
    if spelt != wrong and is_known(folder, spelt):
        return f"write '{spelt}'"
    near = nearest(wrong, [*names(folder), *libraries.names()])
    means = f"did you mean '{near}'? " if near else ""
    return (
        f"{means}allowed: {', '.join(names(folder))}, and any convolutional network of torchvision "
        "or timm by its name there; one of your own is a file: CONTRIBUTING.md"
    )


def module(plugin: str) -> str:
    """The module that holds a plug-in: ``backbones.resnet18`` is in ``backbones.torchvision``.

    Args:
        plugin: folder and name, joined by a dot.
    """
    folder, _, name = plugin.partition(".")
    modules = _modules(folder)
    found = None if name in modules else _in_library(folder, name)
    return f"{folder}.{found.package if found else modules.get(name, name)}"


def _in_library(folder: str, name: str) -> libraries.LibraryName | None:
    """The network of a library that a name of the folder means."""
    return libraries.find(name) if folder == "backbones" else None


def _modules(folder: str) -> dict[str, str]:
    """Each plug-in's module by its name."""
    held: dict[str, str] = {}
    for root in fd2.__path__:
        place = f"{root}/{folder}"
        if os.path.isdir(place):
            held |= _listed(place, os.stat(place).st_mtime_ns)
    return held


@cache
def _listed(folder: str, changed: int) -> dict[str, str]:
    """`_modules` of one folder, listed once for each time that a file came or went: ``changed``.

    A plan of hundreds of rows asks for them some hundred thousand times.
    """
    held: dict[str, str] = {}
    for path in Path(folder).glob("[!_]*.py"):
        held |= dict.fromkeys(_held(path, Path(folder).name.upper()), path.stem)
    return held


def _held(path: Path, table: str) -> list[str]:
    """The plug-ins in a file: the keys of its table, or the file's name if it has none."""
    source = path.read_text(encoding="utf-8")
    if f"\n{table} = {{" in source:
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == table:
                assert isinstance(node.value, ast.Dict)
                return [ast.literal_eval(key) for key in node.value.keys if key is not None]
    return [path.stem]
