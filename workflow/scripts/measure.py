"""Rule measure: time and memory of one iteration that moves images, or of a selection."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fd2.runtime.job import stage_job

with stage_job(snakemake, threads=snakemake.params.torch_threads) as job:
    from fd2.config.settings import (
        DistillSettings,
        MeasureSettings,
        PatchSettings,
        WholeSetSettings,
        build,
    )
    from fd2.stages.measure import measure_matching, measure_optimisation, measure_selection

    settings, manifest = snakemake.params.settings, Path(snakemake.input.manifest)
    teachers = [Path(path) for path in snakemake.input.teachers]
    measured = Path(snakemake.output.measured)
    if "select" in settings:
        whole = build(WholeSetSettings, settings["select"])
        scored = settings["patches"]
        patches = None if scored is None else build(PatchSettings, scored)
        measure_selection(whole, patches, manifest.parent, teachers, measured, job)
    elif "match" in settings:
        whole = build(WholeSetSettings, settings["match"])
        measure = build(MeasureSettings, settings["measure"])
        measure_matching(whole, measure, manifest.parent, teachers, measured, job)
    else:
        measure_optimisation(
            build(DistillSettings, settings["distill"]),
            int(snakemake.wildcards.ipc),
            build(MeasureSettings, settings["measure"]),
            manifest,
            Path(snakemake.input.patches),
            teachers,
            measured,
            job,
        )
