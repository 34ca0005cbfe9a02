"""Grey data of one channel, from photographs through every stage to pictures."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from fd2.artifacts.images import read_distilled, read_slots
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.tensors import read_tensors
from fd2.config.names import SetName
from fd2.config.settings import DiagnoseSettings, build
from fd2.figures import attention_maps, distilled_images
from fd2.networks.stored_teacher import read_teacher
from fd2.stages.assemble import assemble
from fd2.stages.diagnose import diagnose
from fd2.stages.distill import distill
from fd2.stages.evaluate import evaluate
from fd2.stages.export import Sources, export
from fd2.stages.patches import make_patches
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.pretrain import pretrain
from fd2.stages.preview import preview
from fd2.stages.relabel import relabel
from fd2.stages.select_images import select_images

if TYPE_CHECKING:
    from tests.conftest import Chain

TEMPLATES = Path(__file__).resolve().parents[2] / "workflow/report/export"
RESOLUTION = 32
IPC = 3


@dataclass(frozen=True)
class Grey:
    """Artefacts of grey data, below one folder.

    Attributes:
        data: prepared.
        plain, cal: teachers.
        patches: 2x2, through the release's JPEG.
        group, distilled: of SRe²L++ with FD².
        labels: soft ones of the distilled set.
    """

    data: Path
    plain: Path
    cal: Path
    patches: Path
    group: Path
    distilled: Path
    labels: Path


@pytest.fixture(scope="module")
def grey(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Grey:
    root = tmp_path_factory.mktemp("grey")
    names = ("plain", "cal", "patches", "group", "distilled")
    files = {name: root / f"{name}.safetensors" for name in names}
    made = Grey(root / "data", labels=root / "labels", **files)
    settings = PrepareSettings(
        "cells", "imagefolder", RESOLUTION, {"path": str(chain.images)}, channels=1
    )
    prepare(settings, made.data, chain.job)
    for training, path in (("plain", made.plain), ("cal", made.cal)):
        pretrain(
            chain.pretrain_settings(training), made.data, path, path.with_suffix(".json"), chain.job
        )
    tiled = chain.patch_settings(kind="2x2", tiles=2, slots=IPC, image_codec="jpeg75")
    record = made.patches.with_suffix(".json")
    make_patches(tiled, made.data, made.plain, made.patches, record, chain.job)
    distill(
        chain.distill_settings(slots=list(range(IPC)), image_codec="jpeg75"),
        made.data / "manifest.json",
        made.patches,
        [made.cal],
        made.group,
        made.group.with_suffix(".json"),
        chain.job,
    )
    record = made.distilled.with_suffix(".json")
    assemble(IPC, [made.group], made.distilled, record, chain.job)
    relabel(chain.relabel_settings(), made.distilled, [made.cal], made.labels, chain.job)
    return made


def test_arrays_and_statistics(grey: Grey, chain: Chain) -> None:
    """The photographs are grey, so that one channel is any of their three."""
    data, rgb = open_prepared(grey.data), open_prepared(chain.data)
    assert data.train.images.shape[1:] == (RESOLUTION, RESOLUTION, 1)
    np.testing.assert_array_equal(data.train.images[..., 0], rgb.train.images[..., 0])
    assert data.manifest.mean == rgb.manifest.mean[:1]
    assert data.manifest.std == rgb.manifest.std[:1]
    assert data.manifest.digest() != rgb.manifest.digest()


def test_networks_patches_and_sets_have_one_channel(grey: Grey) -> None:
    for path in (grey.plain, grey.cal):
        teacher = read_teacher(path, torch.device("cpu"))
        first = next(p for p in teacher.network.parameters() if p.ndim == 4)
        assert first.shape[1] == 1
    count = len(open_prepared(grey.data).manifest.classes)
    assert read_slots(grey.patches).images.shape == (IPC, count, 1, RESOLUTION, RESOLUTION)
    distilled = read_distilled(grey.distilled)
    assert distilled.images.shape == (IPC * count, 1, RESOLUTION, RESOLUTION)
    initial = read_slots(grey.patches).images.transpose(0, 1).flatten(0, 1)
    assert (distilled.images != initial).float().mean() > 0.5, "the images do not move"


@pytest.mark.parametrize("method", ["random", "rded", "herding"])
def test_selected_sets(grey: Grey, chain: Chain, tmp_path: Path, method: str) -> None:
    output = tmp_path / "set.safetensors"
    patches = grey.patches if method == "rded" else None
    herding = {"teachers": ["resnet10t"], "order": "running_mean"}
    own = {"rded": {"patches": "2x2"}, "herding": herding}.get(method, {})
    teachers = [grey.plain] if method == "herding" else []
    select_images(
        chain.select_settings(method, 2, **own),
        grey.data,
        patches,
        teachers,
        output,
        output.with_suffix(".json"),
        chain.job,
    )
    images = read_distilled(output).images
    assert images.shape[1:] == (1, RESOLUTION, RESOLUTION)
    if patches is not None:
        wanted = read_slots(patches).images[:2].transpose(0, 1).flatten(0, 1)
        assert torch.equal(images, wanted)


def test_a_student_and_a_diagnosis(grey: Grey, chain: Chain, tmp_path: Path) -> None:
    cell = tmp_path / "cell.json"
    evaluate({cell: chain.evaluate_settings()}, grey.data, grey.distilled, grey.labels, chain.job)
    assert 0 <= json.loads(cell.read_text())["result"]["last"]["top1"] <= 100
    identity = {"dataset": "cells", "method": "sre2lpp", "fd2": "fd2", "variant": "base"}
    settings = build(
        DiagnoseSettings,
        {
            **identity,
            **{"ipc": IPC, "backbone": "resnet10t", "training": "cal", "preset": "paper"},
            "group_size": IPC,
        },
    )
    for distilled, count in ((grey.distilled, 9), (None, 36)):
        output = tmp_path / f"{count}.safetensors"
        record = output.with_suffix(".json")
        diagnose(settings, grey.data, distilled, grey.cal, output, record, chain.job)
        features = read_tensors(output, ("features",))[0]["features"]
        assert len(features) == count and features.isfinite().all()


def test_the_contact_sheet_shows_grey(grey: Grey, tmp_path: Path) -> None:
    preview(
        SetName("cells", "sre2lpp", "fd2", "base"),
        grey.distilled,
        grey.data / "manifest.json",
        tmp_path / "sheet.png",
    )
    with Image.open(tmp_path / "sheet.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert (pixels.max(-1) == pixels.min(-1)).all(), "a colour map was laid over the images"
    assert len(np.unique(pixels)) > 50


def test_figures(grey: Grey) -> None:
    row = {"method": "sre2lpp", "fd2": "fd2", "variant": "base"}
    spec: dict[str, Any] = {
        **{"kind": "attention_maps", "dataset": "cells", "ipc": IPC, "rows": [row], "slots": 2},
        **{
            "class": "mono_000",
            "teacher": "resnet10t",
            "classes": None,
            "columns": None,
            "stretched": False,
        },
    }
    draw: dict[str, Callable[..., Any]] = {
        "attention_maps": attention_maps.draw,
        "distilled_images": distilled_images.draw,
    }
    for kind, plugin in (
        ("attention_maps", attention_maps),
        ("distilled_images", distilled_images),
    ):
        roles = plugin.inputs(spec, [0])
        at = {"manifest": grey.data / "manifest.json", "teacher": grey.cal}
        files = {role: [at.get(role, grey.distilled)] for role in roles}
        figure, numbers = draw[kind](spec, files)
        shown = figure.axes[0].images[0].get_array()
        assert shown.shape[-1] == 3 and len(numbers) > 0


def test_the_export_is_grey_pictures(grey: Grey, tmp_path: Path) -> None:
    name = SetName("cells", "sre2lpp", "fd2", "base")
    manifest = grey.data / "manifest.json"
    sources = Sources(grey.distilled, manifest, TEMPLATES, [grey.group])
    export(name, IPC, sources, tmp_path / "set.zip")
    images = read_distilled(grey.distilled).images
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        pictures = [
            entry for entry in archive.namelist() if entry.endswith(".png") and "/images/" in entry
        ]
        for position, entry in enumerate(pictures):
            with Image.open(io.BytesIO(archive.read(entry))) as picture:
                assert picture.mode == "L"
                np.testing.assert_array_equal(np.asarray(picture), images[position, 0].numpy())
        card = archive.read("cells-sre2lpp-fd2-ipc3/README.md").decode()
    assert "32 × 32 pixels, grey" in card and len(pictures) == len(images)
