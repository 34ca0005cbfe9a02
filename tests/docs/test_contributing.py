"""Each file of templates/ is copied to where it says, found as a plug-in, and run."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch

import fd2
from fd2.artifacts.manifests import Manifest
from fd2.artifacts.prepared import open_prepared, write_prepared
from fd2.artifacts.records import write_record
from fd2.augment.views import identity
from fd2.config import plugins
from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.config.names import SetName
from fd2.config.resolve import Configuration
from fd2.config.rows import StudentRow
from fd2.config.schema import config_schema
from fd2.config.sheets import read_sheet
from fd2.errors import FD2Error
from fd2.methods._interface import SelectionRequest
from fd2.networks.teacher import TeacherOutput
from fd2.regularisers._interface import Step
from fd2.stages.draw import draw

Load = Callable[[str], ModuleType]
DOCUMENT = "CONTRIBUTING.md"
#: Of a stage, as far as it must be there.
RECORD: dict[str, Any] = {
    **{"format": 2, "stage": "evaluate", "settings": {}, "manifest": "m", "inputs": {}},
    "run": {
        **{"commit": None, "dirty": None, "versions": {}, "host": "Linux", "threads": 1},
        **{"device": "cpu", "device_name": "Test CPU", "started": "", "finished": ""},
        **{"seconds": 1.0, "peak_memory_mb": {"resident": 1.0}},
    },
}


@pytest.fixture
def package(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second root of the package that holds copies of the templates."""
    root = tmp_path / "src" / "fd2"
    for template in (repository / "templates").glob("*.py"):
        code = template.read_text(encoding="utf-8")
        named = re.match(r"# Copy to (src/fd2/\w+/\w+\.py)", code)
        assert named is not None, template
        path = tmp_path / named[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
    before = set(sys.modules)
    monkeypatch.setattr(fd2, "__path__", [*fd2.__path__, str(root)])
    for folder in plugins.FOLDERS:
        module = __import__(f"fd2.{folder}", fromlist=["__path__"])
        monkeypatch.setattr(module, "__path__", [*module.__path__, str(root / folder)])
    config_schema.cache_clear()
    yield root
    config_schema.cache_clear()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(root)):
            parent, _, child = name.rpartition(".")
            delattr(sys.modules[parent], child)
            del sys.modules[name]


@pytest.fixture
def load(package: Path) -> Load:
    """The template's copy ``folder/name``."""
    return lambda name: plugins.load(*name.split("/"))


@pytest.fixture
def configured(package: Path, repository: Path) -> Callable[[dict[str, Any]], Configuration]:
    """The shipped config with some settings changed."""
    shipped = read_yaml(repository / "config/config.yaml")
    return lambda changes: checked_configuration(
        merge(shipped, changes), "test", repository / "config"
    )


def test_every_kind_of_plugin_has_a_template(package: Path) -> None:
    found = {path.parent.name for path in package.rglob("*.py")}
    assert found == set(plugins.FOLDERS)


def test_schemas_are_closed(load: Load, package: Path) -> None:
    for path in sorted(package.rglob("*.py")):
        if path.parent.name == "backbones":
            continue
        schema = load(f"{path.parent.name}/{path.stem}").SETTINGS_SCHEMA
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False


def test_dataset(load: Load, configured: Callable[..., Configuration], tmp_path: Path) -> None:
    source = load("datasets/listed").source
    with pytest.raises(FD2Error, match=r"no images\.csv"):
        source({"path": str(tmp_path)}, "here")
    lines = "name,class,split\nb.png,wren,train\na.png,crow,test\n"
    (tmp_path / "images.csv").write_text(lines)
    found = source({"path": str(tmp_path)}, "here")
    assert found.classes == ("crow", "wren")
    assert [(i.name, i.class_id, i.split) for i in found.images] == [
        ("b.png", 1, "train"),
        ("a.png", 0, "test"),
    ]
    (tmp_path / "images.csv").write_text(lines.replace(",", ";") + "c.png;wren\n")
    with pytest.raises(FD2Error, match="2 values") as refused:
        source({"path": str(tmp_path)}, "here")
    assert refused.value.where.endswith("images.csv, line 4")
    entry = {"kind": "listed", "path": "photos", "resolution": 64}
    assert configured({"datasets": {"mine": entry}}).prepare("mine")["kind"] == "listed"


def test_backbone(load: Load) -> None:
    backbone = load("backbones/resnet34").build(3, "scratch", seed=1).eval()
    images = torch.zeros(1, 3, 32, 32)
    assert backbone.features(images).shape == (1, backbone.feature_channels, 1, 1)
    assert backbone(images).shape == (1, 3)


