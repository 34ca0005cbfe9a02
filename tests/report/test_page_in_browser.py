"""The page of results as a reader sees it: on a telephone, on a desk, in the dark, without eyes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page
from tests.report.browser import FIRST_SCREEN, Seen, empty_page, take_first_screen
from tests.report.showcase import showcase

from fd2.stages.summarise import summarise

pytestmark = pytest.mark.slow
#: Of WCAG 2.2, AA: text, large text, and marks that carry meaning.
TEXT, LARGE, MARKS = 4.5, 3.0, 3.0
#: Of every text and mark the contrast with what is painted behind it, colours mixed.
CONTRASTS = """() => {
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[0-9.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const behind = (node) => {
    const layers = [];
    for (let one = node; one; one = one.parentElement)
      layers.push(rgba(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((c) => {
      c /= 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const owner = walker.currentNode.parentElement;
    const words = walker.currentNode.textContent.trim();
    if (!words || !owner.getClientRects().length) continue;
    const style = getComputedStyle(owner), back = behind(owner);
    const colour = rgba(owner.closest("svg") ? style.fill : style.color);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    const large = size >= 24 || (bold && size >= 18.66);
    found.push({kind: large ? "large" : "text", words, ratio: contrast(over(colour, back), back)});
  }
  for (const mark of document.querySelectorAll(
      ".chart circle, .chart rect, .chart .interval, .chart .random-line, .chart .full-line")) {
    const style = getComputedStyle(mark), back = behind(mark.closest("figure"));
    const colour = rgba(mark.tagName === "line" ? style.stroke : style.fill);
    found.push({kind: "mark", words: mark.outerHTML, ratio: contrast(over(colour, back), back)});
  }
  return found;
}"""
#: What sticks out to the right, but for what a box of its own scrolls.
STICKING_OUT = """() => [...document.body.querySelectorAll("*")]
  .filter((one) => !one.parentElement.closest(".wide, pre, .chart svg"))
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 200))"""
NAMELESS = """() => [...document.querySelectorAll("svg[role=img]")].filter((one) =>
  one.getAttribute("aria-labelledby").split(" ")
    .some((id) => !(document.getElementById(id) || {textContent: ""}).textContent.trim())).length"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a finished run."""
    folder = tmp_path_factory.mktemp("page")
    sources = showcase(folder)
    summarise(sources, folder / "index.html", folder / "a.csv", folder / "b.csv")
    return folder / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[tuple[Page, Seen]]:
    """An empty page."""
    with empty_page() as opened:
        yield opened


def unfolded(page: Page, file: Path, **how: Any) -> None:
    """Open the page, with all that can be unfolded."""
    page.set_viewport_size({"width": how.get("width", 1200), "height": 800})
    page.emulate_media(color_scheme=how.get("scheme", "light"))
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")


@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_a_telephone_and_a_desk(made: Path, browser: tuple[Page, Seen], width: int) -> None:
    page, seen = browser
    unfolded(page, made, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKING_OUT) == []
    for region in page.locator(".wide").all():
        box = region.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
        assert region.get_attribute("tabindex") == "0"
    # The conclusion and the chart come first, before anything that is to be scrolled to.
    first = page.locator("h1 ~ section").first
    top = first.locator(".conclusion").bounding_box()
    chart = first.locator("svg").first.bounding_box()
    assert top and chart and top["y"] < 200 and chart["y"] < 600
    for mark in page.locator(".chart circle, .chart .interval, .chart text").all():
        box = mark.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
    assert (seen.errors, seen.dialogs, seen.outside()) == ([], [], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_marks_stand_out(made: Path, browser: tuple[Page, Seen], scheme: str) -> None:
    page, _ = browser
    unfolded(page, made, scheme=scheme)
    least = {"text": TEXT, "large": LARGE, "mark": MARKS}
    found = page.evaluate(CONTRASTS)
    assert {one["kind"] for one in found} == set(least)
    assert [one for one in found if one["ratio"] < least[one["kind"]]] == []


def test_it_can_be_read_without_seeing_it(made: Path, browser: tuple[Page, Seen]) -> None:
    page, _ = browser
    unfolded(page, made)
    tags = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all("all => all.map((h) => h.tagName)")
    levels = [int(tag[1]) for tag in tags]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(lower <= upper + 1 for upper, lower in pairwise(levels))
    assert page.evaluate(NAMELESS) == 0
    pictures = page.locator("img").evaluate_all("all => all.map((i) => [i.alt, i.naturalWidth])")
    assert len(pictures) == 5 and all(alt and width > 0 for alt, width in pictures)
    # The chart's numbers are in its description, one for each row.
    described = page.locator(".chart desc").first.text_content()
    dots = page.locator(".chart svg").first.locator("circle, rect").count()
    assert described and described.count(";") == dots - 1


def test_its_first_screen_is_taken_for_the_docs(
    made: Path, browser: tuple[Page, Seen], tmp_path: Path
) -> None:
    take_first_screen(browser[0], made, tmp_path / "screen.png")
    with Image.open(tmp_path / "screen.png") as picture:
        assert picture.size == (FIRST_SCREEN["width"], FIRST_SCREEN["height"])
        pixels = np.asarray(picture.convert("L"))
    # Words above, the chart below them.
    assert all(half.std() > 5 for half in np.array_split(pixels, 2))
