"""Images: the state of a core as of one event, saved some symbols at a time while the core goes on.

A core has the state of each symbol that it is about to change saved first, if the image lacks it (copy on write). So
the image is that of one event, although nobody waited for all of it.

Histories are only appended to: a window keeps one as it was, and a row that was stored once need not be stored again.
"""

from __future__ import annotations

import threading
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.archive import Archive

__all__ = ["Core", "Image", "StoredRows"]

ALL: Final = 1 << 40  # bytes
WINDOWS_MAX: Final = 1_000  # saved at a time
RELEASED_MAX: Final = 1_000  # pieces and windows released at a time


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class StoredRows:
    """The histories of a core as they are stored: read when somebody looks at one."""

    __slots__ = ("ends", "reading")

    def __init__(self) -> None:
        self.reading: Final = threading.Lock()  # held while a table is filled
        self.ends: vec[i64] = vec[i64]([])  # `Core.history_end` of each symbol when they were loaded

    def read(self, number: i64, rows: i64) -> list[bytes]:
        """Return what `Core.save_window` saved of a symbol with its last *rows*, oldest first; in any thread.

        There may be more rows before these. CorruptCheckpoint if it is damaged, or cannot be read.
        """
        raise NotImplementedError

    def counts(self) -> list[tuple[int, int]]:
        """Return the symbols that have rows by number, and how many rows `read` returns for each."""
        raise NotImplementedError


@mypyc_attr(native_class=True)
class Core:
    """The base of cores whose state can be saved symbol by symbol."""

    __slots__ = ("image", "stored")

    def __init__(self) -> None:
        self.image: Image | None = None  # while it is incomplete: `Image.before` must be called before a change
        self.stored: object | None = None  # where its histories are stored, of meaning to the checkpoint store alone

    def symbols_saved(self) -> i64:
        """Return how many symbols have a state, which is saved by number."""
        raise NotImplementedError

    def archive_head(self, archive: Archive) -> None:
        """Save or load what is not of one symbol."""

    def archive_symbol(self, archive: Archive, number: i64) -> None:
        """Save or load the state of a symbol; a history that is only appended to is left out."""
        raise NotImplementedError

    def window_of(self, number: i64) -> object:
        """Return the history of a symbol as it is now, which never changes; None if there is none."""
        return None

    def history_end(self, window: object) -> i64:
        """Return the place after the last row of a window; places are counted from the beginning of a history."""
        raise NotImplementedError

    def save_window(self, archive: Archive, window: object, after: i64) -> i64:
        """Save the rows of a window from the place *after* on, and return how many these are; in any thread."""
        raise NotImplementedError

    def load_history(self, archive: Archive, number: i64) -> None:
        """Load what `save_window` saved for a symbol that has no history."""
        raise NotImplementedError

    def history_ends(self) -> vec[i64]:
        """Return `history_end` of each symbol as of now."""
        found = vec[i64]([0] * self.symbols_saved())
        for number in range(len(found)):
            found[number] = self.history_end(self.window_of(number))
        return found

    def load_later(self, number: i64, count: i64, stored: StoredRows) -> None:
        """Give a symbol that has no history the newest of *count* rows, which are read once somebody looks."""
        raise NotImplementedError

    def history_bytes(self) -> i64:
        """Return how much memory the histories of all symbols take."""
        raise NotImplementedError

    def rebind(self, stored: StoredRows) -> None:
        """Read what is absent of unchanged histories from here from now on."""
        raise NotImplementedError

    def archive_end(self, archive: Archive) -> None:
        """Load what followed all symbols in a saved state WITH_HISTORY."""


