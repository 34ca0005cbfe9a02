"""Which source files a stage's result depends on: its imports, followed inside the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import fd2
from fd2.config import plugins

PACKAGE = Path(fd2.__path__[0])
#: Imported by every stage and stamped into provenance instead: an edit of the log or the file
#: format must not retrain every teacher. What is downloaded is told by its digest.
UNTRACKED = ("artifacts", "runtime", "downloads", "config", "errors")


def stage_sources(stage: str, plugin_modules: tuple[str, ...] = ()) -> list[Path]:
    """Source files whose edit must rerun ``stage``, sorted.

    Args:
        stage: a module of ``fd2.stages``.
        plugin_modules: the plug-ins this job uses, e.g. ``methods.sre2lpp``; see `plugins.module`.

    Returns:
        Absolute paths: the stage's module, all it imports from the package (also inside
        functions) except `UNTRACKED`, and the named plug-ins with their own imports.
    """
    todo = [f"stages.{stage}", *(plugins.module(plugin) for plugin in plugin_modules)]
    found: set[str] = set()
    while todo:
        module = todo.pop()
        if module in found or module.split(".")[0] in UNTRACKED:
            continue
        if _file(module) is not None:
            found.add(module)
            todo.extend(imports(module))
    return sorted(path for module in found if (path := _file(module)) is not None)


@cache
def imports(module: str) -> tuple[str, ...]:
    """Modules of the package that ``module`` (named below ``fd2.``) imports for more than types."""
    path = _file(module)
    if path is None:
        return ()
    names: set[str] = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    inside = {name.removeprefix("fd2.") for name in names if name.startswith("fd2.")}
    return tuple(sorted(name for name in inside if _file(name) is not None))


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Every statement, also inside others; expressions, which import nothing, are not walked."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, block, []))


@cache
def _file(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None
