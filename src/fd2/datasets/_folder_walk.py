"""The pictures of class folders, and everything beside them that is not used."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fd2.artifacts.remarks import KEPT, Remark
from fd2.datasets._reading import SUFFIXES
from fd2.errors import FD2Error, listing

#: Folders and files that machines put beside pictures, in lower case: thumbnails of file servers,
#: waste bins, caches.
_MACHINE = {
    *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
    *("__macosx", "lost+found", "$recycle.bin", "system volume information", "recycler"),
    *("network trash folder", "temporary items", "_gsdata_", "__pycache__", "thumbs.db"),
    *("ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"),
    *(".appledouble", ".appledb", ".appledesktop", ".trashes", ".thumbnails", ".thumbs"),
    *(".spotlight-v100", ".fseventsd", ".temporaryitems", ".picasaoriginals", ".@__thumb"),
    ".ipynb_checkpoints",
}
_MACHINE_STARTS = ("._", ".trash-", ".nfs", ".fuse_hidden", ".syncthing", ".smbdelete")
#: Stores of version control, whose files are others' business, however many pictures they hold.
_STORES = {".git", ".dvc", ".hg", ".svn", ".datalad", ".snakemake"}

MACHINE = "files of thumbnails, waste bins and other machine-made folders, passed over"
HIDDEN = "hidden pictures, passed over"
OTHER_SUFFIX = "files passed over for their suffix"
LOOSE = "pictures outside any class folder, not used"
DEEPER = "pictures deeper than their class folder, used as its own"
NO_FILES = "pictures by name that are no files (pipes, sockets, devices), passed over"


@dataclass
class FolderWalk:
    """What is met on the way through a dataset's folder; names are below ``root``, in NFC.

    Attributes:
        root: the dataset's folder.
        counts: of files by what holds them, for each of `MACHINE`, `HIDDEN` and `OTHER_SUFFIX`.
        names: for each of `LOOSE`, `DEEPER` and `NO_FILES`.
        dead_links, unreadable: with the reason.
    """

    root: Path
    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    names: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    dead_links: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def folders(self, folder: Path) -> list[Path]:
        """The visible folders in ``folder``, sorted; its files are noted as not used."""
        found = []
        for entry in self._visible(folder):
            if _is_folder(entry):
                found.append(Path(entry.path))
            elif self._is_picture(entry, any_suffix=True):
                self.names[LOOSE].append(self.name(entry.path))
        return found

    def pictures(self, folder: Path, depth: int = 0) -> dict[str, Path]:
        """Pictures at any depth below a class folder, sorted by name.

        Raises:
            FD2Error: for a link to a folder, and for two names that differ in nothing visible.
        """
        found: dict[str, Path] = {}
        for entry in self._visible(folder):
            path = Path(entry.path)
            if not _is_folder(entry):
                below = {self.name(path): path} if self._is_picture(entry) else {}
            elif entry.is_symlink():
                raise FD2Error(
                    "a link to a folder inside a class folder is not followed",
                    str(path),
                    "link the class folder or each image, or copy the folder",
                )
            else:
                below = self.pictures(path, depth + 1)
            if twice := sorted(found.keys() & below.keys()):
                raise same_name(twice[0], folder)
            found |= below
        if depth == 0:
            self.names[DEEPER] += sorted(n for n, path in found.items() if path.parent != folder)
        return dict(sorted(found.items()))

    def require_readable(self) -> None:
        """Refuse folders that could not be listed, and links to nowhere, after all were met.

        Raises:
            FD2Error: with how many there are and the first ten.
        """
        if self.unreadable:
            raise FD2Error(
                f"{len(self.unreadable)} folder(s) that cannot be read",
                listing(sorted(self.unreadable), "\n    "),
                "make them readable (chmod -R u+rX), or move them away",
            )
        if self.dead_links:
            raise FD2Error(
                f"{len(self.dead_links)} picture(s) that are links to nowhere",
                listing(sorted(self.dead_links), "\n    "),
                "fetch them (git annex get, datalad get, dvc pull; for iCloud: brctl download), "
                "or remove the links",
            )

    def remarks(self) -> list[Remark]:
        """What is to be told of everything that was met."""
        counted = ((what, self.counts[what]) for what in (MACHINE, HIDDEN, OTHER_SUFFIX))
        remarks = [_counted(what, files) for what, files in counted if files.total()]
        named = ((what, self.names[what]) for what in (LOOSE, DEEPER, NO_FILES))
        return remarks + [Remark.of(what, sorted(names)) for what, names in named if names]

    def name(self, path: str | Path) -> str:
        """A path's name below the root: POSIX, in NFC, the same on every machine."""
        name = unicodedata.normalize("NFC", Path(path).relative_to(self.root).as_posix())
        # What is hidden or no picture may have a name that is not UTF-8.
        return name.encode(errors="backslashreplace").decode()

    def _visible(self, folder: Path) -> list[os.DirEntry[str]]:
        """Entries that are neither hidden nor made by machines, sorted; these are counted."""
        visible = []
        for entry in self._entries(folder):
            word = entry.name.lower()
            if word in _STORES:
                continue
            if word in _MACHINE or word.startswith(_MACHINE_STARTS):
                self.counts[MACHINE][self.name(entry.path)] += len(_files_below(entry))
            elif word.startswith(".") and has_picture_suffix(word.removesuffix(".icloud")) > (
                has_picture_suffix(word)
            ):
                self.dead_links.append(f"{entry.path}: left in iCloud")
            elif word.startswith("."):
                pictures = sum(map(has_picture_suffix, _files_below(entry)))
                self.counts[HIDDEN][self.name(entry.path)] += pictures
            else:
                visible.append(entry)
        if wrong := [e.name for e in visible if re.search("[\ud800-\udfff]", e.name)]:
            what = f"{len(wrong)} file name(s) not in UTF-8"
            raise FD2Error(what, ascii(str(folder / wrong[0])), "rename them (convmv)")
        return visible

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            # A folder may be listed and its files be out of reach.
            os.stat(os.path.join(folder, "."))
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.unreadable.append(f"{folder}: {error.strerror}")
            return []

    def _is_picture(self, entry: os.DirEntry[str], any_suffix: bool = False) -> bool:
        """Whether a file is one by its suffix; what is none is noted."""
        if entry.is_symlink() and (any_suffix or has_picture_suffix(entry.name)):
            try:
                os.stat(entry.path)
            except OSError:
                self.dead_links.append(f"{entry.path} -> {os.readlink(entry.path)}")
                return False
        if not has_picture_suffix(entry.name):
            parent, suffix = Path(entry.path).parent, Path(entry.name).suffix.lower()
            held = self.name(parent / f"*{suffix}") if suffix else self.name(entry.path)
            self.counts[OTHER_SUFFIX][held] += 1
            return False
        if not entry.is_file():
            self.names[NO_FILES].append(self.name(entry.path))
            return False
        return True


