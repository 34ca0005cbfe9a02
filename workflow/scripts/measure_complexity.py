"""Rule measure_complexity: how complex a dataset's classes are to a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake) as job:
    from fd2.config.complexity import ComplexitySettings
    from fd2.config.settings import build
    from fd2.stages.measure_complexity import measure_complexity

    measure_complexity(
        build(ComplexitySettings, snakemake.params.settings),
        Path(snakemake.input.manifest).parent,
        Path(snakemake.input.network),
        Path(snakemake.output.record),
        Path(snakemake.output.classes),
        job,
    )
