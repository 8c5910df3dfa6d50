"""The parts of a saved state: their names, and their bytes in pieces, so that no more of them than a piece is copied.

Completed bars and values are in parts of their own: they are only appended to, and a window keeps them as they were,
so that their bytes can be made later, and in another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from mtf.archive import Archive
from mtf.image import Core, Image

__all__ = [
    "BARS",
    "GATE",
    "INDICATORS",
    "VALUES",
    "Part",
    "WindowsPart",
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
    """The part with the histories of *image*."""

    def __init__(self, image: Image) -> None:
        self.size = 0  # in bytes, once all pieces were made
        self.image: Final = image

    def __iter__(self) -> Iterator[bytes]:
        count = len(self.image.windows)
        archive = Archive()
        archive.count(count, 8)
        size, number = 0, 0
        while True:
            number = self.image.save_windows(archive, number, PIECE_BYTES)
            size += archive.size()
            yield archive.finish()
            if number == count:
                break
            archive = Archive()
        self.size = size


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
            found[history_of(name)] = WindowsPart(image)
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
