"""A config as it was given: its values, where each was written, and the sheets that it lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fd2.config.layers import Layer, origin, overrides_of_preset, with_preset
from fd2.config.pathvars import output_folders
from fd2.config.schema import config_schema
from fd2.config.sheets import Sheet, read_sheet
from fd2.config.validation import validate, written

#: Keys of the config that list sheets. Each is a target; only the first is part of the default.
_LISTS = ("tables", "ablations", "measurements")


class GivenConfig:
    """A config that fits the schema.

    Args:
        config: merged config files; those of a `Layer` are named with their lines.
        source: their names, for errors.
        folder: the config folder with ``presets/`` and ``tables/``.

    Raises:
        FD2Error: for the first setting that is not accepted.
    """

    def __init__(self, config: Mapping[str, Any], source: str, folder: Path) -> None:
        self.source = source
        self.folder = folder
        layer = with_preset(Layer.of(config), folder / "presets")
        self.values, self._lines = dict(layer), layer.lines
        validate(self.values, config_schema(), source, self._lines)
        self.values["overrides"] = overrides_of_preset(self.values, folder / "presets", self.where)
        in_pathvars = partial(self.where, "pathvars")
        self.values["pathvars"] = output_folders(self.values["pathvars"], in_pathvars)
        self._sheets: dict[str, Sheet] = {}

    def where(self, *keys: str | int) -> str:
        """Where a setting was written, by its keys from the outside in."""
        return written(keys, self.source, self._lines)

    def where_of(self, stage: str, context: Mapping[str, object], *keys: str) -> str:
        """Where a job's value of its stage's section was written: also by override or variant."""
        return self.where(*origin(self.values, stage, context, keys))

    def tables(self) -> list[str]:
        """The names of all sheets that the config lists, each once."""
        return list(dict.fromkeys(name for key in _LISTS for name in self.values[key]))

    def where_listed(self, table: str) -> str:
        """Where one of `tables` is listed."""
        key = next(key for key in _LISTS if table in self.values[key])
        return self.where(key, self.values[key].index(table))

    def sheet(self, table: str) -> Sheet:
        """A table's sheet, read once.

        Raises:
            FD2Error: if there is none, or it cannot be read.
        """
        if table not in self._sheets:
            path = self.folder / "tables" / f"{table}.csv"
            asked = f", for {self.where_listed(table)}" if table in self.tables() else ""
            self._sheets[table] = read_sheet(path, asked)
        return self._sheets[table]
