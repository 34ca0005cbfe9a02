"""Rule measure_distill: time and memory of one distillation iteration."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0]):
    from fd2.config.settings import DistillSettings, MeasureSettings, build
    from fd2.stages.measure_distill import measure_distill

    measure_distill(
        build(DistillSettings, snakemake.params.settings),
        build(MeasureSettings, snakemake.params.measure),
        Path(snakemake.input.manifest),
        Path(snakemake.input.patches),
        [Path(path) for path in snakemake.input.teachers],
        Path(snakemake.output.measured),
        start_job(snakemake.resources.device, snakemake.params.torch_threads),
    )
