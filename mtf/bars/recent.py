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
from mtf.events.block import BOTH_SIDES, heap_length

__all__ = ["BARS_MAX", "IDS_MAX", "NEW", "REUSED", "SAME", "RecentBars", "RecentIds", "hash_of"]

IDS_MAX: Final = 4096
BARS_MAX: Final = 1024  # as many as exchanges send in one response

NOT_KNOWN: Final = -IDS_MAX - 1  # in place of an event's number: lower than any
# What is kept of an event besides its id: stamp, prices and sizes, and then its kind and sides.
WORDS: Final = 6
KIND: Final = WORDS - 1
KEY_ALONE: Final = -1  # in place of the kind: only the key is known
SLOTS_MIN: Final = 16  # a power of two
TAG_BITS: Final = 16
TAG_MASK: Final[i64] = (1 << TAG_BITS) - 1
MULTIPLIER: Final[i64] = 0x1E3779B97F4A7C15
POSITIVE: Final[i64] = (1 << 63) - 1

NEW: Final = 0
SAME: Final = 1  # the same id with the same content: a duplicate
REUSED: Final = 2  # the same id with different content: a separate event


@mypyc_attr(native_class=True)
class RecentIds:
    """The last `IDS_MAX` accepted events that had an id: the id, and the rest of the event.

    An event is looked up first and then, if it is accepted, remembered: `remember` adds what `look_up` got last.
    """

    __slots__ = ("_contents", "_count", "_filled", "_id", "_ids", "_newest", "_others", "_slot", "_slots", "_tag")

    def __init__(self) -> None:
        self._count: i64 = 0  # events added; they are numbered from 0
        self._ids: list[bytes] = []  # of event k at k % IDS_MAX
        # Likewise, WORDS numbers of each. The key of a content is made only when it is needed, which is rare: if the
        # last word is KEY_ALONE, the first is the key.
        self._contents: vec[i64] = vec[i64]([])
        # A hash table of the newest event with each id: number + 1 and, in the low bits, a part of the hash; 0: free.
        # Entries of events that are too old are stepped over, and used again.
        self._slots: vec[i64] = vec[i64]([0] * SLOTS_MIN)
        self._filled: i64 = 0  # slots that are not free, at most half of them
        self._others: dict[tuple[bytes, int], int] = {}  # older events with the id of a newer one, by id and key
        # Of the last look-up:
        self._id = b""
        self._tag: i64 = 0  # the part of its hash
        self._slot: i64 = 0  # where the newest event with that id is, or would be
        self._newest: i64 = NOT_KNOWN  # the number of that event

    def __len__(self) -> int:
        """Return how many events are known."""
        return len(self._ids)

    def look_up(self, heap: bytes, at: i64, rows: bytes, base: i64) -> i64:
        """Return NEW if the id at *at* in *heap* is unknown, SAME if one of its events is like the row, else REUSED."""
        start = at + 2
        stop = start + heap_length(heap, at)
        self._find(heap[start:stop], hash_of(heap, start, stop))
        newest = self._newest
        if newest == NOT_KNOWN:
            return NEW
        if self._is_like(newest % IDS_MAX * WORDS, rows, base):
            return SAME
        if len(self._others) > 0:
            other = self._others.get((self._id, int(_row_key(rows, base))))
            if other is not None and other >= self._count - IDS_MAX:
                return SAME
        return REUSED

    def remember(self, rows: bytes, base: i64) -> None:
        """Add the event that was just looked up, and not known; the oldest is dropped if there are too many."""
        at = self._add()
        _put(self._contents, at, rows, base)

    def archive(self, archive: Archive) -> None:
        """Save or load, oldest first."""
        size = archive.count(len(self._ids), 16)
        first = self._count - size
        for k in range(size):
            place = (first + k) % IDS_MAX
            text = archive.text("" if archive.loading else self._ids[place].decode())
            key = archive.int64(0 if archive.loading else self._key_at(place * WORDS), ANY_MIN, ANY_MAX)
            if archive.loading:
                id = text.encode()
                self._find(id, hash_of(id, 0, len(id)))
                if k >= IDS_MAX or self._has_key(key):
                    raise CorruptCheckpoint("saved state: more ids than are kept, or the same event twice")
                at = self._add()
                self._contents[at] = key
                self._contents[at + KIND] = KEY_ALONE

    def _find(self, id: bytes, hash: i64) -> None:
        """Find the newest event with *id*, or the slot for one."""
        slots, ids = self._slots, self._ids
        mask: i64 = len(slots) - 1
        tag = hash >> 40 & TAG_MASK
        oldest = self._count - IDS_MAX
        unused: i64 = -1
        at = hash & mask
        self._id = id
        self._tag = tag
        self._newest = NOT_KNOWN
        while True:
            entry = slots[at]
            if entry == 0:
                break
            number = (entry >> TAG_BITS) - 1
            if number < oldest:
                if unused < 0:
                    unused = at
            elif entry & TAG_MASK == tag and ids[number % IDS_MAX] == id:
                self._newest = number
                self._slot = at
                return
            at = (at + 1) & mask
        self._slot = at if unused < 0 else unused

    def _add(self) -> i64:
        """Add the event that was looked up, without its content; return where that goes."""
        number = self._count
        place = number % IDS_MAX
        if place == 0 and len(self._others) > 0:
            self._others = {each: of for each, of in self._others.items() if of > number - IDS_MAX}
        newest = self._newest
        if newest > number - IDS_MAX:
            self._others[(self._id, int(self._key_at(newest % IDS_MAX * WORDS)))] = int(newest)
        if number >= IDS_MAX:
            self._ids[place] = self._id
        else:
            self._ids.append(self._id)
            for _ in range(WORDS):
                self._contents = append(self._contents, 0)
        self._count = number + 1
        if self._slots[self._slot] == 0:
            self._filled += 1
        self._slots[self._slot] = number + 1 << TAG_BITS | self._tag
        if 2 * self._filled > len(self._slots):
            self._fill_anew()
        return place * WORDS

    def _fill_anew(self) -> None:
        """Make the table of a size for the events that are kept, and without those that are too old."""
        kept: i64 = len(self._ids)
        size: i64 = SLOTS_MIN
        while size < 4 * kept:
            size *= 2
        self._slots = vec[i64]([0] * size)
        self._filled = 0
        for number in range(self._count - kept, self._count):
            id = self._ids[number % IDS_MAX]
            self._find(id, hash_of(id, 0, len(id)))
            if self._newest == NOT_KNOWN:
                self._filled += 1
            self._slots[self._slot] = number + 1 << TAG_BITS | self._tag

    def _is_like(self, at: i64, rows: bytes, base: i64) -> bool:
        """Return whether the content at *at* is that of a row."""
        contents = self._contents
        if contents[at + KIND] == KEY_ALONE:
            return contents[at] == _row_key(rows, base)
        if contents[at] != read_i64_le(rows, base) or contents[at + KIND] != _kind(rows, base):
            return False
        for k in range(1, KIND):
            if contents[at + k] != read_i64_le(rows, base + 8 + 8 * k):
                return False
        return True

    def _has_key(self, key: i64) -> bool:
        """Return whether an event with the id that was looked up has this *key*."""
        newest = self._newest
        if newest == NOT_KNOWN:
            return False
        if self._key_at(newest % IDS_MAX * WORDS) == key:
            return True
        other = self._others.get((self._id, int(key)))
        return other is not None and other >= self._count - IDS_MAX

    def _key_at(self, at: i64) -> i64:
        """Return the key of the content at *at*, and keep it."""
        contents = self._contents
        kind = contents[at + KIND]
        if kind != KEY_ALONE:
            contents[at] = _key(contents, at, kind)
            contents[at + KIND] = KEY_ALONE
        return contents[at]


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


