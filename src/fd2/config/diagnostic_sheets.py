"""The third kind of sheet: sets of images, each seen through a network; and their artefacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fd2.config.cells import FULL_DATA, sheet_header, sheet_lines
from fd2.errors import FD2Error

DIAGNOSTIC_COLUMNS = ("dataset", "method", "fd2", "variant", "ipc", "backbone", "training")


@dataclass(frozen=True)
class Diagnosis:
    """One set seen through one network.

    Attributes:
        dataset, method, fd2, variant: of the set; ``method`` may be ``full``, all real training
            images, plain and of the variant base.
        ipc: images per class; None for ``full``.
        backbone, training: the network, a teacher.
    """

    dataset: str
    method: str
    fd2: str
    variant: str
    ipc: int | None
    backbone: str
    training: str

    def path(self, suffix: str) -> str:
        """The artefact's path below the results folder; the suffix is json or safetensors."""
        network = f"{self.backbone}/{self.training}.{suffix}"
        if self.ipc is None:
            return f"diagnostics/{self.dataset}/{FULL_DATA}/{network}"
        cell = f"{self.method}/{self.fd2}/{self.variant}/ipc{self.ipc}"
        return f"diagnostics/{self.dataset}/{cell}/{network}"


def is_diagnostic_sheet(path: Path) -> bool:
    """Whether a sheet's header is `DIAGNOSTIC_COLUMNS`.

    Raises:
        FD2Error: if there is no such sheet.
    """
    return sheet_header(path) == DIAGNOSTIC_COLUMNS


def read_diagnostic_sheet(path: Path) -> list[Diagnosis]:
    """Read a sheet of diagnoses.

    Raises:
        FD2Error: a missing file or column, or a value that cannot be read, with the line.
    """
    return [_diagnosis(values, where) for where, values in sheet_lines(path, DIAGNOSTIC_COLUMNS)]


def _diagnosis(values: Mapping[str, str], where: str) -> Diagnosis:
    full = values["method"] == FULL_DATA
    try:
        ipc = None if full else int(values["ipc"])
    except (TypeError, ValueError) as error:
        raise FD2Error(f"not a number: {error}", where, "ipc is a whole number") from error
    if ipc is not None and ipc < 1:
        raise FD2Error(f"ipc {ipc}", where, "give at least 1 image per class")
    if values["fd2"] not in (("plain",) if full else ("plain", "fd2")):
        allowed = "plain, real images have no FD²" if full else "plain, fd2"
        raise FD2Error(f"fd2 is '{values['fd2']}'", where, f"allowed: {allowed}")
    return Diagnosis(
        values["dataset"],
        values["method"],
        values["fd2"],
        values["variant"],
        ipc,
        values["backbone"],
        values["training"],
    )
