"""The networks of timm and torchvision by name, read from the libraries' sources.

To import these libraries takes seconds and a plan has hundreds of names to check, so the functions
that the libraries register are found without running them.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

#: Libraries whose networks may be named, in the order in which a bare name is looked up.
LIBRARIES = ("torchvision", "timm")
#: Files of timm whose networks are plain vision transformers.
_TRANSFORMERS = ("deit", "vision_transformer")
#: How each library registers a network; decorators that follow may span lines.
_REGISTERED = {
    "torchvision": re.compile(
        r'^@register_model\((?:name="(\w+)")?\)\n(?:@.*\n(?:[ )].*\n)*)*def (\w+)\(', re.MULTILINE
    ),
    "timm": re.compile(r"^@register_model\ndef (\w+)\(", re.MULTILINE),
}


@dataclass(frozen=True)
class LibraryName:
    """A network of a library.

    Attributes:
        package: one of `LIBRARIES`.
        model: its name there.
    """

    package: str
    model: str


def find(name: str) -> LibraryName | None:
    """The network that a name means; None if there is none.

    Args:
        name: the library's own, or that behind the library's: ``timm.resnet34``. A bare name that
            both have is torchvision's.
    """
    library, _, model = name.partition(".")
    if model:
        known = library in LIBRARIES and model in networks(library)
        return LibraryName(library, model) if known else None
    return next((LibraryName(one, name) for one in LIBRARIES if name in networks(one)), None)


def names() -> list[str]:
    """Every bare name, sorted."""
    return sorted({name for library in LIBRARIES for name in networks(library)})


def networks(library: str) -> Set[str]:
    """The names of a library's classification networks; none if it is not installed.

    torchvision's networks for detection, segmentation and video stand in folders of their own.
    """
    return _files(library).keys()


def is_vision_transformer(library: str, model: str) -> bool:
    """Whether a network is one of timm's plain vision transformers, DeiT among them."""
    return library == "timm" and _files(library).get(model) in _TRANSFORMERS


@cache
def _files(library: str) -> dict[str, str]:
    """For each network of a library the file that makes it, without its ending."""
    spec = find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0], "models")
    pattern = _REGISTERED[library]
    return {
        next(filter(None, match.groups())): path.stem
        for path in folder.glob("*.py")
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    }
