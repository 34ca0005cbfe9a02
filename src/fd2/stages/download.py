"""Stage download: a dataset's archives from their mirrors, checked and unpacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fd2.artifacts.records import write_record
from fd2.config import plugins
from fd2.downloads.archive import Archive
from fd2.downloads.store import check_names, obtain, redirected
from fd2.errors import FD2Error


@dataclass(frozen=True)
class DownloadSettings:
    """What is fetched.

    Attributes:
        kind: a plug-in of ``fd2.datasets`` with ``ARCHIVES``.
        mirrors: a user's own servers, addresses of folders; they replace the known ones.
        sha256: digest by archive name, for archives that are not the known ones.
    """

    kind: str
    mirrors: Sequence[str] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)


def download(settings: DownloadSettings, folder: Path, record: Path) -> None:
    """Have the archives of a dataset kind unpacked, each in its own folder below ``folder``.

    The record has the settings, and name, mirror, size and digests of each archive. It depends on
    what was unpacked alone, not on when: a run that has nothing to fetch writes the same bytes.

    Raises:
        FD2Error: if the archives cannot be had, or ``sha256`` names one that there is not.
    """
    where = f"datasets of kind {settings.kind}"
    plugin = plugins.load("datasets", settings.kind, where)
    routes: list[tuple[Archive, ...]] = [plugin.ARCHIVES, *getattr(plugin, "ALTERNATIVES", ())]
    check_names(routes, list(settings.sha256), f"{where}, setting 'sha256'")
    if settings.mirrors:
        # One's own server holds the main archives; the others would come from elsewhere.
        routes = routes[:1]
    chosen = [
        [redirected(archive, settings.mirrors, settings.sha256) for archive in route]
        for route in routes
    ]
    try:
        notes = obtain(chosen, folder, where)
    except FD2Error as error:
        instead = getattr(plugin, "INSTEAD", None)
        if instead is None:
            raise
        raise FD2Error(error.what, error.where, f"{instead}, or {error.fix}") from error
    write_record(record, {"stage": "download", "settings": asdict(settings), "archives": notes})
