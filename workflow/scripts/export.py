"""Rule export: a distilled set as a zip of pictures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.config.names import SetName
    from fd2.stages.export import export

    names = snakemake.wildcards
    export(
        SetName(names.dataset, names.method, names.fd2, names.variant),
        int(names.ipc),
        Path(snakemake.input.distilled),
        Path(snakemake.input.manifest),
        [Path(path) for path in snakemake.input.groups],
        Path(snakemake.input.card),
        Path(snakemake.output.archive),
        [Path(path) for path in snakemake.params.students],
    )
