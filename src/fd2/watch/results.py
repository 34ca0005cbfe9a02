"""What a job that ended has made, in words: from its record, by the templates in workflow/run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.artifacts.manifests import SPLITS, read_manifest
from fd2.artifacts.records import read_record
from fd2.planning.jobs import RuleJob
from fd2.planning.project import Project
from fd2.report.escapes import one_line, text_templates
from fd2.watch.jobs import WatchedJob

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).resolve().parents[3] / "workflow" / "run"
#: Lines of a log that are shown of an error that has no words of its own.
_LAST_LINES = 8
#: What the message of a fault begins with in a log.
ERROR = "error: "
#: Fields of names, which the templates ask for.
_FIELDS = (
    *("dataset", "method", "fd2", "variant", "ipc", "group", "student", "seed"),
    *("backbone", "training", "kind", "table", "figure", "number", "steps"),
    *("scenes", "annotator", "detector"),
)
#: Rules whose records tell what a job is worth.
_TOLD = (
    "pretrain",
    "train_expert",
    "evaluate",
    "match",
    "match_trajectories",
    "assemble",
    "select_images",
    "learn_continually",
    "learn_continually_real",
    "train_detector",
    "train_detector_real",
)
#: Those that are named only where the run has several.
_OPTIONAL = ("dataset", "student")


class Words:
    """Names, results and ends of jobs for readers.

    Args:
        project: the workflow.
        jobs: of the run; what all have in common is left out of their names.
    """

    def __init__(self, project: Project, jobs: Iterable[WatchedJob]) -> None:
        self._project = project
        fields = [one.fields for job in jobs for one in job.made]
        found = {key: {f[key] for f in fields if key in f} for key in _OPTIONAL}
        self._common = {key for key, values in found.items() if len(values) < 2}

    @cached_property
    def _templates(self) -> Environment:
        return text_templates(TEMPLATES)

    def write(self, template: str, **values: Any) -> str:
        """A text of `TEMPLATES`."""
        return self._templates.get_template(f"{template}.j2").render(values).strip("\n")

    def name(self, job: WatchedJob) -> str:
        """What a job is about, such as ``student random ipc5 seed 0``."""
        return self._name(job.made[0], job.fields)

    def results(self, job: WatchedJob) -> list[str]:
        """A line for each thing that a job made: its name, and what it is worth where that is told.

        Raises:
            FD2Error: if a record is damaged.
        """
        lines = []
        for one in job.made:
            told = self.write("result", rule=one.rule, **self._worth(one))
            name = self._name(one, one.fields)
            lines.append(f"{name}: {one_line(told)}" if told else name)
        return lines

    def _name(self, one: RuleJob, fields: Mapping[str, str]) -> str:
        fields = dict.fromkeys(_FIELDS, "") | dict(fields)
        shown = {key: "" if key in self._common else value for key, value in fields.items()}
        name = self.write("name", rule=one.rule, job=one.name, fields=fields, shown=shown)
        return one_line(name)

    def _worth(self, one: RuleJob) -> dict[str, Any]:
        """What the template may tell of a job."""
        if one.rule == "prepare":
            path = next(path for path in one.outputs if path.endswith("manifest.json"))
            manifest = read_manifest(self._project.folder / path)
            counts = {split: len(manifest.files[split]) for split in SPLITS}
            return {"classes": len(manifest.classes), **counts}
        records = [path for path in one.outputs if path.endswith(".json")]
        if one.rule in _TOLD and records:
            record = read_record(self._project.folder / records[0])
            return {"result": record.result, "content": record.content}
        return {"outputs": one.outputs}


def error_in(logs: Iterable[Path]) -> list[str]:
    """The error that a job's logs end with, as lines; of one without words, the last lines."""
    for log in logs:
        if log.is_file():
            text = log.read_text(encoding="utf-8", errors="replace")
            at = text.rfind(f"\n{ERROR}") + 1 or (0 if text.startswith(ERROR) else -1)
            lines = (text[at:] if at >= 0 else text).strip().splitlines()
            return lines if at >= 0 else lines[-_LAST_LINES:]
    return []
