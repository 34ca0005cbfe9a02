"""Hostile text stays text in every format."""

from __future__ import annotations

import csv
import html
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from docutils.core import publish_parts
from markdown_it import MarkdownIt

from fd2.artifacts.files import write_frame
from fd2.report.escapes import latex, markdown, one_line, restructured

HOSTILE = (
    *("a|b", "a\\|b", "*a* _b_ __c__", "`a` ``b``", "~~a~~ ~b~", "$x^2$", "\\(x\\)", "{{ a }}"),
    *("<script>alert(1)</script>", "<!-- a -->", "&lt;b&gt; &amp; &#60;", "<http://a.b/c>"),
    *("[a](javascript:alert(1))", "![a](http://127.0.0.1/x.png)", "[a]: http://b.c", "[^1]"),
    *(
        "http://a.b/c",
        "www.a.b",
        "me@a.b",
        "# a",
        "- a",
        "+ a",
        "1. a",
        "12) a",
        "---",
        "===",
        "> a",
    ),
    *(
        "    a",
        "a\n\n# b",
        "a\r\nb",
        "a\u2028\u2029b",
        "a\x0b\x0c\x85b",
        "a\x00\x1bb",
        "\\",
        "",
        "```",
    ),
)
#: Signs of reStructuredText.
ROLES = (":raw:`x`", "a`__", "`a <javascript:b>`_", "|date|", "a_", "a__", ".. raw:: html")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["{}", "# {}", "- {}", "x {} y", "| {} | z |\n| --- | --- |\n"])
def test_markdown_shows_text_as_it_stands(text: str, place: str) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False})
    kinds = [token.type for token in parser.parse(place.format("plain"))]
    tokens = parser.parse(place.format(markdown(text)))
    shown = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in shown} <= {"text", "text_special"}
    if one_line(text):
        assert [token.type for token in tokens] == kinds
    assert one_line(text) in "".join(child.content for child in shown)


def test_usual_text_stays_readable() -> None:
    for text in (
        "shufflenet_v2",
        "SRe²L++ + FD² (group-2)",
        "+5.3 ± 0.9",
        "41.2 / 33.0 (n=3)",
        "3.",
    ):
        assert markdown(text) == text


@pytest.mark.parametrize("text", [*HOSTILE, *ROLES])
@pytest.mark.parametrize("place", ["{}", "x {} y", "x :literal:`{}` y", "- {}"])
def test_captions_show_text_as_it_stands(text: str, place: str) -> None:
    """Even as Snakemake renders them, with raw HTML allowed."""
    warnings = io.StringIO()
    settings = {"warning_stream": warnings, "report_level": 2}
    caption = place.format(restructured(text))
    body = publish_parts(caption, writer="html", settings_overrides=settings)["body"]
    tags = set(re.findall(r"<\W*(\w+)", body))
    assert tags <= {"p", "ul", "li", "tt", "span"} and warnings.getvalue() == ""
    assert one_line(text) in " ".join(html.unescape(re.sub(r"<[^>]*>", "", body)).split())


@pytest.mark.parametrize("text", HOSTILE)
def test_one_line_is_one(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert "".join(one_line(text).split()).replace("\ufffd", "").isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b", r"a\_b"),
        ("50% & #1 $x", r"50\% \& \#1 \$x"),
        (r"\cmd{x}", r"\textbackslash{}cmd\{x\}"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("SRe²L++ ± −", r"SRe\textsuperscript{2}L++ $\pm$ $-$"),
        ("ρ < 1", r"$\rho$ \textless{} 1"),
        ("[2pt]*", "{[}2pt{]}{*}"),
        ("---force ''x`", r"-{}-{}-force '{}'x\textasciigrave{}"),
        ("a\n\n\\end{table}\u2028%", r"a \textbackslash{}end\{table\} \%"),
    ],
)
def test_latex_prints_text_as_it_stands(text: str, expected: str) -> None:
    assert latex(text) == expected


def test_csv_keeps_every_text(tmp_path: Path) -> None:
    texts = [*HOSTILE, 'say "a", b', "'", "=1+1", "@x", "a\rb"]
    write_frame(tmp_path / "a.csv", pd.DataFrame({"name": texts, "number": range(len(texts))}))
    content = (tmp_path / "a.csv").read_bytes().decode()
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert [row[0] for row in rows] == ["name", *texts]
    assert {len(row) for row in rows} == {2}
