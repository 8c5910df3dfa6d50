"""The parts of a saved state: their names, and their bytes in pieces, so that no more of them than a piece is copied.

Completed bars and values are in parts of their own: they are only appended to, and a window keeps them as they were,
so that their bytes can be made later, and in another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias, cast

from mtf.archive import Archive
from mtf.bars.bar_history import BarWindow
from mtf.bars.saved_bars import save_window
from mtf.image import Core, Image
from mtf.indicators.value_history import save_values
from mtf.indicators.values import ValueState

__all__ = [
    "BARS",
    "GATE",
    "INDICATORS",
    "VALUES",
    "Part",
    "has_history",
    "history_of",
    "image_of",
    "is_with_history",
    "parts_of",
    "pieces_of",
    "saved",
    "size_of",
]

GATE: Final = "gate"
# Before the name of a timeframe:
BARS: Final = "bars:"  # the forming ones
INDICATORS: Final = "indicators:"
VALUES: Final = "values:"  # the live ones
COMPLETED: Final = "completed "  # before the name of such a part: that of its history
PIECE_BYTES: Final = 1 << 18


class WindowsPart:
    """The part of *windows*, by symbol; *save* hands one of them to an archive."""

    def __init__(self, windows: list[object], save: Callable[[Archive, object], None]) -> None:
        self.size = 0  # in bytes, once all pieces were made
        self._windows: Final = windows
        self._save: Final = save

    def __iter__(self) -> Iterator[bytes]:
        archive = Archive()
        archive.count(len(self._windows), 8)
        size = 0
        for window in self._windows:
            self._save(archive, window)
            if archive.size() >= PIECE_BYTES:
                size += archive.size()
                yield archive.finish()
                archive = Archive()
        self.size = size + archive.size()
        yield archive.finish()


Part: TypeAlias = bytes | list[bytes] | WindowsPart


def pieces_of(part: Part) -> Iterable[bytes]:
    """Return the pieces of *part*, from the first on each time."""
    return (part,) if isinstance(part, bytes) else part


def size_of(part: Part) -> int:
    """Return the size of *part* in bytes; of windows, once their pieces were made."""
    if isinstance(part, WindowsPart):
        return part.size
    return len(part) if isinstance(part, bytes) else sum(map(len, part))


def parts_of(images: Mapping[str, Image], others: Mapping[str, bytes]) -> dict[str, Part]:
    """Return the parts of a state by name: those of complete *images*, with their histories, and *others*."""
    found: dict[str, Part] = {}
    for name, image in images.items():
        found[name] = image.pieces()
        if has_history(name):
            save = _save_bars if name.startswith(BARS) else _save_values
            found[history_of(name)] = WindowsPart(image.windows, save)
    found.update(others)
    return found


def has_history(name: str) -> bool:
    """Return whether the part *name* has one with its history beside it."""
    return name.startswith((BARS, VALUES))


def history_of(name: str) -> str:
    """Return the name of the part with the history of the part *name*."""
    return f"{COMPLETED}{name}"


def is_with_history(parts: Iterable[str]) -> bool:
    """Return whether the histories are in the parts themselves, as they were once."""
    return not any(name.startswith(COMPLETED) for name in parts)


def saved(archive: Callable[[Archive], None]) -> bytes:
    """Return what *archive* saves."""
    saving = Archive()
    archive(saving)
    return saving.finish()


def image_of(core: Core) -> bytes:
    """Return the state of *core* without its history."""
    image = Image(core)
    image.complete()
    return b"".join(image.pieces())


def _save_bars(archive: Archive, window: object) -> None:
    save_window(archive, cast("BarWindow", window))


def _save_values(archive: Archive, window: object) -> None:
    save_values(archive, cast("ValueState", window))
