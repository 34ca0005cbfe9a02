"""Rule patches: score crops and write initial images."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "patches") as job:
    from fd2.config.settings import PatchSettings, build
    from fd2.stages.patches import make_patches

    make_patches(
        build(PatchSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.input.scorer),
        Path(snakemake.output.patches),
        Path(snakemake.output.record),
        job,
    )
