"""What a reader must know to judge a figure, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.artifacts.files import damaged
from fd2.artifacts.records import read_content
from fd2.config.cells import FULL_DATA
from fd2.figures._rows import labels

REAL = "all real training images"


def figure_caption(name: str, spec: Mapping[str, Any], records: Sequence[Path]) -> str:
    """A figure's caption in Markdown.

    Args:
        name: of the figure.
        spec: its entry in the config.
        records: the JSON files that stand beside what it is drawn from.

    Raises:
        FD2Error: if a record is missing or damaged.
    """
    runs, manifests = [], []
    for path in records:
        content = read_content(path)
        try:
            runs.append((content["run"]["device_name"], _commit(content["run"])))
            manifests.append(content["manifest"][:10])
        except (KeyError, TypeError) as error:
            raise damaged(path, f"no provenance: {type(error).__name__} {error}") from error
    sentences = [
        f"Figure {name}.",
        f"Data: {spec['dataset']} (manifest {_listed(manifests)}).",
        *_of_the_config(spec),
        f"Hardware: {_listed(device for device, _ in runs)}.",
        f"Commits: {_listed(commit for _, commit in runs)}.",
    ]
    return " ".join(sentences) + "\n"


def _of_the_config(spec: Mapping[str, Any]) -> list[str]:
    sentences = []
    if "ipc" in spec:
        sentences.append(f"Images per class: {spec['ipc']}.")
    if "rows" in spec:
        names = zip(spec["rows"], labels(spec), strict=True)
        shown = [REAL if row["method"] == FULL_DATA else label for row, label in names]
        sentences.append(f"Rows: {', '.join(shown)}.")
    for key in ("class", "student", "teacher", "backbone"):
        if key in spec:
            sentences.append(f"{key.capitalize()}: {spec[key]}.")
    return sentences


def _commit(run: Mapping[str, Any]) -> str:
    if run["commit"] is None:
        return "unknown"
    return str(run["commit"])[:10] + (" with uncommitted changes" if run["dirty"] else "")


def _listed(words: Iterable[str]) -> str:
    """Sorted, each once."""
    return ", ".join(sorted(set(words)))
