"""The page and Snakemake's report in a browser, with names that try to be more than text."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.report.browser import Seen, empty_page

from fd2.artifacts.manifests import Manifest, write_manifest
from fd2.report.escapes import one_line

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
CONFIG = ("--cores", "1", "--configfile", "config/tiny.yaml", "config/hostile.yaml")
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
#: {url} is a server that nobody may ask.
NAMES = (
    "</script><script>window.canary = 1; alert(1)</script>",
    "<!--<script> </title></style></textarea>",
    '<img src="{url}/html.png" onerror="window.canary = 2">',
    '" onload="window.canary = 3" x=\'` {{{{ 7 * 7 }}}}',
    "`` \u2028\u2028.. raw:: html\u2028\u2028   <script>window.canary = 4</script>",
    "a`__ :raw-html:`<svg onload=alert(5)>` |date| *a* _b_ [1]_ {url}/text javascript:alert(5)",
    "![a]({url}/markdown.png) [b](javascript:alert(6)) <{url}/auto> &lt;b&gt; | c",
    "$\\frac{{1}}$ \u202e% # & ~ ^ \\",
)
#: The component that Snakemake's report consists of.
APP = """(() => {
  const root = document.querySelector("#app");
  const key = Object.keys(root).find((name) => name.startsWith("__reactContainer$"));
  return root[key].stateNode.current.child.stateNode;
})()"""


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that were asked of it."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", paths
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def browser() -> Iterator[tuple[Page, Seen]]:
    """An empty page."""
    with empty_page() as opened:
        yield opened


def require_quiet(page: Page, seen: Seen, asked: list[str]) -> None:
    """Nothing was run, said or fetched; time passes first, in which it could be."""
    page.wait_for_timeout(300)
    assert all(frame.evaluate("window.canary === undefined") for frame in page.frames)
    assert (seen.dialogs, seen.errors, asked) == ([], [], [])
    assert seen.outside() == []


def test_names_are_shown_and_not_obeyed(
    tiny: Any, asked: tuple[str, list[str]], browser: tuple[Page, Seen]
) -> None:
    url, paths = asked
    names = [name.format(url=url) for name in NAMES]
    figures = hostile(tiny, names)
    targets = ["results/tables/partial/hostile.csv", *figures]
    done = tiny.snakemake("results/report/partial.html", *CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    done = tiny.snakemake(*targets, *CONFIG, "--report", "report.html")
    assert done.returncode == 0, done.stdout + done.stderr
    page, seen = browser

    page.goto((tiny.folder / "results/report/partial.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")
    text = page.locator("body").inner_text()
    for name in names:
        # In the list of classes, in a figure's caption, in the table's notes and labels.
        assert " ".join(text.split()).count(one_line(name)) >= 4, name
    require_quiet(page, seen, paths)

    page.goto((tiny.folder / "report.html").as_uri())
    page.wait_for_selector("nav")
    for content in ("rulegraph", "stats"):
        page.evaluate(f"{APP}.setView({{content: '{content}'}})")
        page.wait_for_timeout(200)
    shown = page.evaluate("Object.keys(results)")
    assert set(shown) >= set(targets)
    for path in shown:
        page.evaluate(f"(path) => {APP}.showResultInfo(path)", path)
        page.wait_for_timeout(100)
        words = " ".join(page.locator("body").inner_text().split())
        if path in figures:
            assert one_line(names[figures.index(path)]) in words, path
    require_quiet(page, seen, paths)


def hostile(project: Any, names: list[str]) -> list[str]:
    """Classes, a figure of each, notes and labels with these names. Returns the figures' files."""
    write_manifest(
        project.folder / "results/data/tiny/manifest.json",
        Manifest(
            dataset="tiny",
            resolution=32,
            classes=tuple(names),
            files={split: [{"path": "a", "class": 0, "sha256": ""}] for split in ("train", "test")},
            mean=(0.5, 0.5, 0.5),
            std=(0.2, 0.2, 0.2),
            source={
                "licence": names[0],
                "pixels_sha256": {"train": "", "test": ""},
            },
        ),
    )
    rows = [{"method": "sre2lpp", "fd2": "fd2", "variant": "base"}]
    look = {"kind": "attention_maps", "dataset": "tiny", "ipc": 2, "teacher": "resnet10t"}
    figures = {
        f"hostile{number}": {**look, "slots": 1, "rows": rows, "class": name}
        for number, name in enumerate(names)
    }
    lines = ["# " + one_line(name) for name in names]
    lines.append("dataset,method,fd2,variant,ipc,student,published,label")
    for number, name in enumerate(names):
        quoted = '"' + one_line(name).replace('"', '""') + '"'
        variant = "base" if number == 0 else f"v{number}"
        lines.append(f"tiny,sre2lpp,fd2,{variant},2,resnet10t,,{quoted}")
    project.write("config/tables/hostile.csv", "\n".join(lines) + "\n")
    variants = {f"v{number}": {"distill": {"seed": number}} for number in range(1, len(names))}
    project.write(
        "config/hostile.yaml", {"tables": ["hostile"], "figures": figures, "variants": variants}
    )
    files = [f"results/figures/{figure}.png" for figure in figures]
    for name in files:
        project.write(name, PICTURE)
        project.write(str(Path(name).with_suffix(".md")), "Figure\n")
    return files
