"""Rule distill: optimise a group of slots."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "distill") as job:
    from fd2.config.settings import DistillSettings, build
    from fd2.stages.distill import distill

    distill(
        build(DistillSettings, snakemake.params.settings),
        Path(snakemake.input.manifest),
        Path(snakemake.input.patches),
        [Path(path) for path in snakemake.input.teachers],
        Path(snakemake.output.group),
        Path(snakemake.output.record),
        job,
    )
