"""The page of results, from a folder with known numbers."""

from __future__ import annotations

import base64
import io
import math
import re
import shlex
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from snakemake.cli import parse_config

from fd2.artifacts.manifests import Manifest, write_manifest
from fd2.artifacts.records import write_record
from fd2.config.names import Cell, SetName
from fd2.errors import FD2Error
from fd2.report import page as report
from fd2.report.commands import Invocation
from fd2.report.numbers import duration, mebibytes
from fd2.report.page import PageSources
from fd2.report.texts import from_caption, from_markdown

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ROOT / "workflow" / "report"
#: A name that a dataset's folder may have.
HOSTILE = '<script>alert("x")</script> & <b>wren</b>'
#: Attributes from which a browser loads something.
LOADED = ("src", "href", "srcset", "poster", "action", "data", "xlink:href")
MANIFEST = Manifest(
    dataset="birds",
    resolution=64,
    classes=("crow", HOSTILE),
    files={"train": [{}] * 5, "test": [{}] * 3},
    mean=(0.5, 0.5, 0.5),
    std=(0.2, 0.2, 0.2),
    source={"licence": "CC <BY>", "pixels_sha256": {"train": "1", "test": "2"}},
)
OWN_TAGS = {"meta", "img", "path", "rect", "br"}


class Page(HTMLParser):
    """What a browser would see.

    Attributes:
        tags: each opened tag with its attributes.
        tables: the words of each cell, by table and line.
        codes: the words of each ``code``.
        words: all text but styles.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.codes: list[str] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], "tags are left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in OWN_TAGS:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "code":
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in OWN_TAGS:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.words += data
        if "td" in self._open or "th" in self._open:
            self.tables[-1][-1][-1] += data
        if "code" in self._open:
            self.codes[-1] += data

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]

    def table(self, *first_header: str) -> list[list[str]]:
        """The lines of the one table whose header begins like this."""
        (found,) = [t for t in self.tables if tuple(t[0][: len(first_header)]) == first_header]
        return [[cell.strip() for cell in line] for line in found[1:]]


def page(sources: PageSources) -> str:
    """As the stage writes it."""
    return report.page(sources, report.results(sources))


def drawn() -> bytes:
    """A figure as matplotlib writes it, that a lossless picture of fewer bytes can replace."""
    stream = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def run(seconds: float, resident: float, **more: Any) -> dict[str, Any]:
    """The field ``run`` of a record."""
    gpu = {"gpu": more.pop("gpu")} if "gpu" in more else {}
    facts = {
        **{"commit": "0123456789abcdef", "dirty": False, "host": "Linux", "threads": 1},
        **{"device": "cpu", "device_name": "Test CPU"},
        **{"versions": {"python": "3.11.2", "torch": "2.10.0"}},
        **{"started": "2026-01-02T03:00:00+00:00", "finished": "2026-01-02T04:00:00+00:00"},
        "seconds": seconds,
    }
    return {**facts, **more, "peak_memory_mb": {"resident": resident, **gpu}}


def write(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def save(path: Path, stage: str, facts: dict[str, Any], **more: Any) -> None:
    shaped = {"format": 2, "settings": {"preset": "paper"}, "manifest": "m", "inputs": {}}
    write_record(path, {**shaped, "stage": stage, "run": facts, **more})


def write_benchmark(path: Path, seconds: float, memory: str) -> None:
    write(path, f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:01\t{memory}\t1.0\n")


def cell(seed: int) -> Path:
    return Path(Cell(SetName("birds", "sre2lpp", "fd2", "base"), 3, "resnet18", seed).path())


@pytest.fixture
def sources(tmp_path: Path) -> PageSources:
    """Two cells, a set of labels, prepared data, a table and a figure; one more of each missing."""
    results, benchmarks = tmp_path / "results", tmp_path / "benchmarks"
    scores = [{"top1": 41.25, "balanced_top1": 33.0}, {"top1": 43.75, "balanced_top1": 35.0}]
    times = [run(10.0, 950.0), run(50.0, 700.0)]
    for seed in (0, 1):
        result = {"last": scores[seed]}
        save(results / cell(seed), "evaluate", times[seed], cell={}, result=result)
    write_benchmark(benchmarks / cell(0).with_suffix(".tsv"), 12.5, "800.00")
    write_benchmark(benchmarks / cell(1).with_suffix(".tsv"), 60.5, "-")
    folder = "labels/birds/sre2lpp/fd2/base/ipc3"
    slow = run(7500.0, 500.0, device_name="Test GPU", gpu=2048.4, commit=None, dirty=None)
    save(results / folder / "record.json", "relabel", slow)
    write_benchmark(benchmarks / f"{folder}.tsv", 7510.0, "4096.00")
    save(results / "distilled/birds/.state/0.json", "unfinished", run(1.0, 1.0))
    write_manifest(results / "data/birds/manifest.json", MANIFEST)
    table = (
        "# main\n\n- Preset: paper.\n\n| method | IPC 3 |\n| --- | --- |\n"
        f"| SRe²L++ | 42.5 ± 1.8 / 34.0 ± 1.4 |\n| {HOSTILE} | missing |\n\n"
        "## Missing results\n\n```\nsnakemake results/x.json\n```\n"
    )
    write(results / "tables/main.md", table)
    write(results / "figures/attention.png", drawn())
    rows = [{"method": "sre2lpp", "fd2": "plain", "variant": "base"}]
    maps = {"kind": "attention_maps", "dataset": "birds", "ipc": 3, "class": HOSTILE, "rows": rows}
    settings = {
        **{"preset": "paper", "seeds": [0, 1], "tables": ["main", "later_table"]},
        "figures": {"attention": maps, "later": maps},
        "note": HOSTILE,
    }
    return PageSources(
        results=results,
        benchmarks=benchmarks,
        tables={name: results / f"tables/{name}.md" for name in ("main", "later_table")},
        numbers={"main": [results / cell(seed) for seed in (0, 1, 2)]},
        figures={name: results / f"figures/{name}.png" for name in ("attention", "later")},
        settings=settings,
        invocation=Invocation(["config/my birds.yaml"], {}),
        texts=TEXTS,
    )


@pytest.fixture
def seen(sources: PageSources) -> Page:
    return Page(page(sources))


def test_time_and_memory_of_each_stage(seen: Page) -> None:
    lines = seen.table("stage", "dataset")
    assert lines == [
        # In the order of the chain; hours in hours; a GPU's memory beside the host's.
        ["relabel", "birds", "Test GPU", "1", *["2 h 05 min"] * 4, "4096 MiB", "2048 MiB"],
        [
            *("evaluate", "birds", "Test CPU", "2", "1 min 00 s", "30.0 s", "50.0 s"),
            # 12.5 s and 60.5 s; the stage's own peak is above the sampled one.
            *("1 min 13 s", "950 MiB", "–"),
        ],
        ["together", "3", "2 h 06 min", "", "", "2 h 06 min", "", ""],
    ]
    assert "unfinished" not in seen.words


def test_a_job_without_a_benchmark_is_told_apart(sources: PageSources) -> None:
    (sources.benchmarks / cell(1)).with_suffix(".tsv").unlink()
    line = Page(page(sources)).table("stage", "dataset")[1]
    assert line[7] == "12.5 s (1 of 2)"
    shutil.rmtree(sources.benchmarks)
    line = Page(page(sources)).table("stage", "dataset")[1]
    assert line[7:9] == ["–", "950 MiB"]


def test_tables_are_as_they_were_written(seen: Page) -> None:
    assert seen.table("method", "IPC 3") == [
        ["SRe²L++", "42.5 ± 1.8 / 34.0 ± 1.4"],
        [HOSTILE, "missing"],
    ]


def test_every_number_has_its_command_score_and_time(sources: PageSources, seen: Page) -> None:
    suffix = "--cores all --configfile 'config/my birds.yaml'"
    paths = [sources.results / cell(seed) for seed in (0, 1, 2)]
    assert seen.table("command") == [
        [
            f"snakemake --force {paths[0]} {suffix}",
            *("41.2 / 33.0", "10.0 s", "2026-01-02T04:00:00+00:00"),
        ],
        [
            f"snakemake --force {paths[1]} {suffix}",
            *("43.8 / 35.0", "50.0 s", "2026-01-02T04:00:00+00:00"),
        ],
        [f"snakemake {paths[2]} {suffix}", "missing"],
    ]


def test_missing_parts_are_named_with_their_commands(sources: PageSources, seen: Page) -> None:
    suffix = "--cores all --configfile 'config/my birds.yaml'"
    for path in (sources.tables["later_table"], sources.figures["later"]):
        assert f"snakemake {path} {suffix}" in seen.codes
    assert "The table later_table has not been made." in seen.words
    assert "The figure later has not been drawn." in seen.words
    for path in (sources.tables["main"], sources.figures["attention"]):
        assert f"snakemake {path} {suffix}" not in seen.codes


def test_figures_stand_in_the_page_with_captions(seen: Page) -> None:
    (picture,) = [attributes for tag, attributes in seen.tags if tag == "img"]
    shown = base64.b64decode(str(picture["src"]).partition(";base64,")[2])
    before, after = (Image.open(io.BytesIO(content)).convert("RGB") for content in (drawn(), shown))
    assert ImageChops.difference(before, after).getbbox() is None and len(shown) < len(drawn())
    assert "attention maps" in str(picture["alt"])
    assert "bright where the teacher looks" in seen.words


def test_hardware_commits_versions_data_and_settings(seen: Page) -> None:
    recorded = dict(line[:2] for line in seen.table("what", "recorded"))
    assert recorded == {
        "hardware": "Test CPU (2), Test GPU (1)",
        "system": "Linux (3)",
        "commit of fd2": "0123456789abcdef (2), unknown (1)",
        **{"python": "3.11.2 (3)", "torch": "2.10.0 (3)"},
    }
    (data,) = seen.table("dataset", "classes")
    assert data == ["birds", "2", "train 5, test 3", "64", "CC <BY>", MANIFEST.digest()[:12]]
    assert "seeds:\n- 0\n- 1\n" in seen.words and "Preset paper" in seen.words


def test_held_out_images_are_not_called_test_images(sources: PageSources, seen: Page) -> None:
    assert "train 5, test 3" in seen.words
    held = {**MANIFEST.source, "tested_on": "held-out training images"}
    write_manifest(sources.results / "data/birds/manifest.json", replace(MANIFEST, source=held))
    assert "train 5, held out 3" in Page(page(sources)).words


def test_names_are_shown_and_not_obeyed(sources: PageSources, seen: Page) -> None:
    assert not {tag for tag, _ in seen.tags} & {"script", "b", "iframe", "object"}
    # In the list of classes, in the table, in two captions, and in the settings.
    assert seen.words.count(HOSTILE) >= 5
    assert not [a for _, attributes in seen.tags for a in attributes if a.startswith("on")]


def test_nothing_is_loaded_from_elsewhere(sources: PageSources, seen: Page) -> None:
    for tag, attributes in seen.tags:
        assert tag != "link"
        for name in set(LOADED) & attributes.keys():
            value = str(attributes[name])
            assert value.startswith(("#", "data:")) or (tag == "a" and name == "href"), value
    styles = re.findall(r"<style>(.*?)</style>", page(sources), re.DOTALL)
    assert len(styles) == 1 and "url(" not in styles[0] and "@import" not in styles[0]


def test_it_can_be_read_without_seeing_it(seen: Page) -> None:
    ids = seen.ids()
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    for tag, attributes in seen.tags:
        named = [attributes.get("aria-labelledby"), attributes.get("aria-describedby")]
        if tag == "a":
            named.append(str(attributes["href"]).removeprefix("#"))
        assert {word for words in named if words for word in words.split()} <= set(ids)
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if tag == "img":
            assert attributes["alt"]
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(lower <= upper + 1 for upper, lower in pairwise(levels))
    assert dict(seen.tags)["html"] == {"lang": "en"}


def test_equal_files_give_equal_bytes(sources: PageSources, tmp_path: Path) -> None:
    before = page(sources)
    for name in ("results", "benchmarks"):
        # Made again in another order.
        files = {path: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
        shutil.rmtree(tmp_path / name)
        for path in sorted(files, reverse=True):
            write(path, files[path])
    assert page(sources) == before


def test_an_empty_results_folder_has_a_page(sources: PageSources, tmp_path: Path) -> None:
    empty = replace(sources, results=tmp_path / "none", tables={}, figures={}, numbers={})
    seen = Page(page(empty))
    assert "No job has finished yet." in seen.words
    assert "The config names no table." in seen.words and "no figure." in seen.words


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (cell(0), '{"stage": "evaluate", "run": {'),
        (cell(0), '{"stage": "evaluate", "settings": {}, "run": {"seconds": 1}}'),
        (Path("data/birds/manifest.json"), '{"dataset": "birds"}'),
    ],
)
def test_a_damaged_file_is_named(sources: PageSources, path: Path, content: str) -> None:
    write(sources.results / path, content)
    with pytest.raises(FD2Error, match=r"damaged file|not a manifest") as error:
        page(sources)
    assert error.value.where == str(sources.results / path)


def test_commands_are_read_back_as_they_were_given() -> None:
    settings = {"tables": ["a b", "c"], "device": "cpu", "strict": True, "epochs": 3}
    words = shlex.split(Invocation(["one.yaml", "it's two.yaml"], settings).make("t", "u"))
    assert words[:5] == ["snakemake", "t", "u", "--cores", "all"]
    assert words[5:8] == ["--configfile", "one.yaml", "it's two.yaml"]
    assert words[8] == "--config" and parse_config(words[9:]) == settings
    assert Invocation([], {}).again("t") == "snakemake --force t --cores all"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((math.nan, "–"), (0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s")),
        *((3599.4, "59 min 59 s"), (3599.6, "1 h 00 min"), (90_000, "25 h 00 min")),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_memory() -> None:
    assert (mebibytes(math.nan), mebibytes(793.46)) == ("–", "793 MiB")


def test_a_link_in_a_table_cannot_run_anything(tmp_path: Path) -> None:
    write(tmp_path / "t.md", "# t\n\n[x](javascript:alert(1)) <img src=x onerror=y>\n")
    html = str(from_markdown(tmp_path / "t.md", "t"))
    assert Page(html).tags == [("h3", {"id": "t"}), ("p", {})]


def test_a_caption_cannot_include_files_or_html() -> None:
    text = ".. raw:: html\n\n   <script>1</script>\n\n.. include:: /etc/hostname\n\nwords\n"
    seen = Page(str(from_caption(text, {}).body))
    assert "script" not in {tag for tag, _ in seen.tags} and "words" in seen.words


def test_the_pipeline_names_rules() -> None:
    rules = {
        name
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for name in re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
    }
    picture = (TEXTS / "page/pipeline.svg").read_text()
    drawn = re.findall(r'font-weight="bold">([^<]+)<', picture)
    named = {name for words in drawn for name in words.split(", ")}
    assert named < rules and len(named) == 10
