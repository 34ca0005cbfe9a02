"""Which detection category the images of a class show: csv files of ``config/class_maps``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from fd2.config.texts import CsvText, named
from fd2.errors import FD2Error, require_known, suggest

#: The last one is for readers, and may be left out.
COLUMNS = ("class", "category", "name")
FOLDER = "class_maps"


@dataclass(frozen=True)
class ClassMap:
    """A class map; a class that it does not name has no category.

    Attributes:
        path: the csv file, with the columns ``class`` and ``category``, and a ``name`` for readers.
        categories: by class.
        lines: each class's line in the file, from 1.
    """

    path: Path
    categories: dict[str, str]
    lines: dict[str, int]

    @classmethod
    def read(cls, path: Path, asked: str = "") -> ClassMap:
        """Read a file.

        Args:
            path: the file; lines that begin with ``#`` are notes.
            asked: where it was asked for, for the error about a file that is not there.

        Raises:
            FD2Error: if there is no such file, a line cannot be read, has an empty cell or names a
                class once more, or there is none; with the line.
        """
        if not path.is_file():
            have = sorted(other.stem for other in path.parent.glob("*.csv"))
            fix = f"write it, or name one that is there; {suggest(path.stem, have)}"
            raise FD2Error(f"no class map '{path.stem}'", named(path) + asked, fix)
        text = CsvText.read(path)
        categories: dict[str, str] = {}
        lines: dict[str, int] = {}
        for number, row in text.rows(COLUMNS, COLUMNS[2:], "a class map"):
            name = row["class"]
            if not name or not row["category"]:
                fix = "name a class and its category, or delete the line"
                raise FD2Error("an empty cell", text.where(number), fix)
            if name in categories:
                where = f"{text.where(lines[name])} and line {number}"
                raise FD2Error(f"class '{name}' stands twice", where, "delete one of the two")
            categories[name], lines[name] = row["category"], number
        if not categories:
            raise FD2Error("no class in the class map", named(path), "write a line, or set null")
        return cls(path, categories, lines)

    def require(self, classes: Collection[str] | None, categories: Collection[str] | None) -> None:
        """Refuse a class that the dataset has not, and a category that the scenes have not.

        Args:
            classes: of the dataset; None where they are not known yet.
            categories: of the scenes; None likewise.

        Raises:
            FD2Error: with the first such line.
        """
        for name, category in self.categories.items():
            where = f"{named(self.path)}, line {self.lines[name]}"
            if classes is not None:
                require_known("class", name, classes, where)
            if categories is not None:
                require_known("category", category, categories, where)
