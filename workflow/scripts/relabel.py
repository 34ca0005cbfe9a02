"""Rule relabel: store soft labels and their augmentation."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import StateSettings, logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0], stage="relabel"):
    from fd2.config.settings import RelabelSettings, build
    from fd2.stages.relabel import relabel

    where = snakemake.resources
    state = StateSettings(Path(where.state), where.state_seconds)
    relabel(
        build(RelabelSettings, snakemake.params.settings),
        Path(snakemake.input.distilled),
        [Path(path) for path in snakemake.input.teachers],
        Path(snakemake.output.logits).parent,
        start_job(
            snakemake.resources.device,
            snakemake.threads,
            snakemake.resources.jobs_per_gpu,
            state,
        ),
        code=[Path(path) for path in snakemake.input.code],
    )
