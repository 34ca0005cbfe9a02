"""The workflow's folder as the commands see it: its config files and where outputs lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fd2.config.checks import checked_configuration
from fd2.config.layers import read_layers
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error

DEFAULT_CONFIG = Path("config", "config.yaml")


@dataclass(frozen=True)
class Project:
    """A config and the folder that it is used in.

    Attributes:
        folder: holds the Snakefile; outputs are relative to it.
        configfiles: as they were given on the command line.
        settings: the validated config.
    """

    folder: Path
    configfiles: tuple[str, ...]
    settings: Configuration

    def root(self, pathvar: str) -> str:
        """The folder of an output kind, as the workflow writes it: one of `pathvars.PATHVARS`."""
        return str(self.settings.values["pathvars"][pathvar])

    def path(self, pathvar: str, name: str = "") -> Path:
        """A path below the folder of an output kind."""
        return self.folder / self.root(pathvar) / name


def require_workflow(folder: Path) -> None:
    """Refuse a folder that is not the workflow's.

    Raises:
        FD2Error: names the folder.
    """
    if not (folder / "Snakefile").is_file():
        raise FD2Error("no Snakefile here", str(folder), "run fd2 in the folder of the workflow")


def open_project(folder: Path, configfiles: Sequence[str]) -> Project:
    """Read the default config and the given files over it, as Snakemake does.

    Args:
        folder: of the workflow.
        configfiles: relative to it or absolute; later ones win.

    Raises:
        FD2Error: if there is no workflow, or a setting is refused.
    """
    require_workflow(folder)
    config = read_layers(folder / DEFAULT_CONFIG, [folder / name for name in configfiles])
    source = ", ".join([str(DEFAULT_CONFIG), *configfiles])
    settings = checked_configuration(config, source, folder / "config")
    return Project(folder, tuple(configfiles), settings)
