"""Rule match: the set of a matching method."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "match") as job:
    from fd2.config.settings import WholeSetSettings, build
    from fd2.stages.match import match

    match(
        build(WholeSetSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.output.distilled),
        Path(snakemake.output.record),
        job,
    )
