"""Rules summarise and summarise_partial: the page that tells what was run."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import script

with script(snakemake):
    from fd2.report.commands import Invocation
    from fd2.report.page import PageSources
    from fd2.stages.summarise import summarise

    asked = json.loads(snakemake.params.page)
    sources = PageSources(
        results=Path(asked["results"]),
        benchmarks=Path(asked["benchmarks"]),
        tables={name: Path(path) for name, path in asked["tables"].items()},
        numbers={name: [Path(path) for path in paths] for name, paths in asked["numbers"].items()},
        figures={name: Path(path) for name, path in asked["figures"].items()},
        settings=asked["settings"],
        invocation=Invocation(asked["config_files"], asked["config"]),
        texts=Path(snakemake.input.template).parents[1],
    )
    summarise(
        sources,
        Path(snakemake.output.page),
        Path(snakemake.output.classes),
        Path(snakemake.output.confusions),
    )
