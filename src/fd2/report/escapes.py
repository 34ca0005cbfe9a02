"""Text that stays text in its format: one plain line, Markdown, LaTeX, reStructuredText."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.report.numbers import number, signed

if TYPE_CHECKING:
    from jinja2 import Environment

#: Between two characters that Markdown or LaTeX would read as one sign.
_APART = "\u2060"
_MARKDOWN = re.compile(
    r"""[\\`*{}\[\]<>|&~$@]              # code, emphasis, links, HTML, cells, entities, formulas
    |(?<![^\W_])_|_(?![^\W_])            # emphasis; not inside a word
    |(?<=\w):(?=//)|(?<=\bwww)\.         # addresses that some readers make links of
    |^[#+-]+(?=\s|$)|^=+$                # headings, lists, rules
    |(?<=^\d)[.)](?=\s)|(?<=^\d\d)[.)](?=\s)""",
    re.VERBOSE,
)
_LATEX: dict[str, str] = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    **{character: "\\" + character for character in "&%$#_{}"},
    # Behind the end of a line these would be its arguments.
    **{character: f"{{{character}}}" for character in "[]*"},
    "²": r"\textsuperscript{2}",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "×": r"$\times$",
    "ρ": r"$\rho$",
    "α": r"$\alpha$",
    "λ": r"$\lambda$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    _APART: "{}",
}


def one_line(text: object) -> str:
    """A value in one line: white space as blanks, other control characters replaced."""
    return "".join(
        "\ufffd" if unicodedata.category(character) in ("Cc", "Cs") else character
        for character in " ".join(str(text).split())
    )


def markdown(text: object) -> str:
    """One line that Markdown shows as it stands, also in a cell of a table."""
    return _MARKDOWN.sub(r"\\\g<0>", one_line(text))


def restructured(text: object) -> str:
    """One line that reStructuredText shows as it stands, also within a role."""
    escaped = (c if c.isalnum() or c == " " else f"\\{c}" for c in one_line(text))
    return "".join(escaped) or "\\ "


def latex(text: object) -> str:
    """One line that LaTeX prints as it stands, with ², ±, minus and dash as commands."""
    apart = re.sub(r"([-'])(?=\1)", rf"\1{_APART}", one_line(text))
    return "".join(_LATEX.get(character, character) for character in apart)


def yaml_text(text: object) -> str:
    """A text in double quotes, as YAML and Hugging Face's cards read it."""
    import yaml

    quoted: str = yaml.safe_dump(str(text), default_style='"', allow_unicode=True, width=1 << 30)
    return quoted.strip()


def text_templates(folder: Path) -> Environment:
    """Templates of texts in a folder; filters ``md``, ``tex``, ``yaml`` and ``line`` escape values.

    ``number`` and ``signed`` write numbers, see `fd2.report.numbers`. A name without a value is an
    error.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(md=markdown, tex=latex, yaml=yaml_text, line=one_line)
    environment.filters.update(number=number, signed=signed)
    return environment