@mypyc_attr(native_class=True)
class Image:
    """The state of *core* at this moment, and the history of each of its symbols.

    There is one incomplete image of a core at a time: a new one takes the place of one that nobody completed.
    """

    __slots__ = ("_done", "_head", "_next", "_pieces", "core", "windows")

    def __init__(self, core: Core) -> None:
        self.core: Final = core
        count: i64 = core.symbols_saved()
        archive = Archive()
        core.archive_head(archive)
        archive.count(count, 8)
        self._head: Final = archive.finish()
        self._done: Final = vec[u8]([0] * count)  # 1: the symbol is saved
        self._next: i64 = 0  # symbols before that are saved
        self._pieces: Final[dict[int, bytes]] = {}  # by their first symbol
        self.windows: Final[list[object]] = [None] * count  # histories, by symbol
        if count:
            core.image = self

    def before(self, touched: vec[i64]) -> None:
        """Save the symbols that are *touched*: their states are about to change."""
        for number in touched:
            self.before_symbol(number)

    def before_symbol(self, number: i64) -> None:
        """Save the symbol *number*, whose state is about to change."""
        if number < len(self._done) and not self._done[number]:
            archive = Archive()
            self._save(archive, number)
            self._pieces[int(number)] = archive.finish()

    def advance(self, size: i64) -> bool:
        """Save more symbols, some *size* bytes of them; return whether all are saved."""
        first = self._next
        number = first
        archive = Archive()
        done = self._done
        while number < len(done) and not done[number] and archive.size() < size:
            self._save(archive, number)
            number += 1
        if number > first:
            self._pieces[int(first)] = archive.finish()
        while number < len(done) and done[number]:
            number += 1
        self._next = number
        complete = self.is_complete()
        if complete and self.core.image is self:
            self.core.image = None
        return complete

    def complete(self) -> None:
        """Save all symbols that are left."""
        while not self.advance(ALL):
            pass

    def is_complete(self) -> bool:
        """Return whether all symbols are saved."""
        return self._next == len(self._done)

    def pieces(self) -> list[bytes]:
        """Return the state, once all of it is saved, as bytes that follow each other."""
        assert self.is_complete(), "all symbols must be saved"
        return [self._head, *[self._pieces[first] for first in sorted(self._pieces)]]

    def save_windows(self, archive: Archive, start: int, size: i64) -> int:
        """Save the histories of symbols from *start* on, some *size* bytes of them; return the symbol after the last.

        In any thread. It is compiled so that a thread never keeps others waiting within it for long.
        """
        number: i64 = start
        stop = min(number + WINDOWS_MAX, len(self.windows))
        while number < stop and archive.size() < size:
            self.core.save_window(archive, self.windows[number], 0)
            number += 1
        return number

    def ends(self) -> vec[i64]:
        """Return the ends of the histories (`Core.history_end`), by symbol."""
        found = vec[i64]([0] * len(self.windows))
        for number in range(len(found)):
            found[number] = self.core.history_end(self.windows[number])
        return found

    def rows_after(self, after: vec[i64]) -> i64:
        """Return how many rows of the histories have come since the places *after*, by symbol, kept or not."""
        found: i64 = 0
        for number in range(len(self.windows)):
            known: i64 = after[number] if number < len(after) else 0
            found += max(self.core.history_end(self.windows[number]) - known, 0)
        return found

    def save_rows(self, archive: Archive, start: int, size: i64, after: vec[i64], entries: list[int]) -> int:
        """Save what is new in histories like `save_windows`: the rows from the places *after* on, by symbol.

        Adds the number of each symbol that has some, how many, and where they begin in *archive* to *entries*.
        """
        number: i64 = start
        stop = min(number + WINDOWS_MAX, len(self.windows))
        while number < stop and archive.size() < size:
            window = self.windows[number]
            known: i64 = after[number] if number < len(after) else 0
            if self.core.history_end(window) > known:
                at = archive.size()
                rows = self.core.save_window(archive, window, known)
                entries.append(int(number))
                entries.append(int(rows))
                entries.append(int(at))
            number += 1
        return number

    def release(self) -> bool:
        """Free some more of what was saved, which nobody may read any longer; return whether all of it is free."""
        left: i64 = RELEASED_MAX
        while left and self._pieces:
            self._pieces.popitem()
            left -= 1
        while left and self.windows:
            self.windows.pop()
            left -= 1
        return not self.windows

    def _save(self, archive: Archive, number: i64) -> None:
        self.core.archive_symbol(archive, number)
        self.windows[number] = self.core.window_of(number)
        self._done[number] = 1
