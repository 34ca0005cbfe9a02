"""Rule evaluate: train and test one student."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import StateSettings, logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0], stage="evaluate"):
    from fd2.config.settings import EvaluateSettings, build
    from fd2.stages.evaluate import evaluate

    where = snakemake.resources
    state = StateSettings(Path(where.state), where.state_seconds)
    labels = snakemake.input.get("labels")
    evaluate(
        build(EvaluateSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.input.distilled),
        Path(labels[0]).parent if labels else None,
        Path(snakemake.output.cell),
        start_job(
            snakemake.resources.device,
            snakemake.threads,
            snakemake.resources.jobs_per_gpu,
            state,
        ),
        code=[Path(path) for path in snakemake.input.code],
    )
