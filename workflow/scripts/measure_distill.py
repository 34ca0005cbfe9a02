"""Rule measure_distill: time and memory of one distillation iteration."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, threads=snakemake.params.torch_threads) as job:
    from fd2.config.settings import DistillSettings, MeasureSettings, build
    from fd2.stages.measure_distill import measure_distill

    measure_distill(
        build(DistillSettings, snakemake.params.settings),
        build(MeasureSettings, snakemake.params.measure),
        Path(snakemake.input.manifest),
        Path(snakemake.input.patches),
        [Path(path) for path in snakemake.input.teachers],
        Path(snakemake.output.measured),
        job,
    )
