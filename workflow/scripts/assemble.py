"""Rule assemble: the first slots as one distilled set."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

count = int(snakemake.wildcards.ipc)
with stage_job(snakemake, settings={"images_per_class": count}) as job:
    from fd2.stages.assemble import assemble

    assemble(
        count,
        [Path(path) for path in snakemake.input.groups],
        Path(snakemake.output.distilled),
        Path(snakemake.output.record),
        job,
    )
