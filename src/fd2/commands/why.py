"""``fd2 why``: where an artefact comes from, and whether its inputs are still the same."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fd2.errors import FD2Error
from fd2.lineage import Origin, origin
from fd2.planning.jobs import summary
from fd2.planning.project import Project, open_project

HELP = "where an artefact comes from: settings, inputs, versions, when, on what device"
EXAMPLE = "fd2 why results/distilled/elpv/sre2lpp/fd2/base/ipc5.safetensors --all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("path", help="a file below the results folder")
    parser.add_argument("--all", action="store_true", help="also its inputs, and theirs")


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Print the origin.

    Returns:
        0, or 1 if an input is gone or changed since.

    Raises:
        FD2Error: if the file is missing, damaged, or not this workflow's.
    """
    project = open_project(Path.cwd(), arguments.configfile)
    path = Path(arguments.path)
    found = origin(project.path("results"), path)
    if found is None:
        return _by_snakemake(project, path, options, as_json=arguments.json)
    tree = _tree(project.path("results"), found, set()) if arguments.all else {}
    if arguments.json:
        print(json.dumps(_plain(found, tree), indent=1, default=str))
    else:
        print("\n".join(_lines(found)))
        if arguments.all:
            print("\n".join(["", "inputs and theirs:", *_branches(found, tree, "  ")]))
    every = [found, *tree.values()]
    return 1 if any(one.faults for one in every) else 0


def _tree(results: Path, found: Origin, seen: set[Path]) -> dict[Path, Origin]:
    """Origins of all inputs, by path."""
    tree: dict[Path, Origin] = {}
    for one in found.inputs:
        if one.path is None or one.path in seen:
            continue
        seen.add(one.path)
        below = origin(results, one.path)
        if below is not None:
            tree[one.path] = below
            tree |= _tree(results, below, seen)
    return tree


def _plain(found: Origin, tree: dict[Path, Origin]) -> dict[str, Any]:
    """As JSON has it; inputs hold their own origins where ``tree`` has them."""
    inputs = []
    for one in found.inputs:
        entry: dict[str, Any] = {"role": one.role, "sha256": one.digest, "same": one.same}
        entry |= {"path": one.path, "looked_at": one.looked_at}
        if one.path in tree:
            entry["origin"] = _plain(tree[one.path], tree)
        inputs.append(entry)
    return {**asdict(found), "inputs": inputs}


def _lines(found: Origin) -> Iterator[str]:
    yield str(found.path)
    yield f"  stage     {found.stage}"
    yield from _run_lines(found.run)
    if found.manifest is not None:
        same = "as it lies here" if found.manifest == found.manifest_now else "CHANGED"
        yield f"  data      manifest {found.manifest[:12]}, {same}"
    for one in found.inputs:
        state = f"{one.path}, unchanged" if one.same else "GONE OR CHANGED"
        if not one.same and one.looked_at:
            state += ", looked at " + ", ".join(str(path) for path in one.looked_at)
        yield f"  input     {one.role} {one.digest[:12]}: {state}"
    for key, value in found.settings.items():
        yield f"  setting   {key}: {json.dumps(value)}"
    yield from (f"  FAULT     {fault}" for fault in found.faults)


def _run_lines(run: dict[str, Any] | None) -> Iterator[str]:
    if run is None:
        yield "  run       no record beside it"
        return
    yield f"  run       {run['started']} to {run['finished']}, {run['seconds']} s"
    yield f"  device    {run['device']} ({run['device_name']}), {run['threads']} threads"
    peaks = ", ".join(f"{kind} {value} MiB" for kind, value in run["peak_memory_mb"].items())
    yield f"  memory    at most {peaks}"
    dirty = {True: ", files differed from it", False: "", None: ""}[run["dirty"]]
    yield f"  commit    {run['commit'] or 'none: not a checkout'}{dirty}"
    yield "  versions  " + ", ".join(f"{name} {found}" for name, found in run["versions"].items())
    yield f"  host      {run['host']}"


def _branches(found: Origin, tree: dict[Path, Origin], indent: str) -> Iterator[str]:
    for one in found.inputs:
        if one.path is None:
            yield f"{indent}{one.role}: GONE OR CHANGED ({one.digest[:12]})"
            continue
        below = tree.get(one.path)
        run = below.run if below is not None else None
        made = f", made {run['finished']} on {run['device_name']}" if run else ""
        yield f"{indent}{one.role}: {one.path} ({one.digest[:12]}){made}"
        if below is not None:
            yield from (f"{indent}  FAULT {fault}" for fault in below.faults)
            yield from _branches(below, tree, indent + "  ")


def _by_snakemake(project: Project, path: Path, options: Sequence[str], *, as_json: bool) -> int:
    """What Snakemake has noted of a file that carries no record: a table or a picture."""
    rows = summary(project, [str(path)], options, detailed=True)
    row = next((row for row in rows if Path(row["output_file"]) == path), None)
    if row is None:
        raise FD2Error("Snakemake made no such file", str(path), "give its path as in a target")
    inputs = [] if row["input-file(s)"] == "-" else row["input-file(s)"].split(",")
    changed = row["plan"] == "update pending"
    if as_json:
        facts = {"path": str(path), "rule": row["rule"], "made": row["date"], "inputs": inputs}
        print(json.dumps({**facts, "status": row["status"], "outdated": changed}, indent=1))
    else:
        sources = [name for name in inputs if name.endswith(".py")]
        print(f"{path}\n  rule      {row['rule']}\n  made      {row['date']}")
        for name in inputs:
            if name not in sources:
                print(f"  input     {name}")
        print(f"  sources   {len(sources)} files of src/ and workflow/")
        print(
            f"  status    {row['status']}, " + ("it would be made anew" if changed else "no update")
        )
        print("  ask for an input to see its settings, digests and versions")
    return 1 if changed else 0
