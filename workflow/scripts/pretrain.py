"""Rule pretrain: train a teacher."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import StateSettings, logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0], stage="pretrain"):
    from fd2.config.settings import PretrainSettings, build
    from fd2.stages.pretrain import pretrain

    where = snakemake.resources
    state = StateSettings(Path(where.state), where.state_seconds)
    pretrain(
        build(PretrainSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.output.teacher),
        Path(snakemake.output.metrics),
        start_job(
            snakemake.resources.device,
            snakemake.threads,
            snakemake.resources.jobs_per_gpu,
            state,
        ),
        code=[Path(path) for path in snakemake.input.code],
    )
