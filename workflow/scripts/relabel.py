"""Rule relabel: store soft labels and their augmentation."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, "relabel") as job:
    from fd2.config.settings import RelabelSettings, build
    from fd2.stages.relabel import relabel

    relabel(
        build(RelabelSettings, snakemake.params.settings),
        Path(snakemake.input.distilled),
        [Path(path) for path in snakemake.input.teachers],
        Path(snakemake.output.logits).parent,
        job,
    )
