"""Rules diagnose and diagnose_real: how a network sees a set of images."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake) as job:
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
        job,
    )
