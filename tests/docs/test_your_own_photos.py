"""The pattern of docs/your-own-photos.md and the sweep of docs/running.md are accepted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import yaml

from fd2.config.checks import check_table, checked_configuration
from fd2.config.layers import merge, read_layers
from fd2.config.row_facts import row_facts
from fd2.config.rows import StudentRow
from fd2.config.variants import require_change
from fd2.config.yaml_reader import read_yaml

DOCUMENT = "docs/your-own-photos.md"


def test_the_sweep_of_an_image_folder(workspace: Path) -> None:
    folder = workspace / "config"
    files = [folder / "mine.yaml", folder / "mine_sweep.yaml"]
    found = checked_configuration(read_layers(folder / "config.yaml", files), "config", folder)
    kept, entry = (found.prepare(name) for name in ("mine", "mine_held_out"))
    assert kept["resolution"] == entry["resolution"]
    assert kept["options"]["test_fraction"] == entry["options"]["test_fraction"]
    check_table(found, "mine_sweep")
    assert found.prepare("mine_held_out")["held_out"] == 0.25
    rows = [row for row in found.sheet("mine_sweep").rows_of(StudentRow) if row.ipc is not None]
    for row in rows:
        require_change(found.values, row.variant, {"dataset": row.dataset}, "config")
    facts = [row_facts(found, row) for row in rows]
    labelled = [(each["labels"], each["training"]) for each in facts]
    random = [pair for row, pair in zip(rows, labelled, strict=True) if row.method == "random"]
    assert set(labelled) == set(random)
    assert {row.student for row in rows} == {"resnet10t"}


def test_the_pattern_of_groups(repository: Path, blocks: Callable[[str, str], list[str]]) -> None:
    (grouped,) = blocks(DOCUMENT, "yaml")
    entry = yaml.safe_load(grouped)["datasets"]["mine"]
    config = merge(read_yaml(repository / "config/config.yaml"), yaml.safe_load(grouped))
    checked_configuration(config, "config/mine.yaml", repository / "config")
    match = re.search(entry["group_by"], "cups/cup12_view3.jpg")
    assert match is not None and match.groups() == ("cup12",)
