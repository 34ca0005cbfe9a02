"""What a user may write in YAML, and what is refused with its line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from fd2.config.yaml_reader import parse_value, parse_yaml, read_yaml
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.mark.parametrize("path", sorted(CONFIG.rglob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_read_as_with_another_reader(path: Path) -> None:
    layer = read_yaml(path)
    assert layer == yaml.safe_load(path.read_text(encoding="utf-8"))
    for keys, line in layer.lines.items():
        if keys and isinstance(keys[-1], str) and "<<" not in path.read_text(encoding="utf-8"):
            text = path.read_text(encoding="utf-8").split("\n")[int(line.rpartition(" ")[2]) - 1]
            assert keys[-1] in text or "*" in text or "&" in text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("-2E+3", -2000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+3", 3),
        ("-0", 0),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("'2024'", "2024"),
        ("[0, 1]", [0, 1]),
        ("{a: {b: 1e1}}", {"a": {"b": 10.0}}),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("9" * 5000, math.inf),
    ],
)
def test_values(text: str, value: object) -> None:
    found = parse_value(text, "test")
    assert found == value and type(found) is type(value)


def test_lines_of_settings_lists_anchors_and_merge_keys() -> None:
    text = (
        "a: &a\n  b: 1\n  c: [1,\n    2]\nd:\n  <<: *a\n  b: 3\ne: *a\nf: {<<: [{g: 1}, {g: 2}]}\n"
    )
    layer = parse_yaml(text, "mine.yaml")
    assert layer == {**yaml.safe_load(text)}
    assert layer["d"] == {"b": 3, "c": [1, 2]} and layer["f"] == {"g": 1}
    expected = {("a",): 1, ("a", "b"): 2, ("a", "c", 1): 4, ("d", "b"): 7, ("d", "c"): 3, ("e",): 8}
    for keys, line in expected.items():
        assert layer.lines[keys] == f"mine.yaml, line {line}"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", "1 and line 3", ["'a' stands twice", "keep one"]),
        ("s:\n  a: 1\n  a: 1", "2 and line 3", ["'s.a' stands twice"]),
        ("s: {a: 1, b: {c: 1, c: 2}}", "1 and line 1", ["'s.b.c' stands twice"]),
        ("x: [{a: 1, a: 2}]", "1 and line 1", ["'x.0.a' stands twice"]),
        ("a: &a {b: 1}\nc:\n  <<: *a\n  <<: *a", "3 and line 4", ["'c.<<' stands twice"]),
        ("2024: 1", "1", ["the key 2024", 'quotes: "2024"']),
        ("a: 1\non: 1", "2", ["the key on", 'quotes: "on"']),
        ("a: {yes: 1}", "1", ["the key yes"]),
        ("2024-01-01: 1", "1", ["the key 2024-01-01"]),
        ("1e3: 1", "1", ["the key 1e3"]),
        ("~: 1", "1", ["the key ~"]),
        ("? [a]\n: 1", "1", ["a key that is a list"]),
        ("a:\n\tb: 1", "2", ["not YAML", "spaces, not tabs"]),
        ("a: 1\nb: 'x", "2", ["not YAML", "close the quotes"]),
        ("a: 1\nb: [1,\n", "2", ["not YAML"]),
        ("a: 1\n  b: 2", "2", ["not YAML"]),
        ("a: b: c", "1", ["not YAML"]),
        ("a: “x”: 1", "1", ["straight quotes"]),
        ("a: *b", "1", ["alias", "quotes"]),
        ("a: @b", "1", ["in quotes"]),
        ("a: \x07", "1", ["the character '\\x07'"]),
        ("a: 010", "1", ["010", "write 10"]),
        ("a: !!python/name:os.system x", "1", ["tag !!python/name:os.system"]),
        ("a: !mine 1", "1", ["tag !mine"]),
        ("- 1\n- 2", "1", ["not a mapping"]),
        ("text", "1", ["not a mapping"]),
        ("a: 1\n---\nb: 1", "2", ["document"]),
        ("a: {<<: 3}", "1", ["'<<' without a mapping"]),
    ],
)
def test_refusals(text: str, line: str, words: list[str]) -> None:
    with pytest.raises(FD2Error) as refused:
        parse_yaml(text, "mine.yaml")
    assert refused.value.where == f"mine.yaml, line {line}"
    for word in words:
        assert word in str(refused.value)
    assert refused.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a: &a {<<: *a}",
        "a: " + "[" * 5000,
        "a: &b0 [1, 1]\n" + "".join(f"b{n}: &b{n} [*b{n - 1}, *b{n - 1}]\n" for n in range(1, 40)),
    ],
    ids=["list in itself", "mapping in itself", "merged into itself", "deep", "billion laughs"],
)
def test_what_has_no_end(text: str) -> None:
    with pytest.raises(FD2Error):
        parse_yaml(text, "mine.yaml")


@pytest.mark.parametrize("text", ["", "\n\n", "# all set out\n# a: 1\n", "---\n", "null\n"])
def test_an_empty_file_is_told(text: str) -> None:
    with pytest.raises(FD2Error, match=r"no settings in it|not a mapping"):
        parse_yaml(text, "mine.yaml")
