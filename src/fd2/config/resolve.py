"""From the config and an artefact's name to the settings that shape it, as plain values."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

from fd2.config import plugins
from fd2.config.datasets import prepare_settings
from fd2.config.given import GivenConfig
from fd2.config.label_storage import label_settings
from fd2.config.layers import first_section, stage_config
from fd2.config.names import FULL_DATA, Cell, SetName, Teacher
from fd2.config.networks import check_network, check_teacher
from fd2.config.patch_kinds import owns_patches, patch_kind, patch_owner
from fd2.config.protocols import protocol_settings
from fd2.config.schema import WHOLE_SETS, check_recipe, regularisers_of, require_fd2
from fd2.config.settings import CounterfactualAttentionSettings as CalSettings
from fd2.config.settings import DistillSettings
from fd2.config.stages import SECTIONS
from fd2.config.students import check_student
from fd2.config.transformers import transformer_shape
from fd2.errors import FD2Error


class Configuration(GivenConfig):
    """A config that answers what each artefact depends on.

    Whether its sheets and figures can be made, `fd2.config.checks` finds out.
    """

    def variants(self) -> list[str]:
        """Names of the variants, without ``base``."""
        return list(self.values["variants"])

    def variants_at(self, stage: str) -> list[str]:
        """``base`` and the variants that have an artefact of a stage with a section."""
        return ["base", *(v for v in self.variants() if self._variant_at(v, stage) == v)]

    def _variant_at(self, variant: str, stage: str) -> str:
        if variant == "base":
            return "base"
        first = first_section(self.values, variant)
        return variant if SECTIONS.index(first) <= SECTIONS.index(stage) else "base"

    def set_at(self, set_name: SetName, stage: str) -> SetName:
        """The set whose artefact of a stage is used: the variant's or, where shared, base's."""
        variant = self._variant_at(set_name.variant, stage)
        return SetName(set_name.dataset, set_name.method, set_name.fd2, variant)

    def teacher_variants(self) -> list[str]:
        """Variants that change the teacher."""
        return [v for v in self.variants() if first_section(self.values, v) == "pretrain"]

    def trainings(self) -> list[str]:
        """Trainings of teachers: ``plain``, ``cal``, and each with the variants that change it."""
        suffixes = ["", *(f"-{variant}" for variant in self.teacher_variants())]
        return [name + suffix for name in ("plain", "cal") for suffix in suffixes]

    def teacher(self, set_name: SetName, backbone: str) -> Teacher:
        """The teacher of a backbone that a set is made with."""
        name = "cal" if set_name.fd2 == "fd2" else "plain"
        variant = self._variant_at(set_name.variant, "pretrain")
        training = name if variant == "base" else f"{name}-{variant}"
        return Teacher(set_name.dataset, backbone, training)

    def methods(self, *kinds: str) -> list[str]:
        """Methods of any of the kinds that `fd2.methods._interface` tells."""
        return [
            name for name in plugins.names("methods") if plugins.load("methods", name).KIND in kinds
        ]

    def prepare(self, dataset: str) -> dict[str, Any]:
        """Settings of the prepared data."""
        return prepare_settings(dataset, self.values["datasets"][dataset])

    def pretrain(self, teacher: Teacher) -> dict[str, Any]:
        """Settings of one teacher."""
        context, entry = asdict(teacher), self.values["datasets"][teacher.dataset]
        section = stage_config(self.values, "pretrain", teacher.variant, context)
        where = ("pretrain", context, "initialisation")
        check_teacher(section, teacher, entry, lambda: self.where_of(*where))
        # Kept apart, so that a setting of the attention head does not retrain plain teachers.
        cal = {field.name: section[field.name] for field in fields(CalSettings)}
        return {
            **{key: value for key, value in section.items() if key not in cal},
            **context,
            "transformer": transformer_shape(section, teacher.backbone),
            "cal": cal if teacher.training.startswith("cal") else None,
            "preset": self.values["preset"],
        }

    def patches(self, dataset: str, kind: str) -> dict[str, Any]:
        """Settings of scored crops; ``kind`` is one of `patch_kinds`."""
        owner = patch_owner(dataset, kind)
        if owner is None:
            tiling, _, variant = kind.partition("-")
            section = stage_config(self.values, "patches", variant or "base", {"dataset": dataset})
            slots = self._patch_slots(dataset)
        else:
            own, seed = self.method_settings(owner)["patches"], self._distill(owner)["seed"]
            section = {**own, "seed": seed, "slot_patches": "distinct"}
            tiling, slots = section.pop("tiling"), self.slots(owner)
        tiles = int(tiling.split("x")[0])
        return {**section, "dataset": dataset, "kind": kind, "tiles": tiles, "slots": slots}

    def patch_scorer(self, dataset: str, kind: str) -> Teacher:
        """The plain teacher that scores crops: that of ``base`` where methods share them."""
        scored_for = patch_owner(dataset, kind) or SetName(dataset, "", "plain", "base")
        return self.teacher(scored_for, self.patches(dataset, kind)["scorer"])

    def patch_kind(self, set_name: SetName) -> str | None:
        """The patches that the method starts from or selects; None if it takes none."""
        return patch_kind(self.values, set_name, self.method_settings(set_name))

    def _patch_slots(self, dataset: str) -> int:
        """Patches that methods share number what the dataset's own layer says."""
        return int(stage_config(self.values, "distill", "base", {"dataset": dataset})["slots"])

    def _distill(self, set_name: SetName, ipc: int | None = None) -> dict[str, Any]:
        context = {**asdict(set_name), "ipc": ipc}
        section = stage_config(self.values, "distill", set_name.variant, context)
        if set_name.method not in (*section["methods"], FULL_DATA):
            raise FD2Error(
                f"no settings for method '{set_name.method}'",
                self.where("distill", "methods"),
                f"add a block '{set_name.method}:'",
            )
        if set_name.fd2 == "fd2":
            require_fd2(set_name, self._kind(set_name))
        return section

    def _kind(self, set_name: SetName) -> str:
        full = set_name.method == FULL_DATA
        return "" if full else plugins.load("methods", set_name.method).KIND

    def method_settings(self, set_name: SetName, ipc: int | None = None) -> dict[str, Any]:
        """Settings of the set's method; they depend on ``ipc`` where it makes a set of each.

        Raises:
            FD2Error: if there are none.
        """
        settings: dict[str, Any] = self._distill(set_name, ipc)["methods"][set_name.method]
        return settings

    def distill_teachers(self, set_name: SetName, ipc: int | None = None) -> list[Teacher]:
        """Teachers that the method looks at; none for one that sets none.

        Those of a selection are plain ones: with FD², only its labels are of others. An imported
        set's teacher proves the order of its classes; one of trajectories has the activation maps.
        """
        if self._kind(set_name) == "selection":
            set_name = replace(set_name, fd2="plain")
        backbones = self.method_settings(set_name, ipc).get("teachers", [])
        return [self.teacher(set_name, backbone) for backbone in backbones]

    def slots(self, set_name: SetName) -> int:
        """Distilled images per class at most."""
        return int(self._distill(set_name)["slots"])

    def check_ipc(self, set_name: SetName, ipc: int, where: str) -> None:
        """Refuse more images per class than are distilled; ``where`` is where they were asked for.

        A matching method makes a set of any number, and an import takes what is there.

        Raises:
            FD2Error: with the number of slots.
        """
        if self._kind(set_name) in (*WHOLE_SETS, "import"):
            return
        slots = self.slots(set_name)
        if not owns_patches(self.method_settings(set_name)):
            slots = min(slots, self._patch_slots(set_name.dataset))
        if ipc > slots:
            raise FD2Error(
                f"ipc {ipc} of method '{set_name.method}' on '{set_name.dataset}'",
                where,
                f"only {slots} slots are distilled: raise 'distill.slots'",
            )

    def groups(self, set_name: SetName, ipc: int) -> list[int]:
        """Groups that hold the first ``ipc`` slots."""
        size = int(self._distill(set_name)["group_size"])
        return list(range(-(-ipc // size)))

    def distill(self, set_name: SetName, group: int) -> dict[str, Any]:
        """Settings of one distilled group. A slot's result does not depend on how many follow.

        Raises:
            FD2Error: if the method or a regulariser refuses its settings.
        """
        section = self._distill(set_name)
        where = self._check_recipe(set_name, section)
        first = group * section["group_size"]
        last = min(first + section["group_size"], section["slots"])
        of_all_methods = [f.name for f in fields(DistillSettings) if f.name in section]
        return {
            **{key: section[key] for key in of_all_methods},
            **asdict(set_name),
            "preset": self.values["preset"],
            "slots": list(range(first, last)),
            "method_settings": section["methods"][set_name.method],
            "cal_ratio": section["fd2"]["cal_ratio"] if set_name.fd2 == "fd2" else 0.0,
            "regularisers": regularisers_of(section, set_name.fd2, where),
        }

    def _check_recipe(self, set_name: SetName, section: dict[str, Any]) -> str:
        """Let the method refuse its settings; returns where they stand."""
        where = f"dataset '{set_name.dataset}', {self.source}"
        entry, method = self.values["datasets"][set_name.dataset], set_name.method
        if method != FULL_DATA:
            check_recipe(method, section["methods"][method], entry, where)
        return where

    def whole_set(self, set_name: SetName, ipc: int) -> dict[str, Any]:
        """Settings of the set of a selecting or matching method, or an import: it has no slots.

        Raises:
            FD2Error: if the method refuses its settings.
        """
        section = self._distill(set_name, ipc)
        self._check_recipe(set_name, section)
        return {
            **asdict(set_name),
            "preset": self.values["preset"],
            "seed": section["seed"],
            "images_per_class": ipc,
            "method_settings": section["methods"][set_name.method],
        }

    def _relabel(self, set_name: SetName, ipc: int) -> dict[str, Any]:
        context = {**asdict(set_name), "ipc": ipc}
        return stage_config(self.values, "relabel", set_name.variant, context)

    def relabel_teachers(self, set_name: SetName, ipc: int) -> list[Teacher]:
        """Teachers whose mean logits are the soft labels; none of a set that brings its own."""
        if self.method_settings(set_name, ipc).get("soft_labels") is not None:
            return []
        return [self.teacher(set_name, name) for name in self._relabel(set_name, ipc)["teachers"]]

    def relabel(self, set_name: SetName, ipc: int) -> dict[str, Any]:
        """Settings of the soft labels, without the teachers (they are inputs)."""
        where = self.where_of("relabel", {**asdict(set_name), "ipc": ipc}, "stored_epochs")
        shaping = label_settings(self._relabel(set_name, ipc), where)
        return {**shaping, "dataset": set_name.dataset, "preset": self.values["preset"]}

    def evaluate(self, cell: Cell) -> dict[str, Any]:
        """Settings of one cell.

        Raises:
            FD2Error: see `check_student`.
        """
        context = {**asdict(cell.set_name), "ipc": cell.ipc, "student": cell.student}
        section = stage_config(self.values, "evaluate", cell.set_name.variant, context)
        where = ("evaluate", context, "initialisation")
        entry = self.values["datasets"][cell.set_name.dataset]
        check_network(section, cell.student, entry, lambda: self.where_of(*where))
        relabel = self._relabel(cell.set_name, cell.ipc)
        check_student(
            section,
            entry,
            cell.set_name.method,
            self.method_settings(cell.set_name, cell.ipc),
            relabel,
            lambda key: f"{self.where_of('evaluate', context, key)}, cell {cell.path()}",
        )
        return {
            **protocol_settings(section),
            **context,
            "transformer": transformer_shape(section, cell.student),
            "seed": cell.seed,
            "preset": self.values["preset"],
            **{key: relabel[key] for key in ("batch_size", "crop_scale", "cutmix_alpha")},
        }

    def diagnose(self, set_name: SetName, ipc: int | None, network: Teacher) -> dict[str, Any]:
        """Settings of how a network sees a set; ``ipc`` is None for all real training images.

        The groups are those that the set was distilled in, and the dataset's own for real images.
        """
        return {
            **asdict(set_name),
            "ipc": ipc,
            **{"backbone": network.backbone, "training": network.training},
            "preset": self.values["preset"],
            "group_size": self._distill(set_name)["group_size"],
        }
