"""Rule match_trajectories: the set of a method whose students follow experts."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "match_trajectories") as job:
    from fd2.config.settings import WholeSetSettings, build
    from fd2.stages.match_trajectories import match_trajectories

    match_trajectories(
        build(WholeSetSettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        [Path(path) for path in snakemake.input.experts],
        [Path(path) for path in snakemake.input.teachers],
        Path(snakemake.output.distilled),
        Path(snakemake.output.record),
        job,
    )
