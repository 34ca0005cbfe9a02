"""Rule prepare: decode the images and write arrays and manifest."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0]):
    from fd2.stages.prepare import PrepareSettings, prepare

    downloaded = snakemake.input.get("downloaded")
    prepare(
        PrepareSettings(**snakemake.params.settings),
        Path(snakemake.output.manifest).parent,
        start_job("cpu", snakemake.threads),
        workers=snakemake.threads,
        downloaded=Path(downloaded).parent if downloaded else None,
    )
