"""Read the numbers of cells and teachers, and refuse files that are something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.files import damaged
from fd2.artifacts.records import read_content
from fd2.config.cells import Row
from fd2.config.held_out import TEST_IMAGES, TESTED_ON
from fd2.errors import FD2Error

METRICS = ("top1", "balanced_top1")


@dataclass(frozen=True)
class Result:
    """One result file: accuracies in percent, on which images, and where they come from.

    Attributes:
        path: the file.
        top1, balanced_top1: of a student at its last epoch; of a teacher as it is used.
        epoch: the last epoch.
        protocol: ``paper`` or ``release``.
        initialisation: of the student; None for a teacher or where it was not recorded.
        resolution: in pixels; None where it was not recorded.
        manifest: digest of the prepared data's manifest.
        device_name: the hardware.
        commit, dirty: the source's state; None outside a checkout.
        majority_top1: accuracy of always answering the commonest class; teachers only.
        chosen_on_test: whether distillation uses a teacher checkpoint chosen on test images.
        attention_maps, cal_ratio: M and rho of a teacher with counterfactual attention.
        accuracy: how a teacher's accuracy was counted, see setting ``pretrain.accuracy``.
        tested_on: the test images, or training images that were held out in their place.
        correct: of a student, which of these it gets right: a digit an image, by class, in
            prepared order; None for a teacher or where it was not recorded.
    """

    path: Path
    top1: float
    balanced_top1: float
    epoch: int
    protocol: str
    initialisation: str | None
    resolution: int | None
    manifest: str
    device_name: str
    commit: str | None
    dirty: bool | None
    majority_top1: float | None = None
    chosen_on_test: bool = False
    attention_maps: int | None = None
    cal_ratio: float | None = None
    accuracy: str | None = None
    tested_on: str = TEST_IMAGES
    correct: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Source:
    """A file that should hold one number of a row, and the name it must carry inside.

    Attributes:
        path: the file.
        kind: ``cell`` or ``teacher``.
        identity: the name.
        head: of a teacher, ``backbone``, which labels the distilled images, or ``cal``.
    """

    path: Path
    kind: str
    identity: Mapping[str, Any]
    head: str = "backbone"


def sources(row: Row, seeds: list[int], results: Path) -> list[Source]:
    """The files of a sheet's row: one a seed, or the one teacher of a full-data row.

    Args:
        row: of a sheet.
        seeds: the students' seeds.
        results: the results folder.
    """
    paths = [results / path for path in row.sources(seeds)]
    if row.ipc is None:
        training = paths[0].stem
        identity = {"dataset": row.dataset, "backbone": row.student, "training": training}
        return [Source(paths[0], "teacher", identity)]
    cells = row.cells(seeds)
    return [Source(path, "cell", asdict(cell)) for path, cell in zip(paths, cells, strict=True)]


def read_result(source: Source) -> Result:
    """Read one file.

    Raises:
        FD2Error: if the file is missing or damaged, or holds the numbers of another cell.
    """
    content = read_content(source.path)
    try:
        if content[source.kind] != dict(source.identity):
            raise FD2Error(
                f"holds the numbers of {content[source.kind]}",
                str(source.path),
                "a cell's path is its name: delete the file and run its stage again",
            )
        return _parse(source, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(source.path, f"{type(error).__name__} {error}") from error


def _parse(source: Source, content: Mapping[str, Any]) -> Result:
    result, settings, run = content["result"], content["settings"], content["run"]
    teacher = source.kind == "teacher"
    scores = result["chosen"][source.head] if teacher else result["last"]
    attention = (settings.get("cal") if teacher else None) or {}
    return Result(
        path=source.path,
        top1=float(scores["top1"]),
        balanced_top1=float(scores["balanced_top1"]),
        epoch=int(result["last"]["epoch"]),
        protocol=str(content["protocol"]),
        initialisation=None if teacher else settings.get("initialisation"),
        resolution=content.get("resolution"),
        manifest=str(content["manifest"]),
        device_name=str(run["device_name"]),
        commit=run["commit"],
        dirty=run["dirty"],
        majority_top1=float(result["majority_class_top1"]) if teacher else None,
        chosen_on_test=teacher and result["selected"] == "best_on_test",
        attention_maps=attention.get("attention_maps"),
        cal_ratio=attention.get("cal_ratio"),
        accuracy=settings.get("accuracy") if teacher else None,
        tested_on=str(content.get(TESTED_ON, TEST_IMAGES)),
        correct=None if teacher else _correct(result.get("correct")),
    )


def _correct(recorded: Mapping[str, str] | None) -> Mapping[str, str] | None:
    if recorded is None:
        return None
    if any(not digits or digits.strip("01") for digits in recorded.values()):
        raise ValueError("'correct' has other signs than 0 and 1")
    return dict(recorded)
