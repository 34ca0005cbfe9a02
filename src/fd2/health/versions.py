"""Installed versions against the bounds of the project."""

from __future__ import annotations

import locale
import platform
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from fd2.health import Finding


def check_versions(pyproject: Path) -> Iterator[Finding]:
    """Python and every dependency; an optional one counts only where it is installed.

    Args:
        pyproject: holds the bounds.
    """
    if not pyproject.is_file():
        yield Finding("bounds", f"no {pyproject}", "run fd2 from a checkout, pip install -e .")
        return
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted, found = SpecifierSet(project["requires-python"]), platform.python_version()
    fix = None if wanted.contains(found, prereleases=True) else f"use Python {wanted}"
    yield Finding("python", f"{found}, wanted {wanted}", fix)
    for text in project["dependencies"]:
        yield _package(Requirement(text), optional=False)
    for group, texts in project.get("optional-dependencies", {}).items():
        for text in texts:
            finding = _package(Requirement(text), optional=True)
            if group != "dev" or not finding.ok:
                yield finding


def _package(requirement: Requirement, *, optional: bool) -> Finding:
    name, wanted = requirement.name, requirement.specifier
    install = f"pip install '{requirement}'"
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(
            name,
            "not installed" + (", optional" if optional else ""),
            None if optional else install,
        )
    if wanted.contains(found, prereleases=True):
        return Finding(name, found)
    return Finding(name, f"{found}, wanted {wanted}", install)


def check_encoding() -> Finding:
    """Text files are written in the encoding of the locale, and hold names such as SRe²L."""
    found = locale.getpreferredencoding(False)
    if found.lower().replace("-", "") == "utf8":
        return Finding("locale", found)
    return Finding("locale", f"{found}, not UTF-8", "export LC_ALL=C.UTF-8, or PYTHONUTF8=1")
