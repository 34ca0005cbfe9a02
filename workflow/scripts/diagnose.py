"""Rules diagnose and diagnose_real: how a network sees a set of images."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0]):
    from fd2.config.settings import DiagnoseSettings, build
    from fd2.stages.diagnose import diagnose

    distilled = snakemake.input.get("distilled")
    diagnose(
        build(DiagnoseSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(distilled) if distilled else None,
        Path(snakemake.input.network),
        Path(snakemake.output.tensors),
        Path(snakemake.output.record),
        start_job(snakemake.resources.device, snakemake.threads, snakemake.resources.jobs_per_gpu),
    )
