"""Rule measure: time and memory of one iteration that moves images."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, threads=snakemake.params.torch_threads) as job:
    from fd2.config.settings import DistillSettings, MeasureSettings, WholeSetSettings, build
    from fd2.stages.measure import measure_matching, measure_optimisation

    settings, manifest = snakemake.params.settings, Path(snakemake.input.manifest)
    measure = build(MeasureSettings, settings["measure"])
    measured = Path(snakemake.output.measured)
    if "match" in settings:
        whole = build(WholeSetSettings, settings["match"])
        teachers = [Path(path) for path in snakemake.input.teachers]
        measure_matching(whole, measure, manifest.parent, teachers, measured, job)
    else:
        measure_optimisation(
            build(DistillSettings, settings["distill"]),
            int(snakemake.wildcards.ipc),
            measure,
            manifest,
            Path(snakemake.input.patches),
            [Path(path) for path in snakemake.input.teachers],
            measured,
            job,
        )
