"""Rule import_set: a set that others made."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake) as job:
    from fd2.config.settings import WholeSetSettings, build
    from fd2.stages.import_set import import_set

    import_set(
        build(WholeSetSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.input.teachers[0]),
        Path(snakemake.output.distilled),
        Path(snakemake.output.record),
        job,
    )
