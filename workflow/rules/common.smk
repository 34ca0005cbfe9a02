# Validation, wildcard constraints, and the functions behind inputs and params.
# Everything here answers from the validated config; no rule reads the config by itself. fd2 reads the
# config files, and not Snakemake, which knows no lines, and lets the last of two equal keys win.

import os
import sys
from dataclasses import replace
from functools import cache, wraps
from pathlib import Path

ROOT = Path(workflow.basedir)
AT_HOME = ROOT.samefile(Path.cwd())
sys.path.insert(0, str(ROOT / "src"))

from fd2.artifacts.files import file_digest
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.records import read_content
from fd2.config import plugins
from fd2.config.annotators import check_annotator
from fd2.config.checks import check_table, checked_configuration
from fd2.config.code import stage_sources
from fd2.config.complexity import complexity_settings, members
from fd2.config.continual import continual_settings, continual_teacher_settings
from fd2.config.datasets import download_kind, download_kinds, download_settings
from fd2.config.detection import (
    ScenesSettings,
    annotate_settings,
    annotator_detector,
    class_map,
    detector_settings,
    scenes_settings,
)
from fd2.config.experts import expert_settings, expert_variants, experts_of
from fd2.config.figures import check_figure, drawn_figures
from fd2.config.imported_labels import (
    ImportedLabelSettings,
    brings_labels,
    imported_label_settings,
    labelled_variants,
    require_labels_of,
)
from fd2.config.label_storage import require_classes
from fd2.config.layers import read_layers
from fd2.config.measured import measure_settings, measure_teachers
from fd2.config.names import FD2, Annotated, Cell, Detector, Expert, SetName, Teacher
from fd2.config.patch_kinds import patch_kinds
from fd2.config.paths import NUMBERS, ArtefactPaths
from fd2.config.row_facts import row_facts
from fd2.config.rows import (
    ComplexityRow,
    ContinualRow,
    DetectionRow,
    ScoreRow,
    StudentRow,
)
from fd2.config.settings import PatchSettings, build
from fd2.config.variants import require_change
from fd2.errors import FD2Error, require_extra, system_fault
from fd2.health.start import require_device, require_start
from fd2.image_counts import (
    half_batch_sizes,
    real_images_of_each,
    require_patch_images,
    require_whole_images,
)
from fd2.imports.source_files import (
    label_files,
    label_listing,
    source_files,
    source_listing,
)
from fd2.planning.image_folders import (
    folder_change,
    folder_listing,
    prepared_listing,
    training_counts,
)
from fd2.runtime.device import planned_device
from fd2.runtime.interruption import stop_on_hangup
from fd2.runtime.threads import require_threads
from fd2.training.class_steps import step_sizes
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.pathvars import Pathvars

stop_on_hangup()


def explained(function):
    """The function with a user's fault as Snakemake's own error, which prints without a traceback."""

    @wraps(function)
    def call(*arguments, **named):
        try:
            return function(*arguments, **named)
        except FD2Error as error:
            raise WorkflowError(str(error)) from None
        except OSError as error:
            raise WorkflowError(str(system_fault(error))) from None

    return call


GIVEN = workflow.config_settings
CONFIG_FILES = [ROOT / "config/config.yaml", *GIVEN.configfiles]
SOURCES = ", ".join(os.path.relpath(path) for path in CONFIG_FILES)
SETTINGS = explained(checked_configuration)(
    explained(read_layers)(
        *CONFIG_FILES[:1], CONFIG_FILES[1:], GIVEN.config_args or ()
    ),
    SOURCES,
    ROOT / "config",
)
# For the captions of the report, and for Snakemake, which has taken pathvars as they were written.
config.clear()
config.update(SETTINGS.values)
workflow.pathvars.update(Pathvars.from_config(config))
PATHS = ArtefactPaths(SETTINGS)
RESULTS = Path(SETTINGS.values["pathvars"]["results"])
FIGURES = explained(drawn_figures)(SETTINGS)


if workflow.is_main_process:
    explained(require_start)(
        ROOT, {name: Path(path) for name, path in SETTINGS.values["pathvars"].items()}
    )


TABLES = SETTINGS.tables()
OPTIMISING = SETTINGS.methods("optimisation")
SELECTING = SETTINGS.methods("selection")
MATCHING = SETTINGS.methods("matching")
TRAJECTORIES = SETTINGS.methods("trajectories")
IMPORTED = SETTINGS.methods("import")


