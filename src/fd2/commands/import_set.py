"""``fd2 import``: the config and the sheet for a set that others made, and its check."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fd2.artifacts.files import write_text
from fd2.config import plugins
from fd2.config.names import SetName
from fd2.errors import FD2Error, require_known, shown
from fd2.planning.project import DEFAULT_CONFIG, Project, open_project

HELP = "take a set that others made: check it, and write a config and a sheet to test it"
EXAMPLE = "fd2 import sets/rded_ipc10 --dataset imagenette --name rded_theirs"
_NAME = re.compile(r"[a-z0-9][A-Za-z0-9_]{0,70}")
#: Of matching methods, in their code, where a set brings no rate.
_RATE = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "path",
        help="one folder of pictures a class, or these below train/ or images/; a folder of the "
        "Hugging Face hub's parquet files; or a file of tensors, such as images.pt",
    )
    parser.add_argument("--dataset", required=True, help="what it is of, as in the config")
    parser.add_argument("--name", required=True, help="of the variant, its config and its table")
    parser.add_argument("--ipc", type=int, metavar="N", help="images per class")
    parser.add_argument("--labels", metavar="FILE", help="labels of tensors, such as labels.pt")
    what = "soft labels of pictures in FKD's layout: epoch_0/batch_0.tar and so on"
    parser.add_argument("--soft-labels", metavar="FOLDER", help=what)
    parser.add_argument("--rate", metavar="FILE", help="learned rate, such as lr.pt")
    for key in ("mean", "std"):
        what = f"{key} that tensors were normalised with, one a channel"
        parser.add_argument(f"--{key}", type=float, nargs="+", metavar="VALUE", help=what)
    parser.add_argument("--student", metavar="NETWORK", help="what is trained on the images")
    parser.add_argument("--trusted", action="store_true", help="take its order of classes as it is")
    parser.add_argument("--force", action="store_true", help="write over the files of this name")


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Check what can be checked before a run, write the two files, and print what is next.

    Raises:
        FD2Error: for a set that cannot be imported, a faulty name, or files that are there.
    """
    if options:
        raise FD2Error("options of a run", "fd2 import", "leave out what follows --")
    project = open_project(Path.cwd(), arguments.configfile)
    dataset = arguments.dataset
    require_known("dataset", dataset, project.settings.values["datasets"], "--dataset")
    name = _name(arguments.name, project)
    paths = {"config": f"{name}.yaml", "sheet": f"tables/{name}.csv"}
    config = DEFAULT_CONFIG.parent
    there = [str(config / path) for path in paths.values() if (config / path).exists()]
    if there and not arguments.force:
        fix = "choose another --name, or add --force to write anew"
        raise FD2Error("already there", ", ".join(there), fix)
    own: dict[str, Any] = {
        key: _absolute(getattr(arguments, key)) for key in ("path", "labels", "rate", "soft_labels")
    }
    own |= {key: getattr(arguments, key) for key in ("mean", "std")}
    own["trusted"] = arguments.trusted or None
    own = {key: value for key, value in own.items() if value is not None}
    # They load torch, for which a faulty name does not wait.
    from fd2.planning.first_config import require_accepted, written
    from fd2.planning.imported import look_at, usual_student

    base = project.settings.method_settings(SetName(dataset, "imported", "plain", "base"))
    # Progress belongs to the log, not into what import prints.
    with contextlib.redirect_stdout(sys.stderr):
        found = look_at(project, dataset, {**base, **own}, arguments.ipc, "fd2 import")
    network = "convnet" if found.kind == "tensors" else found.teacher
    student = arguments.student or usual_student(project, dataset) or network
    plugins.require("backbones", student, "student", "--student")
    learned = {"labels": found.soft, "learning_rate": found.rate}
    students: dict[str, Any] = {"labels": "hard", "learning_rate": _RATE}
    students |= {key: "learned" for key, there in learned.items() if there}
    stored = project.settings.values["evaluate"]["epochs"]
    values = {
        "epochs": min(stored, found.epochs) if found.epochs else None,
        **{"name": name, "dataset": dataset, "own": own, "found": found, "student": student},
        "after": [Path(path).name for path in arguments.configfile],
        "students": json.dumps({"protocol": "direct", **students, "weight_decay": 5e-4}),
        "written": [str(config / path) for path in paths.values()],
        "configfiles": [*arguments.configfile, str(config / paths["config"])],
    }
    templates = {"config": "import.yaml.j2", "sheet": "import.csv.j2"}
    files = {path: written(templates[kind], values) for kind, path in paths.items()}
    require_accepted(config, name, files, [Path(path) for path in arguments.configfile])
    for path, text in files.items():
        write_text(config / path, text)
    plain = {**values, "found": vars(found)}
    print(json.dumps(plain) if arguments.json else written("imported.j2", values), flush=True)
    return 0


def _absolute(text: str | None) -> str | None:
    return None if text is None else str(Path(text).expanduser().absolute())


def _name(name: str, project: Project) -> str:
    if not _NAME.fullmatch(name):
        fix = "letters, digits and _, at most 71; it begins with a small letter or a digit"
        raise FD2Error(f"{shown(name)} is no name of a variant", "--name", fix)
    if name in ("base", *project.settings.variants()):
        raise FD2Error(f"{shown(name)} is a variant already", "--name", "choose another")
    return name
