"""Rule assemble: the first slots as one distilled set."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import logged, start_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0]):
    from fd2.stages.assemble import assemble

    assemble(
        int(snakemake.wildcards.ipc),
        [Path(path) for path in snakemake.input.groups],
        Path(snakemake.output.distilled),
        Path(snakemake.output.record),
        start_job("cpu", snakemake.threads),
    )
