"""From the config and an artefact's name to the settings that shape it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.config.cells import Row, read_sheet
from fd2.config.cost_sheets import is_cost_sheet
from fd2.config.dataset_entries import prepare_settings
from fd2.config.diagnostic_sheets import is_diagnostic_sheet
from fd2.config.layers import (
    check_overrides,
    first_stage,
    stage_config,
    variant_at,
    with_protocol,
)
from fd2.config.recipes import check_recipe, regularisers_of
from fd2.config.schema import config_schema, validate
from fd2.config.settings import CounterfactualAttentionSettings as CalSettings
from fd2.config.settings import DistillSettings
from fd2.config.teacher_sheets import TeacherRow, is_teacher_sheet, read_teacher_sheet
from fd2.errors import FD2Error

FD2 = ("plain", "fd2")


class Configuration:
    """A config that fits the schema, and answers what each artefact depends on.

    Whether its sheets and figures can be made, `fd2.config.checks` finds out.

    Args:
        config: merged config files, as a mapping.
        source: their names, for errors.
        folder: the config folder with ``protocols/`` and ``tables/``.

    Raises:
        FD2Error: for the first setting that is not accepted.
    """

    def __init__(self, config: Mapping[str, Any], source: str, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.values = with_protocol(config, folder / "protocols")
        validate(self.values, config_schema(), source)
        check_overrides(self.values)

    def check_ipc(
        self, dataset: str, method: str, fd2: str, variant: str, ipc: int, where: str
    ) -> None:
        """Refuse more images per class than are distilled; ``where`` is where they were asked for.

        Raises:
            FD2Error: with the number of slots.
        """
        slots = min(self.slots(dataset, method, fd2, variant), self._patch_slots(dataset))
        if ipc > slots:
            raise FD2Error(
                f"ipc {ipc} of method '{method}' on '{dataset}'",
                where,
                f"only {slots} slots are distilled: raise 'distill.slots'",
            )

    # Names, for wildcard constraints and inputs.

    def variants(self) -> list[str]:
        """Names of the variants, without ``base``."""
        return list(self.values["variants"])

    def variants_at(self, stage: str) -> list[str]:
        """``base`` and the variants that have an own artefact of ``stage``."""
        return ["base", *(v for v in self.variants() if self.variant_at(v, stage) == v)]

    def variant_at(self, variant: str, stage: str) -> str:
        """See `fd2.config.layers.variant_at`."""
        return variant_at(self.values, variant, stage)

    def teacher_variants(self) -> list[str]:
        """Variants that change the teacher."""
        return [v for v in self.variants() if first_stage(self.values, v) == "pretrain"]

    def methods(self, kind: str) -> list[str]:
        """Methods of a kind: ``optimisation`` or ``selection``."""
        return [
            name for name in plugins.names("methods") if kind == plugins.load("methods", name).KIND
        ]

    def trainings(self) -> list[str]:
        """Trainings of teachers: ``plain``, ``cal``, and each with the variants that change it."""
        own = ["", *(f"-{variant}" for variant in self.teacher_variants())]
        return [name + suffix for name in ("plain", "cal") for suffix in own]

    def training_name(self, fd2: str, variant: str) -> str:
        """The teacher's training for a cell: ``plain``, ``cal``, or with ``-{variant}``."""
        name = "cal" if fd2 == "fd2" else "plain"
        own = self.variant_at(variant, "pretrain")
        return name if own == "base" else f"{name}-{own}"

    # Sheets.

    def sheet(self, table: str) -> Path:
        """The sheet's path."""
        return self.folder / "tables" / f"{table}.csv"

    def rows(self, table: str) -> list[Row]:
        """The sheet's rows; none for a sheet of anything but cells."""
        path = self.sheet(table)
        others = (is_teacher_sheet, is_cost_sheet, is_diagnostic_sheet)
        return [] if any(is_other(path) for is_other in others) else read_sheet(path)

    def teacher_rows(self, table: str) -> list[TeacherRow]:
        """The rows of a sheet of teachers; none for a sheet of cells."""
        path = self.sheet(table)
        return read_teacher_sheet(path) if is_teacher_sheet(path) else []

    def start(self, row: Row) -> str | None:
        """Initial weights of a row's students; None for a full-data row."""
        if row.ipc is None:
            return None
        names = (row.dataset, row.method, row.fd2, row.variant, row.ipc, row.student)
        return str(self.evaluate(*names, seed=0)["initialisation"])

    # Settings of one artefact.

    def prepare(self, dataset: str) -> dict[str, Any]:
        """Settings of the prepared data."""
        return prepare_settings(dataset, self.values["datasets"][dataset])

    def pretrain(self, dataset: str, backbone: str, training: str) -> dict[str, Any]:
        """Settings of one teacher; ``training`` as in `training_name`."""
        kind, _, variant = training.partition("-")
        context = {"dataset": dataset, "backbone": backbone}
        section = stage_config(self.values, "pretrain", variant or "base", context)
        # Kept apart, so that a setting of the attention head does not retrain plain teachers.
        cal = {field.name: section[field.name] for field in fields(CalSettings)}
        return {
            **{key: value for key, value in section.items() if key not in cal},
            **context,
            "training": training,
            "cal": cal if kind == "cal" else None,
            "protocol": self.values["protocol"],
        }

    def patches(self, dataset: str, kind: str) -> dict[str, Any]:
        """Settings of the initial images; ``kind`` is one of `patch_kinds`."""
        tiling, _, variant = kind.partition("-")
        section = stage_config(self.values, "patches", variant or "base", {"dataset": dataset})
        tiles = int(tiling.split("x")[0])
        slots = self._patch_slots(dataset)
        return {**section, "dataset": dataset, "kind": kind, "tiles": tiles, "slots": slots}

    def _patch_slots(self, dataset: str) -> int:
        """Patches are shared by all methods, so they number what the dataset's own layer says."""
        return int(stage_config(self.values, "distill", "base", {"dataset": dataset})["slots"])

    def _distill(self, dataset: str, method: str, fd2: str, variant: str) -> dict[str, Any]:
        context = {"dataset": dataset, "method": method, "fd2": fd2}
        section = stage_config(self.values, "distill", variant, context)
        if method not in section["methods"]:
            raise FD2Error(
                f"no settings for method '{method}'",
                f"setting 'distill.methods' in {self.source}",
                f"add a block '{method}:'",
            )
        return section

    def method_settings(self, dataset: str, method: str, fd2: str, variant: str) -> dict[str, Any]:
        """The method's own settings."""
        settings: dict[str, Any] = self._distill(dataset, method, fd2, variant)["methods"][method]
        return settings

    def patch_kinds(self) -> list[str]:
        """``1x1`` and ``2x2``, and each with the variants that have a section ``patches``.

        A variant of the teacher alone keeps the patches: another, plain teacher scores them.
        """
        own = [
            f"-{name}" for name, changed in self.values["variants"].items() if "patches" in changed
        ]
        return [kind + suffix for kind in ("1x1", "2x2") for suffix in ("", *own)]

    def patch_kind(self, dataset: str, method: str, fd2: str, variant: str) -> str | None:
        """The patches that the method starts from or selects; None if it takes none."""
        settings = self.method_settings(dataset, method, fd2, variant)
        kind: str | None = settings.get("patches")
        if kind is None or "patches" not in self.values["variants"].get(variant, {}):
            return kind
        return f"{kind}-{variant}"

    def distill_teachers(self, dataset: str, method: str, fd2: str, variant: str) -> list[str]:
        """Backbones that an optimising method looks through."""
        return list(self.method_settings(dataset, method, fd2, variant)["teachers"])

    def slots(self, dataset: str, method: str, fd2: str, variant: str) -> int:
        """Distilled images per class at most."""
        return int(self._distill(dataset, method, fd2, variant)["slots"])

    def groups(self, dataset: str, method: str, fd2: str, variant: str, ipc: int) -> list[int]:
        """Groups that hold the first ``ipc`` slots."""
        size = int(self._distill(dataset, method, fd2, variant)["group_size"])
        return list(range(-(-ipc // size)))

    def distill(
        self, dataset: str, method: str, fd2: str, variant: str, group: int
    ) -> dict[str, Any]:
        """Settings of one distilled group. A slot's result does not depend on how many follow."""
        section = self._distill(dataset, method, fd2, variant)
        resolution = self.values["datasets"][dataset]["resolution"]
        where = f"dataset '{dataset}', {self.source}"
        check_recipe(method, section["methods"][method], resolution, where)
        first = group * section["group_size"]
        last = min(first + section["group_size"], section["slots"])
        with_fd2 = fd2 == "fd2"
        of_all_methods = [f.name for f in fields(DistillSettings) if f.name in section]
        return {
            **{key: section[key] for key in of_all_methods},
            "dataset": dataset,
            "method": method,
            "fd2": fd2,
            "variant": variant,
            "protocol": self.values["protocol"],
            "slots": list(range(first, last)),
            "method_settings": section["methods"][method],
            "cal_ratio": section["fd2"]["cal_ratio"] if with_fd2 else 0.0,
            "regularisers": regularisers_of(section, fd2, where),
        }

    def select_images(
        self, dataset: str, method: str, fd2: str, variant: str, ipc: int
    ) -> dict[str, Any]:
        """Settings of a selecting method's set."""
        section = self._distill(dataset, method, fd2, variant)
        return {
            "dataset": dataset,
            "method": method,
            "fd2": fd2,
            "variant": variant,
            "protocol": self.values["protocol"],
            "seed": section["seed"],
            "images_per_class": ipc,
            "method_settings": section["methods"][method],
        }

    def _relabel(
        self, dataset: str, method: str, fd2: str, variant: str, ipc: int
    ) -> dict[str, Any]:
        context = {"dataset": dataset, "method": method, "fd2": fd2, "ipc": ipc}
        return stage_config(self.values, "relabel", variant, context)

    def relabel_teachers(
        self, dataset: str, method: str, fd2: str, variant: str, ipc: int
    ) -> list[str]:
        """Backbones whose mean logits are the soft labels."""
        return list(self._relabel(dataset, method, fd2, variant, ipc)["teachers"])

    def relabel(
        self, dataset: str, method: str, fd2: str, variant: str, ipc: int
    ) -> dict[str, Any]:
        """Settings of the soft labels, without the teachers (they are inputs)."""
        section = self._relabel(dataset, method, fd2, variant, ipc)
        shaping = {key: value for key, value in section.items() if key != "teachers"}
        return {**shaping, "dataset": dataset, "protocol": self.values["protocol"]}

    def evaluate(
        self, dataset: str, method: str, fd2: str, variant: str, ipc: int, student: str, seed: int
    ) -> dict[str, Any]:
        """Settings of one cell."""
        context = {
            "dataset": dataset,
            "method": method,
            "fd2": fd2,
            "ipc": ipc,
            "student": student,
        }
        section = stage_config(self.values, "evaluate", variant, context)
        relabel = self._relabel(dataset, method, fd2, variant, ipc)
        if section["labels"] == "soft" and section["epochs"] > relabel["epochs"]:
            raise FD2Error(
                f"'evaluate.epochs' is {section['epochs']}, 'relabel.epochs' only "
                f"{relabel['epochs']}",
                f"{self.source}, cell {context}",
                "store labels for at least as many epochs as the student trains",
            )
        return {
            **section,
            **context,
            "variant": variant,
            "seed": seed,
            "protocol": self.values["protocol"],
            "batch_size": relabel["batch_size"],
            "crop_scale": relabel["crop_scale"],
            "cutmix_alpha": relabel["cutmix_alpha"],
        }
