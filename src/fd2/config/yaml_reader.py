"""The one reader of YAML that users write: strict, and with the line of every setting.

It reads YAML 1.2's core schema, in which ``1e-3`` is a number and ``on`` is text. What a reader of
YAML 1.1 takes otherwise and what can be meant in two ways is refused rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fd2.config.texts import named, read_text
from fd2.errors import FD2Error, shortened, shown

#: A setting's keys from the outside in; numbers are positions in lists.
Keys = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TEXT = f"{_TAG}str"
_MERGE = f"{_TAG}merge"
_PLAIN_TAGS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp")}
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
#: Aliases of aliases can make a short file endless.
_MOST_VALUES = 100_000


class Layer(dict[str, Any]):
    """Settings of one config file, or of several laid over each other.

    Attributes:
        lines: where a setting was written, ``file, line 7``, by its keys; those of values that were
            not read from a file are missing.
    """

    def __init__(self, values: dict[str, Any], lines: dict[Keys, str] | None = None) -> None:
        super().__init__(values)
        self.lines = lines or {}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Layer:
        """The layer itself, or one of plain values, whose lines are not known."""
        return values if isinstance(values, cls) else cls(dict(values))


def read_yaml(path: Path) -> Layer:
    """Read a YAML file of settings; `parse_yaml` says what is refused.

    Raises:
        FD2Error: also as `fd2.config.texts.read_text`.
    """
    return parse_yaml(read_text(path), named(path))


def parse_yaml(text: str, source: str) -> Layer:
    """Read a YAML mapping.

    Args:
        text: of a whole file.
        source: where it was read, for messages.

    Raises:
        FD2Error: with the line, if it is no YAML or no mapping, a key stands twice or is no text,
            or a value has a tag or is a number that can be read in two ways.
    """
    reader = _Reader(source)
    node = reader.compose(text)
    if node is None:
        raise FD2Error("no settings in it", source, "write 'key: value' lines, or do not name it")
    if not isinstance(node, MappingNode):
        where = reader.where(node)
        raise FD2Error("not a mapping of settings", where, "write 'key: value' lines")
    values = reader.value(node, ())
    return Layer(values, reader.lines)


def parse_value(text: str, source: str) -> Any:
    """A single value as it would stand in a YAML file; raises as `parse_yaml`."""
    reader = _Reader(source)
    node = reader.compose(text)
    return None if node is None else reader.value(node, ())


class _Reader:
    """Builds the values of one text from its nodes, and notes their lines."""

    def __init__(self, source: str) -> None:
        self.lines: dict[Keys, str] = {}
        self._source = source
        self._open: set[int] = set()
        self._values = 0

    def where(self, node: Node) -> str:
        """The line of a node, for a message."""
        return f"{self._source}, line {node.start_mark.line + 1}"

    def compose(self, text: str) -> Node | None:
        """The outermost node of a text; None where nothing stands in it."""
        if foreign := yaml.reader.Reader.NON_PRINTABLE.search(text):
            where = f"{self._source}, line {text.count(chr(10), 0, foreign.start()) + 1}"
            raise FD2Error(f"not YAML: the character {foreign[0]!r}", where, "delete it")
        loader = _LOADER(text)
        try:
            node: Node | None = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark, context = error.problem_mark or error.context_mark, error.context_mark
            lines = text.rstrip().split("\n")
            if mark and mark.line >= len(lines) and context:
                mark = context  # What is open at the end is told where it begins.
            reason = error.problem or "a fault"
            number = min(mark.line, len(lines) - 1) if mark else 0
            if error.context and context:
                begun = min(context.line, len(lines) - 1) + 1
                reason = f"{error.context} that begins in line {begun}: {reason}"
            where, fix = f"{self._source}, line {number + 1}", _remedy(reason, lines[number])
            raise FD2Error(f"not YAML: {reason}", where, fix) from error
        except RecursionError as error:
            raise self._too_large() from error
        finally:
            loader.dispose()
        return node

    def _too_large(self) -> FD2Error:
        fix = "write settings as in config/config.yaml"
        return FD2Error("lists or mappings in each other without end", self._source, fix)

    def value(self, node: Node, keys: Keys) -> Any:
        """The value of a node that stands at these keys, and of all below it."""
        self._values += 1
        if self._values > _MOST_VALUES or id(node) in self._open:
            raise self._too_large()
        self.lines.setdefault(keys, self.where(node))
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if not node.tag.startswith((f"{_TAG}map", f"{_TAG}seq")):
            raise self._tagged(node)
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self.value(item, (*keys, i)) for i, item in enumerate(node.value)]
            return self._mapping(node, keys)
        except RecursionError as error:
            raise self._too_large() from error
        finally:
            self._open.discard(id(node))

    def _tagged(self, node: Node) -> FD2Error:
        name = node.tag.replace(_TAG, "!!")
        return FD2Error(f"the tag {name}", self.where(node), "write the value without a tag")

    def _scalar(self, node: ScalarNode) -> Any:
        text = node.value
        if node.style and node.tag == _TEXT:
            return text
        if node.tag not in _PLAIN_TAGS or node.style:
            raise self._tagged(node)
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            digits = text.lstrip("+-")
            if len(digits) > 1 and digits.startswith("0"):
                what = f"the number {shortened(text, 80)} begins with 0: octal to some readers"
                raise FD2Error(what, self.where(node), f"write {digits.lstrip('0') or 0}")
            # Longer ones are refused by their range, and Python reads no more than 4300 digits.
            return int(text) if len(text) < 400 else float("inf")
        if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text

    def _mapping(self, node: Node, keys: Keys) -> dict[str, Any]:
        written: dict[str, Node] = {}
        merging: Node | None = None
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in written:
                name = ".".join(map(str, (*keys, key)))
                raise FD2Error(
                    f"the key {shown(name)} stands twice",
                    f"{self.where(written[key])} and line {key_node.start_mark.line + 1}",
                    "keep one: the other would be left out without a word",
                )
            written[key] = key_node
            if key_node.tag == _MERGE:
                merging = value_node
        own = {}
        for key_node, value_node in node.value:
            if key_node.tag != _MERGE:
                below = (*keys, key_node.value)
                self.lines.setdefault(below, self.where(key_node))
                own[key_node.value] = self.value(value_node, below)
        # After its own keys, so that these keep their lines.
        return {**(self._merged(merging, keys) if merging else {}), **own}

    def _merged(self, node: Node, keys: Keys) -> dict[str, Any]:
        """What a merge key ``<<`` brings: of several mappings the earlier wins."""
        if isinstance(node, SequenceNode):
            parts = [self._merged(item, keys) for item in reversed(node.value)]
            return {key: value for part in parts for key, value in part.items()}
        if not isinstance(node, MappingNode):
            fix = "name an anchor of a mapping, as in '<<: *name'"
            raise FD2Error("'<<' without a mapping", self.where(node), fix)
        return self._mapping(node, keys)

    def _key(self, node: Node) -> str:
        if isinstance(node, ScalarNode) and (
            node.tag == _MERGE or (node.tag == _TEXT and isinstance(self._scalar(node), str))
        ):
            return str(node.value)
        if not isinstance(node, ScalarNode):
            raise FD2Error("a key that is a list or mapping", self.where(node), "write a name")
        text = shortened(node.value, 80)
        what = f"the key {text} is no text to YAML" if text else "a value without a key"
        raise FD2Error(what, self.where(node), f'put it in quotes: "{text}"')


def _remedy(reason: str, line: str) -> str:
    """What to do about a line that is no YAML, by what stands in it."""
    if "\t" in line:
        return "indent and separate with spaces, not tabs"
    if re.search("[\u00a0\u2000-\u200b\u3000]", line):
        return "type the spaces of that line again: one is not the usual character"
    if re.search("[\u2018\u2019\u201c\u201d]", line):
        return 'type straight quotes: "'
    if line.count('"') % 2 or line.count("'") % 2:
        return "close the quotes"
    if "alias" in reason or "cannot start" in reason:
        return "put a text that begins with such a character in quotes"
    return "correct that line or the one before: indentation, colons, brackets, quotes"
