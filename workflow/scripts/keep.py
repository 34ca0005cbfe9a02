"""Rule keep: the weights of a cell's student."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "keep") as job:
    from fd2.config.settings import EvaluateSettings, build
    from fd2.stages.keep import keep

    labels = snakemake.input.get("labels")
    keep(
        build(EvaluateSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.input.distilled),
        Path(labels[0]).parent if labels else None,
        Path(snakemake.output.weights),
        job,
    )
