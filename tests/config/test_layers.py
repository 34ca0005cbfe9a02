"""Config files in their order, what the command line sets, and where a value was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.command_line import read_first
from fd2.config.layers import merge, origin, read_layers
from fd2.config.names import Teacher
from fd2.config.yaml_reader import read_yaml
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a default config."""
    monkeypatch.chdir(tmp_path)
    write("config.yaml", "a: 1\nb: {c: 1, d: [1, 2, 3]}\npathvars: {results: results}\n")
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_later_files_win_and_lines_follow(folder: Path) -> None:
    write("one.yaml", "b: {c: 2}\ne:\n  f: 1\n")
    write("two.yaml", "\nb:\n  d: [4]\n")
    found = read_layers(Path("config.yaml"), ["one.yaml", "two.yaml"], ["a=1e-3", "e={f: [x]}"])
    assert found == {
        **{"a": 0.001, "b": {"c": 2, "d": [4]}, "e": {"f": ["x"]}},
        **{"pathvars": {"results": "results"}},
    }
    assert found.lines["b", "c"] == "one.yaml, line 1"
    assert found.lines["b", "d"] == "two.yaml, line 3"
    assert ("b", "d", 1) not in found.lines and ("e", "f") not in found.lines
    assert found.lines["a",] == "--config a" and found.lines["e",] == "--config e"
    swapped = read_layers(Path("config.yaml"), ["two.yaml", "one.yaml"])
    assert swapped["b"] == {"c": 2, "d": [4]}


def test_a_file_stands_after_those_that_it_needs(folder: Path) -> None:
    write("one.yaml", "a: 2\n")
    write("two.yaml", "# needs one\nafter: [one.yaml]\na: 3\n")
    assert read_layers(Path("config.yaml"), ["one.yaml", "two.yaml"])["a"] == 3
    for given in (["two.yaml"], ["two.yaml", "one.yaml"]):
        with pytest.raises(FD2Error, match=r"two\.yaml needs one\.yaml before it") as refused:
            read_layers(Path("config.yaml"), given)
        assert refused.value.where == "two.yaml, line 2"
        assert refused.value.fix == "write --configfile one.yaml two.yaml"


@pytest.mark.parametrize("needed", ["config/one.yaml", "two.yaml", "", ".."])
def test_what_a_file_needs_is_named_without_folders(folder: Path, needed: str) -> None:
    write("two.yaml", f"a: 3\nafter: ['{needed}']\n")
    with pytest.raises(FD2Error, match="'after' names") as refused:
        read_layers(Path("config.yaml"), ["two.yaml"])
    assert refused.value.where == "two.yaml, line 2" and "without folders" in refused.value.fix


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_page_names_what_shipped_files_need(path: Path) -> None:
    lines = (CONFIG / "README.md").read_text(encoding="utf-8").split("\n")
    (cells,) = [line.split("|")[1:3] for line in lines if f"`{path.name}`" in line.split(" |")[0]]
    told = [f"{name.strip()}.yaml" for name in cells[1].replace("`", "").split(",") if name.strip()]
    default = CONFIG / "config.yaml"
    if path == default:
        return
    read_layers(default, [*(CONFIG / name for name in told), path])
    for left_out in told:
        files = [CONFIG / name for name in told if name != left_out]
        with pytest.raises(FD2Error, match=f"needs {left_out} before"):
            read_layers(default, [*files, path])


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["--configfile", "mine.yaml", "table1"], ["'table1' is no config file", "before"]),
        (["--configfile", "mine.yaml", "r/t.md"], ["'r/t.md' is no config file"]),
        (["--configfile", "mien.yaml"], ["no such file", "did you mean 'mine.yaml'?"]),
        (["--configfile", "mine.yaml", "./mine.yaml"], ["named twice"]),
        (["--configfile", "mine.yaml", "--configfiles", "mine.yaml"], ["stands 2 times"]),
        (["--configfile", "twice.yaml"], ["'a' stands twice", "twice.yaml, line 1 and line 2"]),
        (["--config", "a"], ["'a' sets nothing"]),
        (["-C", "a=1", "a=2"], ["'a' is set twice"]),
        (["--config", "b.c=1"], ["sets nothing", "blocks as in YAML"]),
        (["--config", "a=[1"], ["not YAML", "--config a"]),
        (["--config", "a={b: 1, b: 2}"], ["'b' stands twice"]),
        (["--config", "pathvars=[1]"], ["'pathvars' is [1]", "--config pathvars"]),
        (["--configfile", "pathvars.yaml"], ["'pathvars' is", "pathvars.yaml, line 1"]),
    ],
    ids=str,
)
def test_what_snakemake_could_not_read(folder: Path, words: list[str], messages: list[str]) -> None:
    write("mine.yaml", "a: 2\n")
    write("twice.yaml", "a: 2\na: 3\n")
    write("pathvars.yaml", "pathvars: {results: 3}\n")
    with pytest.raises(SystemExit) as left:
        read_first(["--cores", "2", *words, "--dry-run"], folder / "config.yaml")
    for message in ["error: ", "where:", "fix:", *messages]:
        assert message in str(left.value)


