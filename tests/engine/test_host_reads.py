"""A step of distillation reads no value on the host, and computes on one device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from tests.fake_tensors import READS_A_VALUE, fake_module, fake_tensors
from torch._subclasses.fake_tensor import FakeTensorMode

from fd2.augment.normalise import Normaliser
from fd2.augment.views import Views
from fd2.config import plugins
from fd2.engine.group import Slot
from fd2.engine.optimise import ImageSteps
from fd2.engine.terms import TeacherTerms
from fd2.engine.views import plan_views
from fd2.methods._interface import Phase, Recipe
from fd2.networks.stored_teacher import LoadedTeacher, build_teacher
from fd2.networks.teacher import Teacher
from fd2.regularisers._interface import Regulariser
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import precision_on

SIZE, CLASSES, STEPS = 48, 3, 2
NORMALISER = Normaliser((0.5, 0.5, 0.5), (0.25, 0.2, 0.3))
SETTINGS: dict[str, dict[str, Any]] = {
    "characteristic": {"weight": 0.8, "alpha": 0.5, "prototypes": "normalised"},
    "similarity": {"weight": 0.2, "crop": "shared"},
    "total_variation": {"weight": 0.1},
}
FD2 = {name: plugins.load("regularisers", name).build(each) for name, each in SETTINGS.items()}


@dataclass(frozen=True)
class Case:
    """A method, with or without FD²'s terms."""

    backbones: tuple[str, ...]
    regularisers: dict[str, Regulariser]
    cal_ratio: float
    in_turn: bool = False
    mixed: bool = False


TWO = ("resnet10t", "shufflenet_v2")
CASES = {
    "sre2lpp plain": Case(TWO[:1], {}, 0.0),
    "sre2lpp fd2": Case(TWO[:1], FD2, 0.3),
    "fadrmplus plain": Case(TWO, {}, 0.0, in_turn=True, mixed=True),
    "fadrmplus fd2": Case(TWO, FD2, 0.3, in_turn=True, mixed=True),
    "mean over teachers": Case(TWO, FD2, 0.3),
}


@pytest.fixture(scope="module")
def networks() -> dict[str, Teacher]:
    return {
        name: build_teacher(name, CLASSES, 4, initialisation="scratch", seed=0).freeze()
        for name in TWO
    }


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    with fake_tensors(monkeypatch) as mode:
        yield mode


@pytest.fixture
def start(
    networks: dict[str, Teacher], make_slot: Callable[..., Slot], fake: FakeTensorMode
) -> Callable[[Case, str], tuple[ImageSteps, Views]]:
    """Steps of a case on a device, and the views of its phase."""

    def begin(case: Case, device: str) -> tuple[ImageSteps, Views]:
        phases = (Phase(SIZE, STEPS),)
        # Autocast for CUDA needs a GPU.
        mixed = case.mixed and device == "cpu"
        recipe = Recipe(phases, 0.1, (0.5, 0.9), 0.01, 10.0, (0.2, 1.0), 4, case.in_turn, mixed)
        terms = []
        for index, name in enumerate(case.backbones):
            teacher = LoadedTeacher(fake_module(networks[name], device), NORMALISER, {})
            options = (case.cal_ratio, 0.01, 10.0, case.regularisers)
            terms.append(TeacherTerms(teacher, index, *options))
        patches = torch.randn(CLASSES, 3, SIZE, SIZE, device=device)
        labels = torch.arange(CLASSES, device=device)
        earlier = torch.rand(2, CLASSES, 4, 2, 2, device=device)
        slot = make_slot(recipe, terms, patches, labels, earlier)
        views = plan_views(recipe, phases[0], ("test",)).to(device)
        return ImageSteps(slot, patches, precision_on(patches.device, mixed)), views

    return begin


Start = Callable[[Case, str], tuple[ImageSteps, Views]]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step_reads_nothing(start: Start, case: Case) -> None:
    """Forward, backward, Adam and clipping, and the flags of what is not finite."""
    steps, views = start(case, "cpu")
    watch = FiniteWatch("abc", "slot of the test", "no fix")
    rows = torch.arange(CLASSES)
    for number in range(STEPS):
        losses = steps.step(number, views[number : number + 1])
        watch.note(number, losses, steps.images, rows)
    assert set(losses) == {"class", "batch_norm", *case.regularisers}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_forward_pass_stays_on_its_device(start: Start, case: Case) -> None:
    steps, views = start(case, "cuda")
    for number in range(STEPS):
        losses = steps.losses(number, views[number : number + 1])
        assert {loss.device.type for loss in losses.values()} == {"cuda"}


def test_a_term_that_reads_a_value_is_noticed(start: Start) -> None:
    for reading in (
        lambda step: step.images.mean() * step.images.mean().item(),
        lambda step: step.images.mean() if step.images.mean() > 0 else step.images.std(),
        lambda step: step.images[step.images > 0].mean(),
        lambda step: step.images.mean() * step.labels.tolist()[0],
    ):
        steps, views = start(Case(TWO[:1], {"reading": Regulariser(1.0, reading)}, 0.0), "cpu")
        with pytest.raises(READS_A_VALUE):
            steps.step(0, views[:1])


def test_a_term_on_another_device_is_noticed(start: Start) -> None:
    elsewhere = Regulariser(1.0, lambda step: (step.images * torch.ones(SIZE)).mean())
    steps, views = start(Case(TWO[:1], {"elsewhere": elsewhere}, 0.0), "cuda")
    with pytest.raises(RuntimeError, match="same device"):
        steps.losses(0, views[:1])
