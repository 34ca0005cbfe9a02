"""The configs and sheets of docs/own-data.md are accepted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from fd2.config.checks import check_table, checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.config.names import SetName
from fd2.config.row_facts import row_facts
from fd2.config.rows import StudentRow
from fd2.config.variants import require_change

DOCUMENT = "docs/own-data.md"


def test_own_images_are_accepted(
    repository: Path, blocks: Callable[[str, str], list[str]], tmp_path: Path
) -> None:
    shutil.copytree(repository / "config", tmp_path / "config")
    sheet, _ = blocks(DOCUMENT, "csv")
    (tmp_path / "config/tables/mine.csv").write_text(sheet)
    mine, _, _ = blocks(DOCUMENT, "yaml")
    config = read_yaml(repository / "config/config.yaml")
    for above in (read_yaml(repository / "config/quickstart.yaml"), yaml.safe_load(mine)):
        config = merge(config, above)
    found = checked_configuration(config, "config/mine.yaml", tmp_path / "config")
    assert found.prepare("mine")["options"] == {"path": "photos/mine", "test_fraction": 0.25}
    assert {row.dataset for row in found.sheet("mine").rows} == {"mine"}
    assert found.slots(SetName("mine", "sre2lpp", "fd2", "base")) * 2 * 2 == 20


def test_the_sweep_of_an_image_folder(
    repository: Path, blocks: Callable[[str, str], list[str]], tmp_path: Path
) -> None:
    shutil.copytree(repository / "config", tmp_path / "config")
    _, sheet = blocks(DOCUMENT, "csv")
    (tmp_path / "config/tables/mine_sweep.csv").write_text(sheet)
    _, _, mine = blocks(DOCUMENT, "yaml")
    config: dict[str, Any] = read_yaml(repository / "config/config.yaml")
    for above in (read_yaml(repository / "config/quickstart.yaml"), yaml.safe_load(mine)):
        config = merge(config, above)
    found = checked_configuration(config, "config/mine_sweep.yaml", tmp_path / "config")
    check_table(found, "mine_sweep")
    assert found.prepare("mine_held_out")["held_out"] == 0.25
    rows = [row for row in found.sheet("mine_sweep").rows_of(StudentRow) if row.ipc is not None]
    for row in rows:
        require_change(found.values, row.variant, {"dataset": row.dataset}, "config")
    facts = [row_facts(found, row) for row in rows]
    labelled = [(each["labels"], each["training"]) for each in facts]
    random = [pair for row, pair in zip(rows, labelled, strict=True) if row.method == "random"]
    assert set(labelled) == set(random)
    assert {row.student for row in rows} == {"tf_efficientnet_lite0"}


def test_the_pattern_of_groups(repository: Path, blocks: Callable[[str, str], list[str]]) -> None:
    _, grouped, _ = blocks(DOCUMENT, "yaml")
    entry = yaml.safe_load(grouped)["datasets"]["mine"]
    config = merge(read_yaml(repository / "config/config.yaml"), yaml.safe_load(grouped))
    checked_configuration(config, "config/mine.yaml", repository / "config")
    match = re.search(entry["group_by"], "cups/cup12_view3.jpg")
    assert match is not None and match.groups() == ("cup12",)
