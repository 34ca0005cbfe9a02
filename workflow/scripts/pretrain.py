"""Rule pretrain: train a teacher."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "pretrain") as job:
    from fd2.config.settings import PretrainSettings, build
    from fd2.stages.pretrain import pretrain

    pretrain(
        build(PretrainSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.output.teacher),
        Path(snakemake.output.metrics),
        job,
    )
