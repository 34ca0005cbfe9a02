"""The report's captions render as Snakemake renders them: Jinja, then reStructuredText."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

from fd2.config import plugins
from fd2.report.escapes import restructured

FOLDER = Path(__file__).resolve().parents[2] / "workflow" / "report"
CAPTIONS = sorted(path.name for path in FOLDER.glob("*.rst"))
CONFIG = {
    "preset": "paper",
    "seeds": [0, 1, 2],
    "figures": {
        kind: {"kind": kind, "dataset": "elpv", "ipc": 3, "class": "mono_defective"}
        | {"backbone": "resnet18", "training": "cal"}
        for kind in plugins.names("figures")
    },
}


def render(name: str, figure: str) -> str:
    wildcards = SimpleNamespace(
        table="table1",
        figure=figure,
        dataset="elpv",
        method="rded",
        fd2="fd2",
        variant="base",
        ipc="3",
        student="resnet18",
        seed="0",
    )
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["rst"] = restructured
    template = environment.from_string((FOLDER / name).read_text())
    text = template.render(snakemake=SimpleNamespace(wildcards=wildcards, config=CONFIG))
    warnings = io.StringIO()
    settings = {"warning_stream": warnings, "report_level": 1}
    html = publish_parts(text, writer="html", settings_overrides=settings)["html_body"]
    assert warnings.getvalue() == ""
    return html


@pytest.mark.parametrize("name", CAPTIONS)
def test_captions_render(name: str) -> None:
    assert "<p>" in render(name, plugins.names("figures")[0])


@pytest.mark.parametrize("kind", plugins.names("figures"))
def test_every_kind_of_figure_has_a_text(kind: str) -> None:
    assert f"Kind: {kind}" not in render("figure.rst", kind)


@pytest.mark.parametrize("name", CAPTIONS)
def test_every_value_of_a_caption_is_escaped(name: str) -> None:
    template = (FOLDER / name).read_text(encoding="utf-8")
    values = [value.strip() for value in re.findall(r"\{\{(.*?)\}\}", template)]
    words = [value for value in values if value.startswith('"')]  # of the template itself
    assert all(value.endswith("|rst") for value in values if value not in words)
    assert all(re.fullmatch(r'"[^"]*" if [^"]*"[^"]*" else "[^"]*"', value) for value in words)


def test_all_captions_are_there() -> None:
    names = ("figure", "preview", "table", "workflow")
    assert [f"{name}.rst" for name in names] == CAPTIONS
