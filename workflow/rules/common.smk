# Validation, wildcard constraints, and the functions behind inputs and params.
# Everything here answers from the validated config; no rule reads the config by itself.

import os
import sys
from functools import wraps
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "src"))

from fd2.config import plugins
from fd2.config.checks import check_table, checked_configuration
from fd2.config.code import stage_sources
from fd2.config.datasets import download_kind, download_kinds, download_settings
from fd2.config.figures import check_figure, check_figure_names, drawn_figures
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.paths import ArtefactPaths
from fd2.config.row_facts import row_facts
from fd2.config.rows import StudentRow
from fd2.config.settings import PatchSettings, build
from fd2.config.variants import require_change
from fd2.errors import FD2Error, system_fault
from fd2.health.start import require_start
from fd2.image_counts import (
    half_batch_sizes,
    require_patch_images,
    require_whole_images,
)
from fd2.planning.image_folders import folder_listing, training_counts
from fd2.runtime.device import planned_device
from fd2.runtime.interruption import stop_on_hangup
from fd2.runtime.threads import require_threads
from snakemake.exceptions import WorkflowError

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


SOURCES = ", ".join(str(Path(path)) for path in workflow.configfiles)
SETTINGS = explained(checked_configuration)(config, SOURCES, ROOT / "config")
PATHS = ArtefactPaths(SETTINGS)
FIGURES = explained(drawn_figures)(SETTINGS)


pathvars:
    resources="resources",
    results="results",
    logs="logs",
    benchmarks="benchmarks",
    state="state",


if workflow.is_main_process:
    explained(require_start)(
        ROOT,
        {
            name: Path(config.get("pathvars", {}).get(name, name))
            for name in ("resources", "results", "logs", "benchmarks", "state")
        },
    )


TABLES = SETTINGS.tables()
OPTIMISING = SETTINGS.methods("optimisation")
SELECTING = SETTINGS.methods("selection")


def either(names):
    """A regular expression for exactly these names."""
    import re

    return "|".join(re.escape(str(name)) for name in names) or "(?!)"


# Seeds whose students one job trains, and which seeds have a job each.
SEEDS = SETTINGS.values["seeds"]
SEEDS_TOGETHER = SEEDS if SETTINGS.values["seeds_together"] and len(SEEDS) > 1 else []
SEED_ALONE = f"(?!(?:{either(SEEDS_TOGETHER)})(?![0-9]))[0-9]+"


wildcard_constraints:
    dataset=either(SETTINGS.values["datasets"]),
    backbone=either(plugins.names("backbones")),
    training=either(SETTINGS.trainings()),
    kind=either(SETTINGS.patch_kinds()),
    method=either(plugins.names("methods")),
    fd2="plain|fd2",
    variant=either(["base", *SETTINGS.variants()]),
    ipc="[1-9][0-9]*",
    group="[0-9]+",
    student=either(plugins.names("backbones")),
    seed="[0-9]+",
    table=either(TABLES),
    figure=either(SETTINGS.values["figures"]),


# Resources. The device and how it is shared are such: a resource never reruns a job, a param would.

DEVICE = SETTINGS.values["device"]
# Cores that a job asks for, which Snakemake lowers to those there are; the threads that it computes
# with are the resource 'compute_threads', and stay.
THREADS = SETTINGS.values["threads"]
for stage, threads in THREADS.items():
    explained(require_threads)(threads, f"threads.{stage}")
JOBS_PER_GPU = SETTINGS.values["jobs_per_gpu"]
GPUS = 1 if planned_device(DEVICE) == "cuda" else 0
# What is timed on a CPU has it alone.
TIMED_THREADS = THREADS["distill"] if GPUS else os.cpu_count()
# Undeclared, because Snakemake deletes declared outputs of failed jobs.
STATE = config.get("pathvars", {}).get("state", "state")
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


def code(stage, *plugin_modules):
    """The script of a stage and every source file that its result depends on."""
    files = stage_sources(stage, plugin_modules)
    script = Path("workflow/scripts") / f"{stage}.py"
    return [str(script), *(str(path.relative_to(ROOT)) for path in files)]


def folder(path):
    """A path below the results folder, as its pathvar."""
    return f"<results>/{path}"


def require_variant(name, wildcards):
    """Refuse artefacts of a variant that would repeat those of ``base``."""
    require_change(SETTINGS.values, name, dict(wildcards.items()), SOURCES)
