"""Rule prepare_scenes: real images with boxes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "prepare_scenes") as job:
    from fd2.config.detection import ScenesSettings
    from fd2.config.settings import build
    from fd2.stages.prepare_scenes import prepare_scenes

    prepare_scenes(
        build(ScenesSettings, snakemake.params.settings),
        Path(snakemake.output.train),
        Path(snakemake.output.val),
        Path(snakemake.output.record),
        job,
    )