def count_pictures(folder: Path) -> int:
    """Files at any depth that have a picture's suffix."""
    return sum(has_picture_suffix(name) for _, _, files in os.walk(folder) for name in files)


def has_picture_suffix(name: str) -> bool:
    """Whether a file of this name is read as a picture."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def same_name(name: str, folder: Path) -> FD2Error:
    """The error for two files or folders whose names look the same."""
    return FD2Error(
        f"two names {name!r} that differ in nothing visible (Unicode NFC and NFD)",
        str(folder),
        "rename one of the two (convmv -f utf-8 -t utf-8 --nfc)",
    )


def _counted(what: str, files: Counter[str]) -> Remark:
    """A remark with how many files are where, the most first."""
    held = [(name, n) for name, n in sorted(files.items(), key=lambda i: (-i[1], i[0])) if n]
    first = (f"{name} ({n})" if n > 1 else name for name, n in held[:KEPT])
    return Remark(what, files.total(), tuple(first))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Also for a link to a folder; not for one in a circle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _files_below(entry: os.DirEntry[str]) -> list[str]:
    """Names of the files that an entry is or holds, where they may be read."""
    if not entry.is_dir(follow_symlinks=False):
        return [entry.name]
    return [name for _, _, files in os.walk(entry.path) for name in files]


def in_nfc(paths: Iterable[Path], folder: Path) -> dict[str, Path]:
    """Folders by their names in NFC.

    Raises:
        FD2Error: for two that look the same.
    """
    found: dict[str, Path] = {}
    for path in paths:
        name = unicodedata.normalize("NFC", path.name)
        if name in found:
            raise same_name(name, folder)
        found[name] = path
    return dict(sorted(found.items()))
