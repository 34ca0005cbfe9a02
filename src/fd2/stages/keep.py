"""Stage keep: the weights of a student, under its library's names, to be loaded without fd2."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.tensors import write_tensors
from fd2.config import plugins
from fd2.config.settings import EvaluateSettings
from fd2.runtime.job import Job
from fd2.runtime.state import stage_state
from fd2.stages.evaluate import open_students


def keep(
    settings: EvaluateSettings,
    data: Path,
    distilled: Path,
    labels: Path | None,
    weights: Path,
    job: Job,
) -> None:
    """Train the student of a cell once more, and write its weights and a record beside them.

    On the same kind of processor it ends in the cell's numbers. The file's metadata tell what is
    needed to use it: network, classes, normalisation and accuracy.

    Raises:
        FD2Error: as stage evaluate does.
        StoppedError: if a signal came; the state is written.
    """
    given = open_students([settings], data, distilled, labels, job)
    shaped = shaped_by("keep", settings, given.manifest, given.inputs)
    with stage_state(job, shaped) as state:
        training = given.training(settings, job.device)
        result = training.run(state.part("training"))
        student, manifest = training.student, given.dataset.manifest
        plain = student.plain_names()
        plugin = plugins.load("backbones", settings.student)
        origin = getattr(plugin, "ORIGIN", ("fd2", settings.student))
        facts = {
            "network": dict(zip(("library", "model"), origin, strict=True)),
            "classes": list(manifest.classes),
            **manifest.statistics,
            "channels": manifest.channels,
            "resolution": manifest.resolution,
            "stem": settings.stem,
            "transformer": settings.transformer and asdict(settings.transformer),
            "accuracy": result["last"],
        }
        tensors = {plain[name]: value for name, value in student.state_dict().items()}
        write_tensors(weights, tensors, {**shaped, **facts})
        content = {"preset": settings.preset, "result": result, **record(shaped, job.facts())}
        write_record(weights.with_suffix(".json"), content)
        state.remove()