def test_selecting_method(load: Load, tmp_path: Path) -> None:
    classes = (1, 0, 1, 0, 0)
    files = [{"path": str(i), "class": c, "sha256": "0"} for i, c in enumerate(classes)]
    pixels = np.arange(len(classes), dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(2, 2)
    pixels = pixels.repeat(3, 3)
    manifest = Manifest(
        *("d", 2, ("a", "b"), {"train": files, "test": files}, (0.5,) * 3, (0.5,) * 3, {})
    )
    write_prepared(tmp_path, manifest, {"train": pixels, "test": pixels})
    request = SelectionRequest(open_prepared(tmp_path), None, None, 2, 0, {})
    chosen = load("methods/first").select(request)
    images = chosen.images
    assert images.shape == (2, 2, 3, 2, 2) and images.dtype == torch.uint8
    assert images[:, :, 0, 0, 0].tolist() == chosen.chosen["images"] == [[1, 0], [3, 2]]


def test_optimising_method(load: Load, configured: Callable[..., Configuration]) -> None:
    settings = {
        **{"teachers": ["resnet18"], "patches": "1x1"},
        **{"iterations": 5, "learning_rate": 0.1},
    }
    found = configured({"distill": {"methods": {"two_sizes": settings}}})
    assert "two_sizes" in found.methods("optimisation") and "first" in found.methods("selection")
    name = SetName("elpv", "two_sizes", "fd2", "base")
    assert found.distill(name, 0)["method_settings"] == settings
    assert found.patch_kind(name) == "1x1"
    recipe = load("methods/two_sizes").recipe(settings, 96)
    assert recipe.iterations == 5 and [phase.size for phase in recipe.phases] == [48, 96]


@pytest.mark.parametrize("fd2", ["plain", "fd2"])
def test_regulariser(load: Load, configured: Callable[..., Configuration], fd2: str) -> None:
    built = load("regularisers/feature_size").build({"weight": 0.5})
    features = torch.full((1, 2, 1, 1), 3.0, requires_grad=True)
    output = TeacherOutput(torch.zeros(1, 2), features, None, None, None)
    images, labels = torch.zeros(1, 3, 1, 1), torch.zeros(1, dtype=torch.long)
    loss = built.loss(Step(images, identity(1), labels, output, 0, None, {}))
    loss.backward()
    assert (built.weight, loss.item()) == (0.5, 9.0)
    assert features.grad is not None and features.grad.flatten().tolist() == [3.0, 3.0]
    change = {"distill": {"regularisers": {"feature_size": {"weight": 0.5}}}}
    found = configured({"variants": {"small": change}})
    name = SetName("elpv", "sre2lpp", fd2, "small")
    assert set(found.distill(name, 0)["regularisers"]) == {
        *("total_variation", "feature_size"),
        *(("characteristic", "similarity") if fd2 == "fd2" else ()),
    }


def test_figure(load: Load, configured: Callable[..., Configuration], tmp_path: Path) -> None:
    rows = [{"method": name, "fd2": "plain", "variant": "base"} for name in ("random", "rded")]
    spec = {
        **{"kind": "last_epoch", "dataset": "elpv", "ipc": 1},
        **{"student": "resnet18", "rows": rows},
    }
    configured({"figures": {"bars": spec}})
    plugin = load("figures/last_epoch")
    files = {role: [tmp_path / p for p in ps] for role, ps in plugin.inputs(spec, [0, 1]).items()}
    for number, path in enumerate(path for paths in files.values() for path in paths):
        write_record(path, {**RECORD, "result": {"last": {"top1": 10.0 * number}}})
    draw(spec, files, tmp_path / "bars")
    assert (tmp_path / "bars.csv").read_text() == (
        "label,top1\nRandom real images,5.0000\nRDED,25.0000\n"
    )
    assert (tmp_path / "bars.png").stat().st_size and (tmp_path / "bars.pdf").stat().st_size


def test_sheet_and_variants(
    repository: Path, configured: Callable[..., Configuration], tmp_path: Path
) -> None:
    sheet = (repository / "templates/sheet.csv").read_text(encoding="utf-8")
    (tmp_path / "sheet.csv").write_text(sheet)
    rows = read_sheet(tmp_path / "sheet.csv").rows_of(StudentRow)
    assert [row.ipc for row in rows] == [None, 5, 5]
    found = configured(read_yaml(repository / "templates/variants.yaml"))
    assert found.groups(SetName("elpv", "sre2lpp", "fd2", "groups-of-2"), 5) == [0, 1, 2]
    without = found.distill(SetName("elpv", "sre2lpp", "fd2", "no-similarity"), 0)
    assert without["regularisers"]["similarity"]["weight"] == 0


def test_documents_name_files_that_there_are(repository: Path) -> None:
    text = (repository / DOCUMENT).read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|config|workflow|docs|templates)/[\w/.]+)`", text)
    real = [name for name in named if not re.search("[A-Z]{3,}", name)]
    assert [name for name in real if not (repository / name).exists()] == []
