"""A tiny chain of real artefacts: 48 photographs of solar cells, two teachers, patches."""

from __future__ import annotations

import importlib.util
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from fd2.artifacts.images import read_slots
from fd2.augment.views import Views
from fd2.config.label_storage import LabelStorage
from fd2.config.settings import (
    DistillSettings,
    EvaluateSettings,
    PatchSettings,
    PretrainSettings,
    RelabelSettings,
    WholeSetSettings,
    build,
)
from fd2.networks.backbone import Backbone
from fd2.runtime.job import Job, StateSettings, start_job
from fd2.stages.assemble import assemble
from fd2.stages.distill import distill
from fd2.stages.patches import make_patches
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.pretrain import pretrain
from fd2.stages.relabel import relabel

RESOLUTION = 32
PER_CLASS = {"train": 12, "test": 4}
#: Cell type and probability of a defect, the first and last columns of the package's list.
GRADES = (("mono", 0.0), ("mono", 1.0), ("poly", 0.0))

#: By stage; tests change single values.
TINY: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "chain.yaml").read_text())


def pretrain_settings(training: str, **changes: Any) -> PretrainSettings:
    of_cal = {key: changes.pop(key) for key in list(changes) if key in TINY["cal"]}
    cal = {**TINY["cal"], **of_cal} if training != "plain" else None
    values = {**TINY["pretrain"], "training": training, "cal": cal}
    return build(PretrainSettings, {**values, **changes})


def patch_settings(**changes: Any) -> PatchSettings:
    return build(PatchSettings, {**TINY["patches"], **changes})


def distill_settings(own: dict[str, Any] | None = None, **changes: Any) -> DistillSettings:
    base = TINY["distill"]
    whole = {**base, "method_settings": {**base["method_settings"], **(own or {})}, **changes}
    return build(DistillSettings, whole)


def relabel_settings(**changes: Any) -> RelabelSettings:
    return build(RelabelSettings, {**TINY["relabel"], **changes})


def evaluate_settings(**changes: Any) -> EvaluateSettings:
    return build(EvaluateSettings, {**TINY["evaluate"], **changes})


def select_settings(method: str, count: int, **own: Any) -> WholeSetSettings:
    same = {key: TINY["distill"][key] for key in ("dataset", "variant", "preset", "seed")}
    values = {"method": method, "fd2": "plain", "images_per_class": count, "method_settings": own}
    return build(WholeSetSettings, {**same, **values})


@dataclass(frozen=True)
class Chain:
    """Shared artefacts; tests read them and write elsewhere.

    Attributes:
        job: on the CPU with one thread.
        images: the image folder.
        data: prepared from it.
        plain, cal: teacher files.
        patches: 1x1, four slots.
    """

    job: Job
    images: Path
    data: Path
    plain: Path
    cal: Path
    patches: Path
    pretrain_settings: Callable[..., PretrainSettings] = field(default=pretrain_settings)
    patch_settings: Callable[..., PatchSettings] = field(default=patch_settings)
    distill_settings: Callable[..., DistillSettings] = field(default=distill_settings)
    relabel_settings: Callable[..., RelabelSettings] = field(default=relabel_settings)
    evaluate_settings: Callable[..., EvaluateSettings] = field(default=evaluate_settings)
    select_settings: Callable[..., WholeSetSettings] = field(default=select_settings)

    def group(
        self,
        output: Path,
        settings: DistillSettings | None = None,
        *,
        teachers: Sequence[Path] | None = None,
        state: Path | None = None,
    ) -> Path:
        """Distil a group of slots into ``output``."""
        distill(
            settings or distill_settings(),
            self.data / "manifest.json",
            self.patches,
            teachers or [self.cal],
            output,
            output.with_suffix(".json"),
            replace(self.job, state=StateSettings(state or output.parent / ".state", 300)),
        )
        return output

    def moved(self, group: Path) -> float:
        """The share of a group's bytes that differ from the initial patches."""
        stored = read_slots(group)
        patches = read_slots(self.patches).images[list(stored.slots)]
        return float((stored.images != patches).double().mean())


