"""``fd2 init``: the config and the sheet for a folder of images."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fd2.artifacts.files import write_text
from fd2.artifacts.remarks import sentences
from fd2.config.pathvars import filled_in
from fd2.config.texts import read_text
from fd2.config.yaml_reader import read_yaml
from fd2.errors import FD2Error, shown
from fd2.planning.project import DEFAULT_CONFIG, require_workflow
from fd2.runtime.device import DEVICES, planned_device
from fd2.runtime.threads import usable_cores

HELP = "look at every picture of a folder, and write a config and a sheet that suit it"
EXAMPLE = "fd2 init photos/birds --name birds"
#: In the first line of each file that it writes.
_MARK = "Written by fd2 init."
_NAME = re.compile(r"[A-Za-z0-9_]{1,80}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "folder",
        help="one folder a class, or these below train/ and test/; a csv file with the columns "
        "path,label and perhaps split; or a folder of Hugging Face: parquet files, what "
        "save_to_disk wrote, or pictures with metadata.csv or metadata.jsonl",
    )
    parser.add_argument("--name", help="of the dataset, its config and its table")
    parser.add_argument("--ipc", type=_positive, metavar="N", help="images per class")
    parser.add_argument("--resolution", type=_positive, metavar="PIXELS", help="height and width")
    parser.add_argument("--student", metavar="NETWORK", help="what is trained on the images")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="budgets are for it")
    parser.add_argument("--force", action="store_true", help="write over the files of this name")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Write the two files, and print what was found and what to do next.

    Raises:
        FD2Error: for pictures that cannot be a dataset, a faulty name, or files that are there.
    """
    if options or arguments.configfile:
        fix = "leave out --configfile, and what follows --"
        raise FD2Error("options of a run", "fd2 init", fix)
    require_workflow(Path.cwd())
    source = _source(arguments.folder)
    name = _name(arguments.name, source)
    paths = {"config": f"{name}.yaml", "sheet": f"tables/{name}.csv"}
    config = DEFAULT_CONFIG.parent
    there = [config / path for path in paths.values() if (config / path).exists()]
    _require_replaceable(there, forced=arguments.force)
    # They load numpy and Pillow, for which a faulty name does not wait.
    from fd2.planning.first_config import Wanted, choices, require_accepted, written
    from fd2.planning.linked_images import is_table, link_images
    from fd2.planning.own_images import look_at

    folder = source
    if is_table(source):
        resources = read_yaml(DEFAULT_CONFIG)["pathvars"]["resources"]
        folder = link_images(source, filled_in(resources, "fd2 init").resolve() / "own" / name)
    # Progress belongs to the log, not into what init prints.
    with contextlib.redirect_stdout(sys.stderr):
        images = look_at(folder, usable_cores())
    gpu = planned_device(arguments.device) == "cuda"
    asked = {key: getattr(arguments, key) for key in ("device", "ipc", "resolution", "student")}
    values = choices(images, Wanted(name=name, gpu=gpu, **asked))
    files = {path: written(f"{kind}.j2", values) for kind, path in paths.items()}
    require_accepted(config, name, files)
    replaced = _replaced(there, {config / path: text for path, text in files.items()})
    for path, text in files.items():
        write_text(config / path, text)
    found = {
        **values,
        "told": sentences(images.told),
        "shared": images.shared and str(images.shared),
        "move": _move(list(images.broken), folder.with_name(f"{folder.name}_broken")),
        "written": [str(config / path) for path in files],
        "replaced": replaced,
    }
    print(_json(found) if arguments.json else written("found.j2", found), flush=True)
    return 0


def _require_replaceable(there: Sequence[Path], *, forced: bool) -> None:
    """Refuse to write over files; with ``forced``, only over those that are not this command's.

    Raises:
        FD2Error: names them.
    """
    foreign = [path for path in there if _MARK not in read_text(path).partition("\n")[0]]
    if foreign:
        fix = "choose another --name; where the file is your own, move it away"
        raise FD2Error("not written by fd2 init", ", ".join(map(str, foreign)), fix)
    if there and not forced:
        fix = "choose another --name, or add --force to write anew"
        raise FD2Error("already there", ", ".join(map(str, there)), fix)


def _replaced(there: Sequence[Path], texts: Mapping[Path, str]) -> dict[str, list[str]]:
    """The lines that go (-) and come (+) by file; such a file is kept beside as ``.old``."""
    replaced = {}
    for path in there:
        before = read_text(path)
        lines = difflib.unified_diff(before.splitlines(), texts[path].splitlines(), n=0)
        changed = [line for line in list(lines)[2:] if not line.startswith("@@")]
        if changed:
            write_text(path.with_name(f"{path.name}.old"), before)
            replaced[str(path)] = changed
    return replaced


def _move(files: Sequence[Path], folder: Path) -> str:
    """The command that takes files out of the way."""
    target, *quoted = (shlex.quote(str(path)) for path in (folder, *files))
    return f"mkdir -p {target} && mv --backup=numbered -t {target} {' '.join(quoted)}"


def _source(text: str) -> Path:
    path = Path(text).expanduser().resolve()
    if not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".csv"):
        what = f"'{path}' is a file" if path.exists() else f"no such folder: {path}"
        fix = "name the folder that holds one folder a class, or a csv file of paths and labels"
        raise FD2Error(what, "fd2 init", fix)
    if filled_in(str(path), "fd2 init") != path or not str(path).isprintable():
        what = "a path that a config would read otherwise"
        raise FD2Error(what, shown(str(path)), "rename the folder: no $, no control characters")
    return path


def _name(given: str | None, source: Path) -> str:
    """The dataset's name: the given one, or the source's, with _ for what a name cannot have."""
    stem = source.stem if source.is_file() else source.name
    name = given or re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_").lower()[:80]
    if not _NAME.fullmatch(name):
        fix = "give --name, of letters, digits and _, at most 80"
        raise FD2Error(f"{shown(name)} is no name of a dataset", "--name", fix)
    if name.casefold() in map(str.casefold, read_yaml(DEFAULT_CONFIG)["datasets"]):
        fix = "choose another --name"
        raise FD2Error(f"{shown(name)} is a dataset of {DEFAULT_CONFIG}", "--name", fix)
    return name


def _json(values: dict[str, Any]) -> str:
    images = values["images"]
    found = {
        **{"classes": images.counts, "told": values["told"], "shared": values["shared"]},
        "broken": {str(path): reason for path, reason in images.broken.items()},
    }
    chosen = {key: values[key] for key in ("name", "ipc", "resolution", "student", "teacher")}
    budget = asdict(values["budget"])
    written = {key: values[key] for key in ("written", "replaced")}
    return json.dumps({**chosen, "steps": budget, **found, **written}, indent=1)
