"""The stages of the chain in their order, and what each has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One rule that makes artefacts.

    Attributes:
        name: of the rule.
        keys: of a stage with a section of its own in the config, the names that its result may
            depend on. An override of the section can look at these alone, because the artefacts
            are shared across all others; one of ``distill`` also at ``ipc`` where it names methods
            that make a set of each. Empty without a section.
        on_device: whether it computes on the config's device; a selection does where a teacher
            looks at the images.
        threads: the key of section ``threads`` that it computes with, where it is not its name.
        probed: whether ``fd2 plan --probe`` runs a few of its steps.
        largest: the setting that sets the size of its largest tensors; the batches of students are
            those of the labels. Empty where there is none.
    """

    name: str
    keys: tuple[str, ...] = ()
    on_device: bool = False
    threads: str = ""
    probed: bool = False
    largest: str = ""


_SET = ("dataset", "method", "fd2")
STAGES = (
    Stage("download"),
    Stage("prepare", probed=True),
    Stage(
        "pretrain",
        ("dataset", "backbone"),
        on_device=True,
        probed=True,
        largest="pretrain.batch_size",
    ),
    Stage("patches", ("dataset",), on_device=True, probed=True, largest="patches.crops_per_image"),
    Stage(
        "train_expert",
        ("dataset", "backbone"),
        on_device=True,
        threads="pretrain",
        probed=True,
        largest="train_expert.batch_size",
    ),
    Stage("distill", _SET, on_device=True, probed=True, largest="distill.class_chunk"),
    Stage("assemble"),
    Stage("select_images", on_device=True, threads="distill", probed=True),
    Stage("match", on_device=True, threads="distill", probed=True),
    Stage("match_trajectories", on_device=True, threads="distill", probed=True),
    Stage("import_set", threads="distill"),
    Stage("relabel", (*_SET, "ipc"), on_device=True, probed=True, largest="relabel.batch_size"),
    Stage("import_labels", threads="distill"),
    Stage(
        "evaluate",
        (*_SET, "ipc", "student"),
        on_device=True,
        probed=True,
        largest="relabel.batch_size",
    ),
    Stage("diagnose", on_device=True),
    Stage("diagnose_real", on_device=True, threads="diagnose"),
    Stage("measure_complexity", on_device=True, threads="diagnose", probed=True),
    Stage(
        "learn_continually",
        on_device=True,
        threads="evaluate",
        probed=True,
        largest="relabel.batch_size",
    ),
    Stage(
        "learn_continually_real",
        on_device=True,
        threads="pretrain",
        probed=True,
        largest="pretrain.batch_size",
    ),
    Stage("prepare_scenes", threads="prepare"),
    Stage("train_detector_real", on_device=True, threads="pretrain"),
    Stage("annotate", on_device=True, threads="relabel"),
    Stage("train_detector", on_device=True, threads="evaluate"),
)
BY_NAME = {stage.name: stage for stage in STAGES}
#: Stages with a section; a variant names the first that it changes by its section.
SECTIONS = tuple(stage.name for stage in STAGES if stage.keys)
#: Targets of the workflow beside the tables and figures.
TARGETS = ("all", "partial", "ablations", "measurements", "figures", "diagnostics")
#: Its targets and other rules, whose names tables and figures must not have.
RULES = (
    *(stage.name for stage in STAGES),
    *(
        "evaluate_seeds",
        "measure",
        "tabulate",
        "tabulate_partial",
        "draw",
        *("export", "export_with_labels", "export_ddranking"),
        *("keep", "convert"),
        "preview",
    ),
    *("summarise", "summarise_partial", "unknown", "no_target"),
    *TARGETS,
)
