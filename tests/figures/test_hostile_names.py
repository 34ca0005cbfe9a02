"""Names in figures are drawn as they stand, also where they look like formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from fd2.figures._drawing import accuracy_panels, explain, finish
from fd2.figures._mosaic import mosaic_figure, write_notes

NAMES = ("$x^2$", "$\\frac{1}$", "$unclosed {", "50 % of $5 and $6", "\\n <b>&amp;", "a\nb")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_read_as_a_formula(tmp_path: Path, name: str) -> None:
    images = np.zeros((1, 1, 8, 8, 3), np.uint8)
    pictures = mosaic_figure(images, [name], [name], name)
    write_notes(pictures, [[name]], 8, 8)
    lines, panels = accuracy_panels(4, 3, name)
    panels["top1"].plot([0, 1], [0, 1], label=name)
    panels["balanced_top1"].set_title(name)
    explain(lines, name)
    for number, figure in enumerate((pictures, lines)):
        finish(figure, pd.DataFrame({"name": [name]}), tmp_path / str(number))
        drawn = [text for text in figure.findobj(Text) if text.get_text() == name]
        assert len(drawn) >= 4 and not any(text.get_parse_math() for text in drawn)
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".pdf", ".csv"}
