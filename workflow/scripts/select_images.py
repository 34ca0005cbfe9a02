"""Rule select_images: real images or patches as a distilled set."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake) as job:
    from fd2.config.settings import WholeSetSettings, build
    from fd2.stages.select_images import select_images

    patches = snakemake.input.get("patches")
    select_images(
        build(WholeSetSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(patches) if patches else None,
        [Path(path) for path in snakemake.input.get("teachers", [])],
        Path(snakemake.output.distilled),
        Path(snakemake.output.record),
        job,
    )
