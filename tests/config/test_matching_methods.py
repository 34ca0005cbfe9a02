"""What is refused of matching methods before any job, and the loops that DC and DSA have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fd2.augment.differentiable import OPERATIONS
from fd2.config import plugins
from fd2.config.checks import checked_configuration
from fd2.config.experts import experts_of
from fd2.config.layers import read_layers, read_yaml
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.config.schema import config_schema
from fd2.errors import FD2Error
from fd2.planning.jobs import RuleJob
from fd2.planning.stage_settings import inputs_of

CONFIG = Path(__file__).resolve().parents[2] / "config"
DM = SetName("cub200", "dm", "plain", "base")
MINE = """\
tables: []
ablations: []
measurements: []
variants:
  own-labels: {evaluate: {protocol: direct, labels: learned}}
  own-rate:
    evaluate:
      protocol: direct
      labels: hard
      learning_rate: learned
  stored: {evaluate: {labels: hard, learning_rate: learned}}
"""


@pytest.fixture
def values() -> dict[str, Any]:
    return {**read_yaml(CONFIG / "config.yaml"), "tables": [], "ablations": [], "measurements": []}


def configured(values: dict[str, Any]) -> Configuration:
    return checked_configuration(values, "test", CONFIG)


def test_fd2_is_refused_of_a_method_without_teachers(values: dict[str, Any]) -> None:
    settings = configured(values)
    with pytest.raises(FD2Error, match="method 'dsa' with FD²") as refused:
        settings.whole_set(SetName("cub200", "dsa", "fd2", "base"), 1)
    assert "plain" in refused.value.fix


def test_a_network_in_which_images_meet_is_refused(values: dict[str, Any]) -> None:
    values["distill"]["methods"]["dm"]["network"] = "resnet18"
    settings = configured(values)
    with pytest.raises(FD2Error, match="network 'resnet18' has batch norm") as refused:
        settings.whole_set(DM, 1)
    assert "convnet" in refused.value.fix and "resnet" not in refused.value.fix


def test_budgets_are_not_bound_to_slots(values: dict[str, Any]) -> None:
    settings = configured(values)
    settings.check_ipc(DM, 50, "here")
    assert settings.whole_set(DM, 50)["images_per_class"] == 50


@pytest.mark.parametrize(
    ("ipc", "loops"), [(1, (1, 1)), (10, (10, 50)), (50, (50, 10)), (3, (3, 167)), (600, (600, 1))]
)
def test_loops_follow_the_public_code_and_ours_between(
    values: dict[str, Any], ipc: int, loops: tuple[int, int]
) -> None:
    own = configured(values).whole_set(SetName("cub200", "dsa", "plain", "base"), ipc)
    recipe = plugins.load("methods", "dsa").recipe(own["method_settings"], ipc)
    assert (recipe.outer_loops, recipe.inner_epochs) == loops
    given = {**own["method_settings"], "outer_loops": 2, "inner_epochs": 7}
    recipe = plugins.load("methods", "dsa").recipe(given, ipc)
    assert (recipe.outer_loops, recipe.inner_epochs) == (2, 7)


def test_direct_students_learn_from_class_labels(values: dict[str, Any]) -> None:
    cell = Cell(SetName("cub200", "random", "plain", "direct"), 1, "resnet18", 0)
    settings = configured(values).evaluate(cell)
    assert (settings["labels"], settings["direct"]["momentum"]) == ("hard", 0.9)
    base = Cell(SetName("cub200", "random", "plain", "base"), 1, "resnet18", 0)
    assert configured(values).evaluate(base)["direct"] is None
    assert configured(values).evaluate(base)["momentum"] is None
    values["evaluate"]["optimiser"] = "sgd"
    assert configured(values).evaluate(base)["momentum"] == 0.9
    # Of the other protocol, which has its own.
    assert configured(values).evaluate(cell) == settings
    values["evaluate"]["fine_tuning"]["epochs"] = 50
    assert configured(values).evaluate(base)["fine_tuning"]["batch_size"] == 64
    with pytest.raises(FD2Error, match=r"'evaluate.fine_tuning' under protocol 'direct'"):
        configured(values).evaluate(cell)
    values["evaluate"]["fine_tuning"]["epochs"] = 0
    assert configured(values).evaluate(base)["fine_tuning"] is None
    values["evaluate"]["protocol"] = "direct"
    with pytest.raises(FD2Error, match="protocol 'direct' with soft labels"):
        configured(values).evaluate(base)
    # One label of each image as it is, which all epochs see again.
    given = dict(values["relabel"])
    own = {**given, "crop_scale": None, "cutmix_alpha": None, "stored_epochs": 1}
    values["relabel"] = own
    assert configured(values).evaluate(base)["labels"] == "soft"
    for key in ("crop_scale", "cutmix_alpha", "stored_epochs"):
        values["relabel"] = {**own, key: given[key]}
        with pytest.raises(FD2Error, match="one of each image as it is"):
            configured(values).evaluate(base)


def test_what_a_method_does_not_learn_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    settings = configured(read_layers(CONFIG / "config.yaml", [path]))

    def cell(variant: str) -> Cell:
        return Cell(SetName("cub200", "dm", "plain", variant), 1, "convnet", 0)

    for variant, line, message in (
        ("own-labels", 5, "'evaluate.labels' is 'learned', and method 'dm' learns no labels"),
        ("own-rate", 10, "'evaluate.learning_rate' is 'learned', and method 'dm' learns no rate"),
        ("stored", 11, "'evaluate.learning_rate' is 'learned' under protocol 'decoupled'"),
    ):
        with pytest.raises(FD2Error) as refused:
            settings.evaluate(cell(variant))
        assert refused.value.what == message
        assert f"mine.yaml, line {line}" in refused.value.where
        assert cell(variant).path() in refused.value.where
    monkeypatch.setattr(plugins.load("methods", "dm"), "LEARNS", ("labels", "rate"), raising=False)
    assert settings.evaluate(cell("own-labels"))["labels"] == "learned"
    assert settings.evaluate(cell("own-rate"))["learning_rate"] == "learned"


def test_stored_labels_are_not_of_pictures(values: dict[str, Any]) -> None:
    values["evaluate"]["pictures"] = True
    cell = Cell(SetName("cub200", "dm", "plain", "base"), 1, "resnet18", 0)
    with pytest.raises(FD2Error, match=r"'evaluate\.pictures' with soft labels"):
        configured(values).evaluate(cell)


def test_the_operations_that_may_be_set_are_those_that_there_are() -> None:
    assert config_schema()["$defs"]["augmentation"]["items"]["enum"] == list(OPERATIONS)


@pytest.mark.parametrize("fd2", ["plain", "fd2"])
def test_a_coreset_looks_at_a_plain_teacher(values: dict[str, Any], fd2: str) -> None:
    """With FD² its labels alone are of another; its record names the one that it looked at."""
    settings = configured(values)
    name = SetName("cub200", "herding", fd2, "base")
    plain = Teacher("cub200", "resnet18", "plain")
    assert settings.distill_teachers(name) == [plain]
    job = RuleJob("select_images", f"distilled/{name}/ipc1", (name.images(1),), pending=True)
    assert inputs_of(settings, job) == {"teacher0": plain.path()}


@pytest.mark.parametrize("method", ["edf", ["dm", "edf"]])
def test_an_override_of_matching_methods_can_look_at_the_images_per_class(
    values: dict[str, Any], method: str | list[str]
) -> None:
    own = {"iterations": 7, "teachers": ["resnet50"], "network": "convnet_d5"}
    values["overrides"]["few"] = {
        "where": {"dataset": "cub200", "method": method, "ipc": [1, 3]},
        "set": {"distill": {"seed": 5, "methods": {"edf": own}}},
    }
    settings, edf = configured(values), SetName("cub200", "edf", "plain", "base")
    for ipc, few in ((1, True), (3, True), (10, False)):
        found = settings.whole_set(edf, ipc)
        assert (found["method_settings"]["iterations"] == 7, found["seed"] == 5) == (few, few)
        backbones = [teacher.backbone for teacher in settings.distill_teachers(edf, ipc)]
        assert backbones == ["resnet50" if few else "resnet18"]
        assert {one.backbone for one in experts_of(settings, edf, ipc)} == {
            "convnet_d5" if few else "convnet"
        }
        job = RuleJob("match_trajectories", f"distilled/{edf}/ipc{ipc}", (edf.images(ipc),), True)
        teachers = [path for role, path in inputs_of(settings, job).items() if "teacher" in role]
        assert teachers == [Teacher("cub200", backbones[0], "plain").path()]


@pytest.mark.parametrize("where", [{}, {"method": "sre2lpp"}, {"method": ["edf", "random"]}])
def test_no_other_override_of_distillation_can(
    values: dict[str, Any], where: dict[str, Any]
) -> None:
    values["overrides"]["few"] = {
        "where": {**where, "ipc": 1},
        "set": {"distill": {"methods": {"edf": {"iterations": 7}}}},
    }
    with pytest.raises(FD2Error, match="changes 'distill' depending on ipc"):
        configured(values)
