"""Rule patches: score crops and write initial images."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0], stage="patches"):
    from fd2.config.settings import PatchSettings, build
    from fd2.stages.patches import make_patches

    make_patches(
        build(PatchSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.input.scorer),
        Path(snakemake.output.patches),
        Path(snakemake.output.record),
        start_job(snakemake.resources.device, snakemake.threads, snakemake.resources.jobs_per_gpu),
    )
