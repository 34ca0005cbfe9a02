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

from fd2.config.code import PACKAGE
from fd2.health import Finding

PYPROJECT = PACKAGE.parents[1] / "pyproject.toml"


def check_versions(pyproject: Path = PYPROJECT) -> Iterator[Finding]:
    """Python and every dependency; an optional one counts only where it is installed."""
    if not pyproject.is_file():
        yield Finding("bounds", f"no {pyproject}", "run fd2 from a checkout, pip install -e .")
        return
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    bounds, installed = SpecifierSet(project["requires-python"]), platform.python_version()
    fix = None if bounds.contains(installed, prereleases=True) else f"use Python {bounds}"
    yield Finding("python", f"{installed}, wanted {bounds}", fix)
    for text in project["dependencies"]:
        yield _package(Requirement(text), optional=False)
    for group, texts in project.get("optional-dependencies", {}).items():
        for text in texts:
            finding = _package(Requirement(text), optional=True)
            if group != "dev" or not finding.ok:
                yield finding


def _package(requirement: Requirement, *, optional: bool) -> Finding:
    name, bounds = requirement.name, requirement.specifier
    install = f"pip install '{requirement}'"
    try:
        installed = version(name)
    except PackageNotFoundError:
        if optional:
            return Finding(name, "not installed, optional")
        return Finding(name, "not installed", install)
    if bounds.contains(installed, prereleases=True):
        return Finding(name, installed)
    return Finding(name, f"{installed}, wanted {bounds}", install)


def check_encoding() -> Finding:
    """Text files are written in the encoding of the locale, and hold names such as SRe²L."""
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") == "utf8":
        return Finding("locale", encoding)
    return Finding("locale", f"{encoding}, not UTF-8", "export LC_ALL=C.UTF-8, or PYTHONUTF8=1")


def check_commit() -> Finding:
    """The commit that records will name; none where git does not read the checkout."""
    # It imports NumPy: a broken installation shows in the versions.
    from fd2.artifacts.provenance import source_commit

    facts, unknown = source_commit()
    if unknown is None:
        changed = ", files differ from it" if facts["dirty"] else ""
        return Finding("commit", f"{facts['commit']}{changed}")
    told = f"none, and none in the records of a run: {unknown}"
    if "dubious ownership" not in unknown:
        return Finding("commit", told)
    return Finding(
        "commit", told, f"git config --global --add safe.directory {PACKAGE.resolve().parents[1]}"
    )