# First, because xdist's own hook reads the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups and their order for ``pytest -n 2 --dist loadgroup --no-loadscope-reorder``.

    Tests of a file share its fixtures, so one process runs them. Runs of snakemake come first, as
    the longest are among them: one file makes the finished tiny workflow, others that wait for it
    come later.
    """
    waiting = [item.path for item in items if "finished" in getattr(item, "fixturenames", ())]
    runs = {item.path for item in items if item.get_closest_marker("workflow")}

    def place(item: pytest.Item) -> int:
        if item.path in waiting:
            return 0 if item.path == waiting[0] else 2
        return 1 if item.path in runs else 3

    for item in items:
        item.add_marker(pytest.mark.xdist_group(str(item.path)))
    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One thread for every test: more of them fight for the cores, and round differently."""
    return start_job("cpu", 1, state=StateSettings(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="session")
def cell_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real photographs of three grades of solar cells as an image folder."""
    spec = importlib.util.find_spec("elpv_dataset")
    assert spec is not None and spec.origin is not None
    package = Path(spec.origin).parent / "data"
    rows = [line.split() for line in (package / "labels.csv").read_text().splitlines() if line]
    root = tmp_path_factory.mktemp("cells")
    for kind, probability in GRADES:
        names = iter(r[0] for r in rows if (r[2], float(r[1])) == (kind, probability))
        for split, count in PER_CLASS.items():
            folder = root / split / f"{kind}_{round(100 * probability):03d}"
            folder.mkdir(parents=True)
            for _ in range(count):
                shutil.copy(package / next(names), folder)
    return root


@pytest.fixture(scope="session")
def chain(cell_images: Path, job: Job, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    root = tmp_path_factory.mktemp("chain")
    made = Chain(
        job,
        cell_images,
        root / "data",
        root / "plain.safetensors",
        root / "cal.safetensors",
        root / "patches.safetensors",
    )
    options = {"path": str(cell_images)}
    prepare(PrepareSettings("cells", "imagefolder", RESOLUTION, options), made.data, job)
    for training, path in (("plain", made.plain), ("cal", made.cal)):
        pretrain(pretrain_settings(training), made.data, path, path.with_suffix(".json"), job)
    record = made.patches.with_suffix(".json")
    make_patches(patch_settings(), made.data, made.plain, made.patches, record, job)
    return made


@pytest.fixture(scope="session")
def group(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three FD² slots, distilled in one go."""
    return chain.group(tmp_path_factory.mktemp("group") / "group0.safetensors")


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What any backbone in training mode is fed, in order, as it computes undisturbed."""
    seen: list[torch.Tensor] = []
    features = Backbone.features

    def recorded(self: Backbone, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            seen.append(images.detach().clone())
        return features(self, images)

    monkeypatch.setattr(Backbone, "features", recorded)
    return seen


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, signal.Signals], None]:
    """Send this process a signal during the n-th forward pass from now, which runs undisturbed."""
    features = Backbone.features

    def arm(passes: int, number: signal.Signals = signal.SIGTERM) -> None:
        left = [passes]

        def counted(self: Backbone, images: torch.Tensor) -> torch.Tensor:
            left[0] -= 1
            if left[0] == 0:
                signal.raise_signal(number)
            return features(self, images)

        monkeypatch.setattr(Backbone, "features", counted)

    return arm


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Views, torch.Tensor]]:
    """Every view and what it shows, as it computes undisturbed."""
    seen: list[tuple[Views, torch.Tensor]] = []
    apply = Views.apply

    def recorded(self: Views, images: torch.Tensor, size: int) -> torch.Tensor:
        shown = apply(self, images, size)
        seen.append((self, shown.detach().clone()))
        return shown

    monkeypatch.setattr(Views, "apply", recorded)
    return seen


@pytest.fixture(scope="session")
def nine(chain: Chain, group: Path) -> Path:
    """Nine distilled images: with batches of 8 at most, halves of 2, 3, 2 and 2."""
    path = group.with_name("ipc3.safetensors")
    assemble(3, [group], path, path.with_suffix(".json"), chain.job)
    return path


@pytest.fixture(scope="session")
def labels(chain: Chain, nine: Path) -> Path:
    """Soft labels of the nine images by the CAL teacher, two epochs."""
    folder = nine.with_name("labels")
    relabel(relabel_settings(), nine, [chain.cal], folder, chain.job)
    return folder


@pytest.fixture
def results(chain: Chain, nine: Path, labels: Path, tmp_path: Path) -> Path:
    """A results folder with the nine images as FD²'s of three a class, and their soft labels."""
    root, name = tmp_path / "results", "cells/sre2lpp/fd2/base/ipc3"
    shutil.copytree(chain.data, root / "data/cells")
    shutil.copytree(labels, root / "labels" / name)
    distilled = root / "distilled" / f"{name}.safetensors"
    distilled.parent.mkdir(parents=True)
    shutil.copy(nine, distilled)
    return root


@pytest.fixture(scope="session")
def packed_labels(chain: Chain, nine: Path) -> Path:
    """The first epoch of the same in 8 bits, two classes of each; students train it twice."""
    folder = nine.with_name("packed_labels")
    storage = LabelStorage(top_k=2, bits=8, stored_epochs=1)
    relabel(relabel_settings(storage=storage), nine, [chain.cal], folder, chain.job)
    return folder
