"""Rules tabulate and tabulate_partial: fill one table from its cells."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.stages.tabulate import tabulate

    tabulate(
        Path(snakemake.input.sheet),
        Path(snakemake.params.results),
        snakemake.params.seeds,
        json.loads(snakemake.params.facts),
        Path(snakemake.input.templates[0]).parent,
        Path(snakemake.output.csv).with_suffix(""),
        snakemake.params.earlier,
    )
