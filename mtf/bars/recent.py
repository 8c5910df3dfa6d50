"""A symbol's recent accepted events, to recognize duplicates: ticks by id, input bars by start.

Bounded: the last `IDS_MAX` ids, and the last `BARS_MAX` bars. Only accepted events are remembered, so that rejected
duplicates do not evict anything.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i32_le, read_i64_le, write_i64_le
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr
from xxhash import xxh3_64_digest

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.errors import CorruptCheckpoint
from mtf.events.block import BOTH_SIDES, ROW_BYTES

__all__ = ["BARS_MAX", "IDS_MAX", "NEW", "REUSED", "SAME", "RecentBars", "RecentIds", "content_key"]

IDS_MAX: Final = 4096
BARS_MAX: Final = 1024  # as many as exchanges send in one response

NOT_KNOWN: Final = -IDS_MAX - 1  # in place of an event's number: lower than any

NEW: Final = 0
SAME: Final = 1  # the same id with the same content: a duplicate
REUSED: Final = 2  # the same id with different content: a separate event


@mypyc_attr(native_class=True)
class RecentIds:
    """The last `IDS_MAX` accepted events that had an id: the id, and a key of the rest of the event."""

    __slots__ = ("_before", "_count", "_ids", "_keys", "_newest", "_others")

    def __init__(self) -> None:
        self._count: i64 = 0  # events added; they are numbered from 0
        self._ids: list[str] = []  # of event k at k % IDS_MAX
        self._keys: vec[i64] = vec[i64]([])  # likewise
        # The number of the newest event with each id: for up to IDS_MAX of the last events in `_newest`, for as many
        # before them in `_before`. Only a whole half is ever removed: the number tells whether an event is too old.
        self._newest: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._others: dict[tuple[str, int], int] = {}  # older events with the id of a newer one, by id and key

    def compare(self, id: str, key: i64) -> i64:
        """Return NEW if *id* is unknown, SAME if one of its events has this *key*, else REUSED."""
        oldest = self._count - IDS_MAX
        newest = self._number_of(id)
        if newest < oldest:
            return NEW
        if self._keys[newest % IDS_MAX] == key:
            return SAME
        if len(self._others) > 0:
            other = self._others.get((id, int(key)))
            if other is not None and other >= oldest:
                return SAME
        return REUSED

    def remember(self, id: str, key: i64, *, is_new: bool = False) -> None:
        """Add an event with *id* that is not known yet; the oldest is dropped if there are too many.

        *is_new*: `compare` has just returned NEW.
        """
        number = self._count
        place = number % IDS_MAX
        before = NOT_KNOWN if is_new else self._number_of(id)
        if before > number - IDS_MAX:
            self._others[(id, int(self._keys[before % IDS_MAX]))] = int(before)
        if number >= IDS_MAX:
            self._ids[place] = id
            self._keys[place] = key
        else:
            self._ids.append(id)
            self._keys = append(self._keys, key)
        if place == 0:
            self._before = self._newest
            self._newest = {}
            if len(self._others) > 0:
                self._others = {each: of for each, of in self._others.items() if of > number - IDS_MAX}
        self._newest[id] = int(number)
        self._count = number + 1

    def _number_of(self, id: str) -> i64:
        """Return the number of the newest stored event with *id*; NOT_KNOWN if there is none."""
        number = self._newest.get(id)
        if number is None:
            number = self._before.get(id)
        return NOT_KNOWN if number is None else number

    def archive(self, archive: Archive) -> None:
        """Save or load, oldest first."""
        size = archive.count(len(self._ids), 16)
        first = self._count - size
        for k in range(size):
            place = (first + k) % IDS_MAX
            id = archive.text("" if archive.loading else self._ids[place])
            key = archive.int64(0 if archive.loading else self._keys[place], ANY_MIN, ANY_MAX)
            if archive.loading:
                if k >= IDS_MAX or self.compare(id, key) == SAME:
                    raise CorruptCheckpoint("saved state: more ids than are kept, or the same event twice")
                self.remember(id, key)


@mypyc_attr(native_class=True)
class RecentBars:
    """The last accepted input bars: their starts, ascending, and a key of their content."""

    __slots__ = ("_keys", "_starts")

    def __init__(self) -> None:
        self._starts: vec[i64] = vec[i64]([])
        self._keys: vec[i64] = vec[i64]([])  # of the bar at the same index

    def knows(self, start_ns: i64, key: i64) -> bool:
        """Return whether a bar with this start and content is among them."""
        starts = self._starts
        low: i64 = 0
        high: i64 = len(starts)
        if high == 0 or start_ns > starts[high - 1]:
            return False  # newer than all of them, as most are
        while low < high:
            middle = (low + high) >> 1
            if starts[middle] < start_ns:
                low = middle + 1
            else:
                high = middle
        return low < len(starts) and starts[low] == start_ns and self._keys[low] == key

    def remember(self, start_ns: i64, key: i64) -> None:
        """Add the newest bar, which starts after all others."""
        if len(self._starts) >= 2 * BARS_MAX:
            self._starts = self._starts[BARS_MAX:]
            self._keys = self._keys[BARS_MAX:]
        self._starts = append(self._starts, start_ns)
        self._keys = append(self._keys, key)

    def archive(self, archive: Archive) -> None:
        """Save or load."""
        count: i64 = len(self._starts)
        size = archive.count(count, 16)
        for k in range(size):
            start_ns = archive.int64(0 if archive.loading else self._starts[k], ANY_MIN, ANY_MAX)
            key = archive.int64(0 if archive.loading else self._keys[k], ANY_MIN, ANY_MAX)
            if archive.loading:
                self._starts = append(self._starts, start_ns)
                self._keys = append(self._keys, key)


def content_key(content: BytesWriter, rows: bytes, base: i64) -> i64:
    """Return a key of an event without its id: kind and sides, stamp, prices and sizes.

    *content* is a scratch buffer.
    """
    tag: i64 = i64(read_i32_le(rows, base + 12))
    seed = tag & 0xFF | (tag >> 8 & BOTH_SIDES) << 8
    content.truncate(0)
    write_i64_le(content, read_i64_le(rows, base))
    for at in range(base + 16, base + ROW_BYTES, 8):
        write_i64_le(content, read_i64_le(rows, at))
    key: bytes = _digest(content.getvalue(), seed)
    return read_i64_le(key, 0)


_digest: Final = xxh3_64_digest  # bound once, not looked up per call
