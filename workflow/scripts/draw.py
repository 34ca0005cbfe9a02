"""Rule draw: one figure."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.stages.draw import draw

    draw(
        json.loads(snakemake.params.spec),
        {
            role: [Path(path) for path in paths]
            for role, paths in snakemake.input.items()
            if role != "code"
        },
        Path(snakemake.output.png).with_suffix(""),
    )
