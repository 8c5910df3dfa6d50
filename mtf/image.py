"""Images: the state of a core as of one event, saved some symbols at a time while the core goes on.

A core has the state of each symbol that it is about to change saved first, if the image lacks it (copy on write). So
the image is that of one event, although nobody waited for all of it.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.archive import Archive

__all__ = ["Core", "Image"]

ALL: Final = 1 << 40  # bytes
WINDOWS_MAX: Final = 1_000  # saved at a time


@mypyc_attr(native_class=True)
class Core:
    """The base of cores whose state can be saved symbol by symbol."""

    __slots__ = ("image",)

    def __init__(self) -> None:
        self.image: Image | None = None  # while it is incomplete: `Image.before` must be called before a change

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

    def save_window(self, archive: Archive, window: object) -> None:
        """Save what `window_of` has returned; in any thread."""
        raise NotImplementedError

    def load_history(self, archive: Archive, number: i64) -> None:
        """Load what `save_window` saved for a symbol that has no history."""
        raise NotImplementedError

    def archive_end(self, archive: Archive) -> None:
        """Load what followed all symbols in a saved state WITH_HISTORY."""


@mypyc_attr(native_class=True)
class Image:
    """The state of *core* at this moment, and the history of each of its symbols.

    There is one incomplete image of a core at a time: a new one takes the place of one that nobody completed.
    """

    __slots__ = ("_core", "_done", "_head", "_next", "_pieces", "windows")

    def __init__(self, core: Core) -> None:
        self._core: Final = core
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
        if complete and self._core.image is self:
            self._core.image = None
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
            self._core.save_window(archive, self.windows[number])
            number += 1
        return number

    def _save(self, archive: Archive, number: i64) -> None:
        self._core.archive_symbol(archive, number)
        self.windows[number] = self._core.window_of(number)
        self._done[number] = 1
