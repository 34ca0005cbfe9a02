"""Rule prepare_scenes: real images with boxes."""

import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "prepare_scenes") as job:
    from fd2.config.annotators import check_annotators
    from fd2.config.detection import ScenesSettings
    from fd2.config.resolve import Configuration
    from fd2.config.settings import build
    from fd2.stages.prepare_scenes import prepare_scenes

    # No param: other annotators make no other scenes.
    config = Configuration(snakemake.config, "the config", ROOT / "config")
    prepare_scenes(
        build(ScenesSettings, snakemake.params.settings),
        Path(snakemake.output.train),
        Path(snakemake.output.val),
        Path(snakemake.output.record),
        job,
        partial(check_annotators, config, snakemake.wildcards.scenes),
    )
