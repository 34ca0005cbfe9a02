"""Rule distill: optimise a group of slots."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import StateSettings, logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0], stage="distill"):
    from fd2.config.settings import DistillSettings, build
    from fd2.stages.distill import distill

    where = snakemake.resources
    state = StateSettings(Path(where.state), where.state_seconds)
    distill(
        build(DistillSettings, snakemake.params.settings),
        Path(snakemake.input.manifest),
        Path(snakemake.input.patches),
        [Path(path) for path in snakemake.input.teachers],
        Path(snakemake.output.group),
        Path(snakemake.output.record),
        start_job(
            snakemake.resources.device,
            snakemake.threads,
            snakemake.resources.jobs_per_gpu,
            state,
        ),
        code=[Path(path) for path in snakemake.input.code],
    )