def test_what_snakemake_can_read_passes(folder: Path) -> None:
    write("mine.yaml", "a: 2\n")
    read_first([], folder / "config.yaml")
    words = ["all", "--configfile", "mine.yaml", "-c", "2", "--config", "a=1", "b={c: 1e-3}", "-n"]
    read_first(words, folder / "config.yaml")


def test_the_origin_of_a_value() -> None:
    config = {
        "evaluate": {"epochs": 1, "eta": 1},
        "overrides": {
            "one": {"where": {"ipc": [1, 2]}, "set": {"evaluate": {"epochs": 2}}},
            "two": {"where": {"ipc": 2}, "set": {"evaluate": {"epochs": 3}}},
        },
        "variants": {"long": {"evaluate": {"epochs": 4}}},
    }
    for context, expected in (
        ({"ipc": 5}, ("evaluate", "epochs")),
        ({"ipc": 1}, ("overrides", "one", "set", "evaluate", "epochs")),
        ({"ipc": 2, "variant": "base"}, ("overrides", "two", "set", "evaluate", "epochs")),
        ({"ipc": 2, "variant": "long"}, ("variants", "long", "evaluate", "epochs")),
    ):
        assert origin(config, "evaluate", context, ("epochs",)) == expected
    assert origin(config, "evaluate", {"ipc": 2}, ("eta",)) == ("evaluate", "eta")


@pytest.mark.parametrize(("preset", "epochs", "rate"), [("paper", 2, 1), ("release", 3, 9)])
def test_an_override_may_hold_under_one_preset(preset: str, epochs: int, rate: int) -> None:
    overrides = {
        "both": {"where": {"dataset": "elpv"}, "set": {"pretrain": {"epochs": 2}}},
        "one": {
            "where": {"preset": "release", "dataset": "elpv"},
            "set": {"pretrain": {"epochs": 3}},
        },
        "any": {"where": {"preset": ["release"]}, "set": {"pretrain": {"learning_rate": 9}}},
    }
    changes = {"preset": preset, "overrides": overrides, "pretrain": {"learning_rate": 1}}
    values = merge(read_yaml(CONFIG / "config.yaml"), changes)
    settings = checked_configuration(values, "mine.yaml", CONFIG)
    found = settings.pretrain(Teacher("elpv", "resnet18", "plain"))
    assert (found["epochs"], found["learning_rate"]) == (epochs, rate)
    faulty = {"overrides": {"one": {"where": {"preset": "relase"}}}}
    with pytest.raises(FD2Error, match="unknown preset 'relase'") as caught:
        checked_configuration(merge(values, faulty), "mine.yaml", CONFIG)
    assert "did you mean 'release'?" in caught.value.fix
    assert "overrides.one.where.preset" in caught.value.where


def test_merging_replaces_all_but_mappings() -> None:
    assert merge({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}}
    assert merge({"a": {"b": 1}}, {"a": None}) == {"a": None}
