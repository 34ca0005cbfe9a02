"""Rule export: a distilled set as a zip of pictures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.config.names import SetName
    from fd2.stages.export import Sources, export

    inputs, records = snakemake.input, snakemake.params.records
    sources = Sources(
        Path(inputs.distilled),
        Path(inputs.manifest),
        Path(inputs.card).parent,
        groups=[Path(path) for path in inputs.groups],
        **{kind: [Path(path) for path in paths] for kind, paths in records.items()},
    )
    names = dict(snakemake.wildcards.items())
    export(SetName.parse(names), int(names["ipc"]), sources, Path(snakemake.output.archive))
