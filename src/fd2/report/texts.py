"""Markdown of the tables and reStructuredText of the captions as pieces of the page."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from fd2.report.escapes import restructured

#: Of the heading of a table within the page.
_LEVEL = 3


def from_markdown(table: Path, anchor: str) -> Markup:
    """A table's Markdown as HTML: its headings below the page's, header cells with scopes.

    HTML and links in the text are shown, not obeyed. A wide table scrolls by itself, also by
    keyboard. The first heading gets the id ``anchor``.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable(["autolink", "entity", "image", "link", "reference"])
    opening = Markup('<div class="wide" role="region" tabindex="0" aria-labelledby="{}"><table>')
    rules = {"table_open": f"{opening.format(anchor)}\n", "table_close": "</table></div>\n"}
    for rule, html in rules.items():
        parser.add_render_rule(rule, lambda *_, html=html: html)
    tokens = parser.parse(table.read_text(encoding="utf-8"))
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    for token in headings:
        token.tag = f"h{min(int(token.tag[1:]) + _LEVEL - 1, 6)}"
    if headings:
        headings[0].attrSet("id", anchor)
    _mark_header_cells(tokens)
    return Markup(parser.renderer.render(tokens, parser.options, {}))


def _mark_header_cells(tokens: list[Token]) -> None:
    """Give header cells their scope; the first cell of each line is its header."""
    cell = ""
    for before, token in pairwise(tokens):
        if token.type == "th_open":
            token.attrSet("scope", "col")
        elif token.type == "td_open":
            cell = "th" if before.type == "tr_open" else "td"
            token.tag = cell
            if cell == "th":
                token.attrSet("scope", "row")
        elif token.type == "td_close":
            token.tag = cell


class Caption(NamedTuple):
    """A text of ``workflow/report`` as HTML; ``title`` is empty where it has none."""

    title: Markup
    body: Markup


def from_caption(template: str, settings: Mapping[str, Any], figure: str | None = None) -> Caption:
    """Render a caption as Snakemake's own report does: Jinja, then reStructuredText.

    The template is the text of a file in ``workflow/report``; ``figure`` is its wildcard.
    """
    wildcards = SimpleNamespace(**({} if figure is None else {"figure": figure}))
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["rst"] = restructured
    text = environment.from_string(template).render(
        snakemake=SimpleNamespace(wildcards=wildcards, config=settings)
    )
    options = {
        "_disable_config": True,
        "file_insertion_enabled": False,
        "raw_enabled": False,
        "initial_header_level": _LEVEL,
        "report_level": 5,
    }
    parts = publish_parts(text, writer="html5", settings_overrides=options)
    return Caption(Markup(parts["title"]), Markup(parts["fragment"]))
