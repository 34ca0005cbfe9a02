"""Markdown of the tables and reStructuredText of the captions as pieces of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

#: Of the heading of a table within the page.
_LEVEL = 3


def from_markdown(text: str, anchor: str) -> Markup:
    """A table's Markdown as HTML: its headings below the page's own, header cells with scopes.

    HTML in the text is shown, not obeyed.

    Args:
        text: as `fd2.reporting.markdown` writes it.
        anchor: id of the first heading.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    for token in headings:
        token.tag = f"h{min(int(token.tag[1:]) + _LEVEL - 1, 6)}"
    if headings:
        headings[0].attrSet("id", anchor)
    _mark_header_cells(tokens)
    html = parser.renderer.render(tokens, parser.options, {})
    # A wide table scrolls by itself, also by keyboard.
    html = html.replace("<table>", '<div class="wide" role="region" tabindex="0" ')
    return Markup(
        html.replace('tabindex="0" ', f'tabindex="0" aria-labelledby="{anchor}"><table>').replace(
            "</table>", "</table></div>"
        )
    )


def _mark_header_cells(tokens: list[Token]) -> None:
    """Give column headers their scope, and make the first cell of each line its header."""
    first = False
    for position, token in enumerate(tokens):
        if token.type == "tr_open":
            first = True
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        elif token.type == "td_open" and first:
            first = False
            token.tag = "th"
            token.attrSet("scope", "row")
            closing = next(t for t in tokens[position:] if t.type == "td_close")
            closing.tag = "th"


@dataclass(frozen=True)
class Caption:
    """A text of ``workflow/report``.

    Attributes:
        title: of the document; empty where it has none.
        body: as HTML.
    """

    title: Markup
    body: Markup


def from_caption(template: str, settings: Mapping[str, Any], figure: str | None = None) -> Caption:
    """Render a caption as Snakemake's own report does: Jinja, then reStructuredText.

    Args:
        template: the text of a file in ``workflow/report``.
        settings: the config.
        figure: the wildcard of a figure's caption.
    """
    wildcards = SimpleNamespace(**({} if figure is None else {"figure": figure}))
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
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
