"""Stored histories: rows of completed bars and values that a checkpoint refers to, so that none is written each time.

Owns the policy of what is written again. The history of a part is a chain of files, each with the rows that were new.
Before a chain becomes long its last files are merged: rows that are no more than twice what would come after them are
written again with it. So a chain has few files, each several times as large as the next, and each row is written a few
times only. Rows that no history keeps any more are left out then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

import orjson
from librt.vecs import vec
from mypy_extensions import i64

from mtf.errors import CorruptCheckpoint
from mtf.gil import make_way
from mtf.image import Image, StoredRows
from mtf.log.filesystem import FileSystem, join
from mtf.storage.row_file import Reference, RowFile, is_reference, write_rows

__all__ = ["Chain", "StoredHistory", "open_histories", "readable_histories", "references_of", "save_histories"]

FILES_MAX: Final = 10_000
ROWS_MIN: Final = 2_000  # chains of fewer rows are not worth a file of their own


class Link(NamedTuple):
    """One file of a chain."""

    reference: Reference
    rows: int
    ends: vec[i64]  # of the histories, with the rows of this file, by symbol


class Chain(NamedTuple):
    """Where the histories of a core are as of its newest checkpoint: in files of this *directory*, oldest first."""

    directory: str
    links: tuple[Link, ...]


class StoredHistory(StoredRows):
    """The histories of one *part* in *files*, oldest first, as they are loaded."""

    def __init__(self, directory: str, part: str, files: Sequence[RowFile]) -> None:
        super().__init__()
        self.directory: Final = directory
        self.part: Final = part
        self.files: Final = files

    def read(self, number: i64, rows: i64) -> list[bytes]:
        found: list[bytes] = []
        left = int(rows)
        for file in reversed(self.files):
            if left <= 0:
                break
            data, count = file.read(self.part, int(number))
            if count:
                found.append(data)
                left -= count
        return found[::-1]

    def counts(self) -> list[tuple[int, int]]:
        found: dict[int, int] = {}
        for file in self.files:
            for number, rows in zip(file.numbers(self.part), file.rows(self.part), strict=True):
                found[number] = found.get(number, 0) + rows
        return sorted(found.items())

    def chain(self) -> Chain:
        """Return the chain of files, with the places that rows have in the histories that were loaded."""
        ends = self.ends
        links: list[Link] = []
        for file in reversed(self.files):
            numbers, rows = file.numbers(self.part), file.rows(self.part)
            links.append(Link(file.reference, sum(rows), ends))
            before = list(ends)
            for number, count in zip(numbers, rows, strict=True):
                before[number] -= count
            ends = vec[i64](before)
        return Chain(self.directory, tuple(reversed(links)))


def save_histories(
    fs: FileSystem, directory: str, names: Set[str], name: str, fresh: str, seq: int, images: Mapping[str, Image]
) -> tuple[dict[str, Chain], int]:
    """Store what is new in the histories of *images* as the file *name*, written as *fresh*.

    *names* are those of the files in the *directory*. Returns the chains of all parts, and how many bytes are new: if
    none, there is no file. OSError if it cannot be written.
    """
    chains: dict[str, Chain] = {}
    for part, image in images.items():
        chains[part] = _chain_of(image, directory, names)
        make_way()
    try:
        return _save(fs, directory, name, fresh, seq, images, chains, merging=True)
    except CorruptCheckpoint:  # of stored rows that would be written again
        if not any(chain.links for chain in chains.values()):
            raise
        if fs.kind(fresh) != "nothing":
            fs.remove(fresh)
        return _save(fs, directory, name, fresh, seq, images, chains, merging=False)


def _save(
    fs: FileSystem,
    directory: str,
    name: str,
    fresh: str,
    seq: int,
    images: Mapping[str, Image],
    known: Mapping[str, Chain],
    *,
    merging: bool,
) -> tuple[dict[str, Chain], int]:
    chains = dict(known)
    new: list[tuple[str, Image, vec[i64]]] = []
    prefixes: list[tuple[Link, ...]] = []
    for part, image in images.items():
        kept = _kept_links(chains[part].links, image, merging=merging)
        make_way()
        if kept is not None:
            new.append((part, image, kept[-1].ends if kept else vec[i64]([])))
            prefixes.append(kept)
    if not new:
        return chains, 0
    reference, size, counts = write_rows(fs, fresh, name, seq, new)
    fs.rename(fresh, join(directory, name))
    fs.sync_directory(directory)
    for (part, image, _), kept, rows in zip(new, prefixes, counts, strict=True):
        chains[part] = Chain(directory, (*kept, Link(reference, rows, image.ends())))
        make_way()
    return chains, size


def _chain_of(image: Image, directory: str, names: Set[str]) -> Chain:
    """Return where the histories are; nowhere if a file is missing, so that all is written again."""
    stored = image.core.stored
    if isinstance(stored, StoredHistory):
        stored = stored.chain()
    if not isinstance(stored, Chain) or stored.directory != directory:
        return Chain(directory, ())
    missing = any(link.reference.name not in names for link in stored.links)
    return Chain(directory, ()) if missing else stored


def _kept_links(links: tuple[Link, ...], image: Image, *, merging: bool) -> tuple[Link, ...] | None:
    """Return the files after which the rest is written; None if nothing is new."""
    rows = int(image.rows_after(links[-1].ends if links else vec[i64]([])))
    if not rows:
        return None
    count = len(links)
    while merging and count and links[count - 1].rows < 2 * max(rows, ROWS_MIN):
        count -= 1
        rows = int(image.rows_after(links[count - 1].ends if count else vec[i64]([])))
    return links[:count]


def references_of(chains: Mapping[str, Chain]) -> tuple[bytes, list[str]]:
    """Return what a checkpoint has of its chains, and the names of their files."""
    files: dict[str, int] = {}
    listed: list[list[object]] = []
    parts: dict[str, list[int]] = {}
    for part, chain in chains.items():
        parts[part] = []
        for link in chain.links:
            name = link.reference.name
            if name not in files:
                files[name] = len(listed)
                listed.append(list(link.reference))
            parts[part].append(files[name])
    return orjson.dumps({"files": listed, "parts": parts}), list(files)


def open_histories(
    fs: FileSystem,
    directory: str,
    data: bytes,
    place: str,
    piece_max: int,
    opened: WeakValueDictionary[Reference, RowFile],
) -> tuple[dict[str, StoredRows], list[str]]:
    """Return the histories to which a checkpoint at *place* refers in *data*, by part, and the names of their files.

    Those that are *opened* are not opened again. CorruptCheckpoint if a file is damaged or missing.
    """
    files: list[RowFile] = []
    found: dict[str, StoredRows] = {}
    for reference in _references_in(data, place):
        file = opened.get(reference)
        if file is None:
            file = RowFile(fs, join(directory, reference.name), reference, piece_max)
            opened[reference] = file
        file.check()
        files.append(file)
    try:
        for part, places in orjson.loads(data)["parts"].items():
            if len(set(places)) < len(places):
                raise ValueError("a file twice")
            found[str(part)] = StoredHistory(directory, str(part), [files[k] for k in places if k >= 0])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise CorruptCheckpoint(f"{place}: {error}", path=place) from error
    return found, [file.reference.name for file in files]


def readable_histories(
    fs: FileSystem, chains: Mapping[str, Chain], piece_max: int, opened: WeakValueDictionary[Reference, RowFile]
) -> dict[str, StoredRows]:
    """Return the histories of *chains*, which were written here, by part; see `open_histories` for *opened*."""
    files: dict[Reference, RowFile] = {}
    found: dict[str, StoredRows] = {}
    for part, chain in chains.items():
        for link in chain.links:
            reference = link.reference
            file = files.get(reference) or opened.get(reference)
            if file is None:
                file = RowFile(fs, join(chain.directory, reference.name), reference, piece_max, check=False)
            files[reference] = opened[reference] = file
        history = StoredHistory(chain.directory, part, [files[link.reference] for link in chain.links])
        if chain.links:
            history.ends = chain.links[-1].ends
            found[part] = history
    return found


def _references_in(data: bytes, place: str) -> list[Reference]:
    try:
        listed: Any = orjson.loads(data)["files"]
        if not isinstance(listed, list) or not all(map(is_reference, listed)):
            raise ValueError("references that cannot be read")
        found = [Reference(*each) for each in listed]
        if len({each.name for each in found}) < len(found) or len(found) > FILES_MAX:
            raise ValueError("references to too many files, or to one twice")
        return found
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptCheckpoint(f"{place}: {error}", path=place) from error
