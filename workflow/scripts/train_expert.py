"""Rule train_expert: train an expert of trajectory matching."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "train_expert") as job:
    from fd2.config.experts import ExpertSettings
    from fd2.config.settings import build
    from fd2.stages.train_expert import train_expert

    train_expert(
        build(ExpertSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.output.expert),
        Path(snakemake.output.record),
        job,
    )
