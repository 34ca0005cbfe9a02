"""Names of a config become parts of paths: none leads elsewhere or means something to a shell."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.config.checks import checked_configuration
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
BASE: dict[str, Any] = yaml.safe_load((CONFIG / "config.yaml").read_text())
HOSTILE = (
    *("../x", "a/b", "/etc/x", "..", ".", "a;b", "a b", "a\n", "\na", "a\nb", "a$(b)", "a`b`"),
    *("a|b", "a&b", "a>b", "a'b", 'a"b', "a\\b", "a\0b", "", "{a}", "a*", "-x", "~", "é"),
)
#: A name may begin with a hyphen where nothing is named by it alone.
ALLOWED = {("figures", "-x")}


def with_name(section: str, name: str) -> dict[str, Any]:
    config = copy.deepcopy(BASE)
    if section == "tables":
        config["tables"] = [name]
    elif section == "preset":
        config["preset"] = name
    elif section == "variants":
        config["variants"] = {name: {"evaluate": {"eta": 1}}}
    else:
        config[section][name] = next(iter(config[section].values()))
    return config


@pytest.mark.parametrize("section", ["datasets", "figures", "tables", "variants", "preset"])
def test_names_that_lead_elsewhere_are_refused(section: str) -> None:
    for name in HOSTILE:
        if (section, name) in ALLOWED:
            continue
        with pytest.raises(FD2Error):
            checked_configuration(with_name(section, name), "config.yaml", CONFIG)


@pytest.mark.parametrize("column", ["dataset", "method", "fd2", "variant", "ipc", "student"])
def test_so_are_those_of_a_sheet(column: str, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "presets").symlink_to(CONFIG / "presets")
    row = {
        **{"dataset": "elpv", "method": "random", "fd2": "plain", "variant": "base"},
        **{"ipc": "1", "student": "resnet18", "published": ""},
    }
    config = {**BASE, "tables": ["mine"], "ablations": [], "measurements": [], "figures": {}}
    sheet = tmp_path / "tables" / "mine.csv"
    for name in ("../x", "a;b", "a/b", "$(a)", "1\n2"):
        values = {**row, column: name}
        quoted = ",".join(f'"{value}"' for value in values.values())
        sheet.write_text(f"{','.join(row)}\n{quoted}\n")
        with pytest.raises(FD2Error):
            checked_configuration(config, "config.yaml", tmp_path)
    sheet.write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    assert (
        checked_configuration(config, "config.yaml", tmp_path).sheet("mine").rows[0].dataset
        == "elpv"
    )
