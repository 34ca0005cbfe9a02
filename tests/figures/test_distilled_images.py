"""Which images a grid shows, and the contact sheet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import write_distilled
from fd2.artifacts.manifests import Manifest
from fd2.config.names import SetName
from fd2.errors import FD2Error
from fd2.figures._drawing import write_picture
from fd2.figures._mosaic import mosaic, mosaic_figure
from fd2.figures.distilled_images import collect, inputs
from fd2.stages.draw import draw
from fd2.stages.preview import preview

Locate = Callable[..., dict[str, list[Path]]]


@pytest.fixture
def spec(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "kind": "distilled_images",
        "dataset": "d",
        "ipc": 3,
        "rows": rows,
        "classes": ["cat", "ant"],
        "columns": None,
        "stretched": False,
        "slots": 2,
    }


@pytest.fixture
def files(
    spec: dict[str, Any], make_set: Callable[..., Path], locate: Locate
) -> dict[str, list[Path]]:
    named = inputs(spec, [0])
    make_set(named["row0"][0], ipc=3, base=0)
    make_set(named["row1"][0], ipc=3, base=100)
    return locate(named)


def test_inputs(spec: dict[str, Any]) -> None:
    assert inputs(spec, [0, 1]) == {
        "row0": ["distilled/d/random/plain/base/ipc3.safetensors"],
        "row1": ["distilled/d/sre2lpp/fd2/base/ipc3.safetensors"],
        "manifest": ["data/d/manifest.json"],
    }


def test_blocks_of_slots_and_columns_of_classes(
    spec: dict[str, Any], files: dict[str, list[Path]]
) -> None:
    images, classes, numbers = collect(spec, files)
    assert classes == ["cat", "ant"]
    assert images.shape == (4, 2, 32, 32, 3)
    assert images[:, :, 0, 0, 0].tolist() == [[20, 0], [21, 1], [120, 100], [121, 101]]
    last = numbers.iloc[-1]
    assert last[["label", "class", "slot", "mean", "std"]].tolist() == [
        "SRe²L++ + FD²",
        "ant",
        1,
        101.0,
        0.0,
    ]
    assert last["file_sha256"] == file_digest(files["row1"][0])


def test_no_classes_means_the_first(spec: dict[str, Any], files: dict[str, list[Path]]) -> None:
    assert collect({**spec, "classes": None}, files)[1] == ["ant", "bee", "cat"]


def test_classes_by_id(spec: dict[str, Any], files: dict[str, list[Path]]) -> None:
    every_other = {"first": 0, "count": 2, "step": 2}
    assert collect({**spec, "classes": every_other}, files)[1] == ["ant", "cat"]
    with pytest.raises(FD2Error, match=r"class id 4 with 3 classes(.|\n)*ids go from 0 to 2"):
        collect({**spec, "classes": {**every_other, "count": 3}}, files)


def test_pixels_beyond_white_are_seen_where_images_are_stretched(
    spec: dict[str, Any], manifest: Manifest, locate: Locate, tmp_path: Path
) -> None:
    """A ramp from -1 to 3: clipped, most of it is black or white."""
    spec["rows"] = spec["rows"][:1]
    named = inputs(spec, [0])
    ramp = torch.linspace(-1, 3, 32 * 32).reshape(32, 32).expand(3, 3, 3, 32, 32).contiguous()
    write_distilled(tmp_path / named["row0"][0], ramp, {"manifest": manifest.digest()})
    files = locate(named)
    clipped, _, _ = collect(spec, files)
    stretched, _, _ = collect(spec | {"stretched": True}, files)
    assert len(np.unique(clipped)) == len(np.unique(stretched)) == 256
    assert (clipped == 0).mean() > 0.2 and (clipped == 255).mean() > 0.4
    assert (stretched == 0).mean() < 0.02 and (stretched == 255).mean() < 0.02
    assert (np.diff(stretched[0, 0, :, :, 0].ravel().astype(int)) >= 0).all()


def test_classes_go_on_below_after_so_many_columns() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1)
    figure = mosaic_figure(
        np.broadcast_to(images, (2, 3, 4, 4, 3)), ["x", "y"], ["ant", "bee", "cat"], "t", 2
    )
    first, second = figure.axes
    shown = [axes.get_images()[0].get_array() for axes in (first, second)]
    assert [np.asarray(one)[::5, ::5, 0].tolist() for one in shown] == [
        [[0, 1], [3, 4]],
        [[2, 255], [5, 255]],
    ]
    texts = [[text.get_text() for text in axes.get_xticklabels()] for axes in (first, second)]
    assert texts == [["ant", "bee"], ["cat"]]
    assert [axes.get_title() for axes in (first, second)] == ["t", ""]
    for axes in (first, second):
        assert [text.get_text() for text in axes.get_yticklabels()] == ["x", "y"]


def test_draw_writes_the_numbers_beside_the_pictures(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    draw(spec, files, tmp_path / "figures" / "grid")
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert written == ["grid.csv", "grid.md", "grid.pdf", "grid.png"]
    assert len(pd.read_csv(tmp_path / "figures" / "grid.csv")) == 2 * 2 * 2


def test_an_unknown_class_names_the_nearest(
    spec: dict[str, Any], files: dict[str, list[Path]]
) -> None:
    with pytest.raises(FD2Error, match=r"unknown class 'aunt'(.|\n)*did you mean 'ant'"):
        collect({**spec, "classes": ["aunt"]}, files)


def test_more_slots_than_images_are_refused_when_planning(spec: dict[str, Any]) -> None:
    with pytest.raises(FD2Error, match="slots 4 with ipc 3"):
        inputs({**spec, "slots": 4}, [0])


def test_sets_of_other_data_are_refused(
    spec: dict[str, Any], files: dict[str, list[Path]], make_set: Callable[..., Path]
) -> None:
    make_set(inputs(spec, [0])["row1"][0], ipc=3, digest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        collect(spec, files)


def test_mosaic_puts_each_image_in_its_place() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1)
    tiled = mosaic(np.broadcast_to(images, (2, 3, 4, 4, 3)), gap=1)
    assert tiled.shape == (9, 14, 3)
    assert tiled[::5, ::5, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (tiled[4] == 255).all()
    assert (tiled[:, [4, 9]] == 255).all()


def test_preview_is_a_png_of_all_rows(make_set: Callable[..., Path], tmp_path: Path) -> None:
    path = make_set("distilled/d/x.safetensors", ipc=2, base=100)
    preview(
        SetName("d", "rded", "plain", "base"),
        path,
        tmp_path / "data" / "d" / "manifest.json",
        tmp_path / "x.png",
    )
    pixels = np.asarray(Image.open(tmp_path / "x.png").convert("RGB"))
    shown = {int(level) for level in np.unique(pixels[..., 0])}
    assert {100, 101, 110, 111, 120, 121} <= shown


def test_preview_refuses_a_set_of_other_data(make_set: Callable[..., Path], tmp_path: Path) -> None:
    path = make_set("distilled/d/x.safetensors", ipc=2, digest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        preview(
            SetName("d", "rded", "plain", "base"),
            path,
            tmp_path / "data" / "d" / "manifest.json",
            tmp_path / "x.png",
        )
    assert not (tmp_path / "x.png").exists()


def test_names_are_shown_as_they_stand(tmp_path: Path) -> None:
    images = np.zeros((2, 1, 8, 8, 3), np.uint8)
    figure = mosaic_figure(images, ["a$_b", "a$_b"], ["$x_1_2$"], "$t_")
    write_picture(tmp_path / "x.png", figure)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a$_b"]