def _kind(rows: bytes, base: i64) -> i64:
    """Return kind and sides of the row at *base*."""
    tag: i64 = i64(read_i32_le(rows, base + 12))
    return tag & 0xFF | (tag >> 8 & BOTH_SIDES) << 8


def _put(words: vec[i64], at: i64, rows: bytes, base: i64) -> None:
    """Write the content of the row at *base* into *words* from *at* on."""
    words[at] = read_i64_le(rows, base)
    words[at + 1] = read_i64_le(rows, base + 16)
    words[at + 2] = read_i64_le(rows, base + 24)
    words[at + 3] = read_i64_le(rows, base + 32)
    words[at + 4] = read_i64_le(rows, base + 40)
    words[at + KIND] = _kind(rows, base)


def _row_key(rows: bytes, base: i64) -> i64:
    """Return the key of the row at *base*."""
    words = vec[i64]([0] * WORDS)
    _put(words, 0, rows, base)
    return _key(words, 0, words[KIND])


def _key(words: vec[i64], at: i64, kind: i64) -> i64:
    """Return a key of an event without its id: its *kind* and sides and, from *at* on, stamp, prices and sizes."""
    content = BytesWriter()
    for k in range(KIND):
        write_i64_le(content, words[at + k])
    key: bytes = _digest(content.getvalue(), kind)
    return read_i64_le(key, 0)


def hash_of(data: bytes, start: i64, stop: i64) -> i64:
    """Return a hash of the bytes from *start* to *stop*, at least 0; eight at a time, since ids are short."""
    hash = stop - start
    at = start
    while at + 8 <= stop:
        hash = _mixed(hash ^ read_i64_le(data, at))
        at += 8
    left = stop - at
    if left > 0:
        rest: i64 = 0
        if stop >= 8:
            # Not `1 << 8 * left` for the mask: compiled, a small literal is shifted within 32 bits.
            rest = read_i64_le(data, stop - 8) >> 64 - 8 * left & POSITIVE >> 63 - 8 * left
        else:
            for k in range(left):
                rest |= i64(data[at + k]) << 8 * k
        hash = _mixed(hash ^ rest)
    return hash


def _mixed(hash: i64) -> i64:
    """Return *hash* with each bit spread over all of them: many ids differ in their last letter alone."""
    hash = hash * MULTIPLIER & POSITIVE  # the mask also makes the pure build, whose numbers have no end, agree
    hash = (hash ^ hash >> 32) * MULTIPLIER & POSITIVE
    return hash ^ hash >> 29


_digest: Final = xxh3_64_digest  # bound once, not looked up per call
