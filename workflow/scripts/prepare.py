"""Rule prepare: decode the images and write arrays and manifest."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake) as job:
    from fd2.stages.prepare import PrepareSettings, prepare

    downloaded = snakemake.input.get("downloaded")
    prepare(
        PrepareSettings(**snakemake.params.settings),
        Path(snakemake.output.manifest).parent,
        job,
        workers=snakemake.threads,
        downloaded=Path(downloaded).parent if downloaded else None,
        results=Path(snakemake.output.manifest).parents[2],
    )
