"""Rule tabulate: fill one table from its cells."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with logged(snakemake.log[0]):
    from fd2.stages.tabulate import tabulate

    output = Path(snakemake.output.csv)
    tabulate(
        Path(snakemake.input.sheet),
        output.parents[1],
        snakemake.params.seeds,
        output.with_suffix(""),
    )
