"""Stage match_trajectories: the set of a method whose students follow experts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fd2.artifacts.images import moved, write_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.config import plugins
from fd2.config.settings import WholeSetSettings
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import read_teacher
from fd2.runtime.job import Job
from fd2.runtime.state import stage_state
from fd2.trajectories.flat_network import flat_network
from fd2.trajectories.matching import follow_experts
from fd2.trajectories.stored_expert import read_expert


def match_trajectories(
    settings: WholeSetSettings,
    data: Path,
    experts: Sequence[Path],
    teachers: Sequence[Path],
    output: Path,
    record_file: Path,
    job: Job,
) -> None:
    """Make the images and write them in float32, with the learned rate and labels.

    ``teachers`` is a plain teacher for an enhancement, or none. A job that was stopped goes on from
    its state and ends in the same bytes.

    Raises:
        FD2Error: if an expert is of another network or of other data, or trained for too few
            epochs; a class has too few images to start from; what is learned stops being finite; or
            no iteration was within the threshold.
        StoppedError: if a signal came; the state is written.
    """
    dataset = open_prepared(data)
    manifest, count = dataset.manifest, settings.images_per_class
    digest = manifest.digest()
    recipe = plugins.load("methods", settings.method).recipe(settings.method_settings, count)
    network = flat_network(recipe.network, dataset, job.device)
    weights = [read_expert(path, network, digest).weights for path in experts]
    loaded = [read_teacher(path, job.device, normalised=True) for path in teachers]
    same_manifest(
        {str(data): digest}
        | {str(p): t.metadata["manifest"] for p, t in zip(teachers, loaded, strict=True)}
    )
    inputs = {path.stem: path for path in experts}
    inputs |= {f"teacher{number}": path for number, path in enumerate(teachers)}
    shaped = shaped_by("match_trajectories", settings, digest, inputs)
    with stage_state(job, shaped) as state:
        made = follow_experts(
            recipe,
            network,
            dataset,
            weights,
            count,
            settings.seed,
            job.device,
            state.part("matching"),
            teacher=loaded[0].network.backbone if loaded else None,
        )
        if recipe.iterations and made.skipped == recipe.iterations:
            raise FD2Error(
                f"all {made.skipped} iterations were skipped, so the set is its start: the least "
                f"distance was {made.nearest:.4g}, above the threshold {recipe.threshold}",
                f"method '{settings.method}'",
                "raise 'threshold', train experts for more epochs, or give another 'initial_rate'",
            )
        facts = {**shaped, **manifest.statistics, "moved": moved(made.images, made.start)}
        write_distilled(
            output, made.images, facts, learned_labels=made.labels, learned_rate=made.rate
        )
        looked = {"interval": recipe.enhancement.interval} if recipe.enhancement else {}
        result = {"areas": list(made.areas), "skipped": made.skipped, **looked}
        write_record(record_file, {"result": result, **record(shaped, job.facts())})
        state.remove()