def either(names):
    """A regular expression for exactly these names."""
    import re

    return "|".join(re.escape(str(name)) for name in names) or "(?!)"


# Seeds whose students one job trains, and which seeds have a job each.
SEEDS = SETTINGS.values["seeds"]
SEEDS_TOGETHER = SEEDS if SETTINGS.values["seeds_together"] and len(SEEDS) > 1 else []
SEED_ALONE = f"(?!(?:{either(SEEDS_TOGETHER)})(?![0-9])){NUMBERS['seed']}"


wildcard_constraints:
    dataset=either(SETTINGS.values["datasets"]),
    backbone=plugins.BACKBONE,
    training=either(SETTINGS.trainings()),
    kind=either(patch_kinds(SETTINGS.values)),
    method=either(plugins.names("methods")),
    fd2="plain|fd2",
    variant=either(["base", *SETTINGS.variants()]),
    ipc=NUMBERS["ipc"],
    group=NUMBERS["group"],
    student=plugins.BACKBONE,
    seed=NUMBERS["seed"],
    number=NUMBERS["number"],
    steps=NUMBERS["steps"],
    table=either(TABLES),
    figure=either(SETTINGS.values["figures"]),
    scenes=either(SETTINGS.values["detection"]["scenes"]),
    annotator=either(SETTINGS.values["detection"]["annotators"]),
    detector=either(SETTINGS.values["detection"]["detectors"]),


# Resources. The device and how it is shared are such: a resource never reruns a job, a param would.

DEVICE = SETTINGS.values["device"]
# Cores that a job asks for, which Snakemake lowers to those there are; the threads that it computes
# with are the resource 'compute_threads', and stay.
THREADS = SETTINGS.values["threads"]
for stage, threads in THREADS.items():
    explained(require_threads)(threads, f"threads.{stage}")
JOBS_PER_GPU = SETTINGS.values["jobs_per_gpu"]
GPUS = 1 if planned_device(DEVICE) == "cuda" else 0


# On a cluster the nodes have the GPUs, and a plan can be made anywhere.
onstart:
    if workflow.local_exec and any(
        "device" in job.resources.keys() for job in workflow.dag.needrun_jobs()
    ):
        explained(require_device)(DEVICE, SETTINGS.where("device"))
    if VIEWS:
        begin_view()


# What is timed on a CPU has it alone.
TIMED_THREADS = THREADS["distill"] if GPUS else os.cpu_count()
# Undeclared, because Snakemake deletes declared outputs of failed jobs.
STATE = SETTINGS.values["pathvars"]["state"]
STATE_SECONDS = SETTINGS.values["state_seconds"]


def memory(base):
    """Memory in MB that doubles with every attempt."""

    def request(wildcards, attempt):
        return base * 2 ** (attempt - 1)

    return request


def minutes(base):
    """Run time in minutes that doubles with every attempt."""
    return memory(base)


# Code inputs: plain relative paths, which Snakemake compares by content. A touched file reruns
# nothing, an edited one reruns what imports it.


@cache
def code(stage, *plugin_modules):
    """The script of a stage and every source file that its result depends on."""
    files = stage_sources(stage, plugin_modules)
    return [own(f"workflow/scripts/{stage}.py"), *(own(path) for path in files)]


def own(path):
    """A file below the workflow's folder, as rules name it: relative if they run there.

    Elsewhere (``--directory``, ``--snakefile``) outputs lie in another folder, so no job has both.
    """
    path = ROOT / path
    return str(path.relative_to(ROOT) if AT_HOME else path)


def as_json(value):
    """A param as JSON without `<`: Snakemake puts params as they are into a script of its report."""
    import json

    return json.dumps(value).replace("<", "\\u003c")


def folder(path):
    """A path below the results folder, as its pathvar."""
    return f"<results>/{path}"


def require_variant(name, wildcards):
    """Refuse artefacts of a variant that would repeat those of ``base``."""
    where, names = SETTINGS.where("variants", name), dict(wildcards.items())
    # Overrides look for a number.
    ipc = {"ipc": int(names["ipc"])} if "ipc" in names else {}
    require_change(SETTINGS.values, name, {**names, **ipc}, where)


def no_target(wildcards):
    """No files: the nearest name of a target."""
    raise WorkflowError(str(PATHS.no_target(wildcards.name)))


def unknown_path(wildcards):
    """No files: the reason why there is no such target."""
    raise WorkflowError(str(PATHS.fault(wildcards.path)))
