"""Several sources as one, in order of time: what `run` reads for a file, a folder or a list.

Owns how the parts are read in turns and the position of each; `mtf.sources.merger` makes the order. Each part keeps its
own order, equal stamps come in the order of the parts, and memory is bounded for any number of parts. A single part is
read directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from mtf.errors import ConfigError, SourceError
from mtf.events.block import ROW_BYTES
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.sources.chunk import Chunk, ChunkRows
from mtf.sources.feed import WINDOW, Feed, SourceFeed, Stage, WindowFeed
from mtf.sources.merger import Lane, Merger
from mtf.sources.sort import SORTED, SortFeed
from mtf.sources.source import SKIPPED_KEPT, Source, iterate, sentences
from mtf.units import DAY_NS, NEVER_NS

__all__ = [
    "SKIPPED",
    "MergePart",
    "MergedSource",
    "known_sources",
    "part_key",
    "part_position",
    "shown_key",
    "source_position",
    "sources_of",
]

READ_MAX: Final = 8_192  # rows read ahead in one call, plus at most one chunk
READ_MIN: Final = 256  # the fixed cost of reading a chunk, in rows
SAMPLES_MAX: Final = 256  # parts that are sampled for the progress
NAMES_SHOWN: Final = 3
REORDER_MAX_NS: Final = DAY_NS

# A position within rows read ahead: where these begin, and how many of them are out.
CHUNK: Final = "chunk"
SKIP: Final = "skip"
SKIPPED: Final = "\0\0"  # appended to the key of a part: the log's entry for SKIP, which changes with each frame


def part_key(folder: str, part: str) -> str:
    """Return the key of a *part* of *folder*: no file and no other source can have this name."""
    return f"{folder}\0{part}"


def shown_key(key: str) -> str:
    """Return a key for people."""
    return key.replace("\0", "/").strip("/")


def sources_of(keys: Iterable[str]) -> set[str]:
    """Return the names of the sources to which *keys* belong, as sources or as parts."""
    return {key.partition("\0")[0] for key in keys} - {""}


def known_sources(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the log's *entries* by source; for one with parts, under `parts` by the part's name."""
    known: dict[str, Any] = {}
    for key, entry in entries.items():
        name, _, part = key.partition("\0")
        if not name or key.endswith(SKIPPED):
            continue
        found = {**entry, "position": part_position(entry.get("position", {}), entries.get(key + SKIPPED, 0))}
        if part:
            known.setdefault(name, {}).setdefault("parts", {})[part] = found
        else:
            known.setdefault(name, {}).update(found)
    return known


def part_position(at: dict[str, Any], skip: int) -> dict[str, Any]:
    """Return the position of the row *skip* rows after the position *at*."""
    return {CHUNK: at, SKIP: skip} if skip else at


def source_position(at: dict[str, Any]) -> dict[str, Any]:
    """Return the source's own position on which the one of a part, *at*, is based."""
    for inside in (at.get(WINDOW), at.get(SORTED)):
        if inside is not None:
            position: dict[str, Any] = inside["from"]
            return position
    return at


@attrs.frozen(kw_only=True)
class MergePart:
    """One of the merged sources. *key* is its name in the log; None if the log does not know it."""

    source: Source
    key: str | None
    folder: str = ""  # the source that it is a part of, if files may be added and grow; "" if none
    starts_ns: int | None = None  # none of its rows is stamped earlier; None: unknown


class _Place:
    """The place of one part: its chunk read ahead, and what the log got last."""

    def __init__(self, part: MergePart, lane: Lane) -> None:
        self.part: Final = part
        self.lane: Final = lane
        self.start: Final = part.source.position()
        self.feed: Feed
        self.chunk: Chunk | None = None  # read ahead, and not completely out
        self.fresh = False  # `chunk` is not in the merge yet
        self.before: dict[str, Any] = {}  # the position where `chunk` begins, or, while `skip` is not 0, the next one
        self.skip = 0  # rows at the start of the next chunk that are out
        self.refused = 0  # malformed rows of `chunk` that were handled
        self.identity: dict[str, Any] | None = None
        self.noted: dict[str, Any] | None = None  # the position that `moved` returned last
        self.noted_skip = 0

    @property
    def at(self) -> tuple[dict[str, Any], int]:
        """The place of the first row that is not out: a position, and how many rows to skip from there."""
        if self.chunk is not None:
            return self.before, int(self.lane.next)
        return (self.before, self.skip) if self.skip else (self.feed.position(), 0)

    def read(self) -> int:
        """Read a chunk ahead, perhaps one without rows; return its number of rows."""
        if not self.skip:
            self.before = self.feed.position()
        chunk = self.feed.next()
        skip = self.skip
        self.chunk = chunk
        self.skip = max(0, skip - chunk.count)
        self.lane.load(chunk, min(skip, chunk.count))
        # Malformed rows before a row go with it: before the first row that is not out, all have been handled.
        self.refused = sum(1 for each in chunk.refused if each[0] < skip)
        self.fresh = True
        self.stop()
        if self.skip:
            self.before, self.chunk = self.feed.position(), None
        return int(chunk.count)

    def refuse(self, builder: BlockBuilder) -> None:
        """Refuse malformed rows before the next row, or after the last one."""
        assert self.chunk is not None, "rows are read before they are refused"
        refused = self.chunk.refused
        while self.refused < len(refused) and refused[self.refused][0] <= self.lane.next:
            self.refused += 1
            builder.refuse(*refused[self.refused - 1][1:])
        self.stop()

    def stop(self) -> None:
        """Release rows up to the next malformed one."""
        assert self.chunk is not None, "rows are read before they go out"
        refused = self.chunk.refused
        self.lane.stop = refused[self.refused][0] if self.refused < len(refused) else self.chunk.count


class MergedSource:
    """*sources* merged by the stamps of their rows; a `Source` itself.

    With *reorder_ns* each one's rows are first put in order within a window of that length, with *sort* all of them (on
    disk, before the first row goes out). *sources* may include merged ones: their parts take part individually.
    """

    def __init__(
        self,
        sources: Sequence[Source | MergePart],
        *,
        name: str = "",
        reorder_ns: int = 0,
        sort: bool = False,
        skipped: Sequence[str] = (),
    ) -> None:
        if not 0 <= reorder_ns <= REORDER_MAX_NS:
            raise ConfigError(f"a reorder window must be between 0 and {REORDER_MAX_NS} ns, a day, got {reorder_ns} ns")
        if sort and reorder_ns:
            raise ConfigError("sort and a reorder window exclude each other: sorted rows need no window")
        self.parts: Final = tuple(_flat(sources))
        self.name: Final = name or _joined(
            [each.source.name if isinstance(each, MergePart) else each.name for each in sources]
        )
        self.skipped: Final = (*skipped, *(each for source in sources for each in getattr(source, "skipped", ())))
        self._reorder_ns: Final = reorder_ns
        self._sort: Final = sort
        self._closed = False  # by `close`, until `seek`
        self._rows: Final = ChunkRows()
        self._read = 0  # rows delivered or refused since this source was created
        self._refused = 0  # of them those refused
        self._numbers: Final = _numbered(self.parts)
        self._direct: _Place | None = None  # the only part left, if it is read directly
        # The part counts its rows, and malformed ones, from here on; None if it does not count.
        self._direct_from: tuple[int, int] | None = None
        self._places: list[_Place] = []
        self._begin({})

    @property
    def rows(self) -> tuple[int, int]:
        """The number of rows read since this source was created, and of malformed ones among them; a bar is one."""
        if self._direct is None or self._direct_from is None:
            return self._read, self._refused
        read, refused = self._direct.part.source.rows  # type: ignore[attr-defined]
        return self._read + read - self._direct_from[0], self._refused + refused - self._direct_from[1]

    @property
    def resumed(self) -> bool:
        """Whether a part was not read from its start."""
        return any(getattr(part.source, "resumed", False) for part in self.parts)

    def notes(self) -> list[str]:
        """Return facts for users about how the parts were read; the same note of many parts is one sentence."""
        found: dict[str, list[str]] = {}
        for part in self.parts:
            notes: Callable[[], list[str]] | None = getattr(part.source, "notes", None)
            for place, _, note in (line.partition(": ") for line in (notes() if notes else ())):
                found.setdefault(note, []).append(place)
        return sentences(found)

    def recall(self, identity: Mapping[str, Any], position: Mapping[str, Any]) -> None:
        """Read parts that are new to the log as detected; ConfigError if one needs options."""
        assert not identity, "a merged source has no identity of its own, only its parts have"
        for part in self.parts:
            recall: Callable[..., None] | None = getattr(part.source, "recall", None)
            if recall is not None:
                recall(identity, position)

    @property
    def reordered(self) -> int:
        """How many rows were released before rows that precede them in the source."""
        return int(self._merger.reordered)

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        assert not self._closed, "a closed source is continued from a position: seek first"
        self._stage.builder = builder
        if self._direct is None and self._merger.size == 1:
            self._read_through()
        if self._direct is not None:
            return self._fill_direct(self._direct, builder, limit)
        rows = self._rows
        refused = int(builder.malformed)
        try:
            return self._merge(builder, limit)
        finally:
            refused = int(builder.malformed) - refused
            self._refused += refused
            self._read += refused
            if rows.count:
                block = rows.block()
                self._read += block.observations
                builder.copy(block, self._stage.symbols.names, 0, block.count)

    def first(self, number: int, builder: BlockBuilder) -> tuple[str, int] | None:
        """Return symbol and stamp of the first row of a part that is not out; None if it is not found at once.

        Nothing is delivered to *builder* yet, which rows will go to later.
        """
        self._stage.builder = builder
        place = self._places[number]
        while place.chunk is None or (not place.chunk.count and not place.chunk.refused):
            if place.feed.ended:
                return None
            place.read()
        if place.lane.next == place.chunk.count:
            return None
        row = place.chunk.rows[place.lane.next * ROW_BYTES :]
        symbol = int.from_bytes(row[8:12], "little", signed=True)
        name = self._stage.symbols.names[symbol] if symbol >= 0 else ""
        return name, int.from_bytes(row[:8], "little", signed=True)

    def identity(self) -> dict[str, Any]:
        parts = [part.source.identity() for part in self.parts]
        formats = {form for part in parts for form in part.get("format", ())}
        answer: dict[str, Any] = {"name": self.name, "format": sorted(formats), "parts": parts}
        if self.skipped:
            answer["skipped"] = list(self.skipped[:SKIPPED_KEPT])
        return answer

    def position(self) -> dict[str, Any]:
        """Return the position of each part from which rows have been released."""
        parts: dict[str, Any] = {}
        for label, number in self._numbers.items():
            place = self._places[number]
            at, skip = place.at
            if skip or at != place.start:
                parts[label] = part_position(at, skip)
        return {"parts": parts} if parts else {}

    def seek(self, position: Mapping[str, Any]) -> None:
        self._end_direct()
        self.close()
        for place in self._places:
            place.part.source.seek(place.start)
        self.resume(position.get("parts", {}))
        self._closed = False

    def resume(self, positions: Mapping[str, dict[str, Any]]) -> None:
        """Continue from the *positions* of parts, by key, before anything is read; the others begin at their start."""
        for label in positions:
            if label not in self._numbers:
                raise SourceError(
                    f"{self.name}: {shown_key(label)!r} was a part of it and is now missing: put it back, or start "
                    "again with another data directory",
                    path=self.name,
                )
        self._begin({self._numbers[label]: at for label, at in positions.items()})

    def moved(self) -> dict[str, Any]:
        """Return the log's entries for the parts from which rows were released since the last call, by key."""
        entries: dict[str, Any] = {}
        for number in self._merger.take_moved():
            place = self._places[number]
            key = place.part.key
            if key is None:
                continue
            at, skip = place.at
            if at is not place.noted:
                if place.identity is None:
                    place.identity = place.part.source.identity()
                place.noted = at
                entries[key] = {"identity": place.identity, "position": at}
            if skip or place.noted_skip:
                place.noted_skip = skip
                entries[key + SKIPPED] = skip
        return entries

    def progress(self) -> float | None:
        """Return the share that was read, by size if all parts know theirs; for many parts, that of a sample."""
        total = done = 0.0
        sample = self.parts[:: len(self.parts) // SAMPLES_MAX + 1]
        sizes = [getattr(part.source, "total_bytes", None) for part in sample]
        for part, size in zip(sample, sizes, strict=True):
            share = part.source.progress()
            if share is None:
                return None
            weight = 1.0 if None in sizes or size is None else size
            total += weight
            done += weight * share
        return done / total if total else 1.0

    def close(self) -> None:
        self._closed = True
        for part in self.parts:
            part.source.close()
        self._stage.spool.close()

    def __iter__(self) -> Iterator[Tick]:
        return iterate(self)

    # Inside.

    def _begin(self, positions: Mapping[int, dict[str, Any]]) -> None:
        """Move each part to its place in *positions*, and drop what was read ahead."""
        self._stage = Stage(max(1, len(self.parts)))
        self._merger = Merger(len(self.parts))
        self._direct = None
        self._places = [_Place(part, lane) for part, lane in zip(self.parts, self._merger.lanes, strict=True)]
        for number, place in enumerate(self._places):
            at = positions.get(number)
            if at is not None and CHUNK in at and SKIP in at:
                place.before, place.skip = at[CHUNK], at[SKIP]
                at = place.before
                place.noted_skip = place.skip
            place.feed = self._feed(place.part, at)
            # In order, rows may begin with one stamped before the first row of the file.
            known = at is None and not self._sort and not self._reorder_ns
            starts_ns = place.part.starts_ns if known else None
            self._merger.enter(number, NEVER_NS if starts_ns is None else starts_ns)

    def _feed(self, part: MergePart, at: dict[str, Any] | None) -> Feed:
        """Return the feed of *part*, from the position *at*; None: from its start."""
        feed: Feed
        windowed, sorting = at is not None and WINDOW in at, at is not None and SORTED in at
        if (sorting and not self._sort) or (windowed and self._sort):
            how = "sorted" if sorting else "with a reorder window"
            raise ConfigError(
                f"{part.source.name}: the previous run, {how}, stopped in the middle of it: use the same setting again"
            )
        if self._sort:
            feed = SortFeed(part.source, self._stage)
        elif self._reorder_ns or windowed:
            feed = WindowFeed(SourceFeed(part.source, self._stage), self._reorder_ns)
        else:
            feed = SourceFeed(part.source, self._stage)
        if at is not None:
            feed.seek(at)
        return feed

    def _read_through(self) -> None:
        """Read the only remaining part without reading ahead, unless some of it was already."""
        place = self._places[self._merger.top]
        feed = place.feed
        if place.chunk is None and not place.skip and isinstance(feed, SourceFeed) and feed.direct:
            self._direct = place
            self._direct_from = getattr(place.part.source, "rows", None)
            feed.read_whole()

    def _fill_direct(self, place: _Place, builder: BlockBuilder, limit: int) -> bool:
        source = place.part.source
        if self._direct_from is None:
            count, malformed = int(builder.count), int(builder.malformed)
            more = source.fill(builder, limit)
            refused = int(builder.malformed) - malformed
            self._read += int(builder.count) - count + refused
            self._refused += refused
        else:
            more = source.fill(builder, limit)
        self._merger.note_moved(place.lane.number)
        if not more:
            self._end_direct()
            self._merger.leave()
        return more

    def _end_direct(self) -> None:
        """Count what the directly read part has read so far, and stop reading it directly."""
        self._read, self._refused = self.rows
        self._direct = None

    def _merge(self, builder: BlockBuilder, limit: int) -> bool:
        """Collect up to *limit* rows; False if no part has any more."""
        merger, rows = self._merger, self._rows
        left = READ_MAX
        while (number := merger.top) >= 0:
            place = self._places[number]
            lane = place.lane
            if place.chunk is not None and lane.next == lane.count:
                place.refuse(builder)
                place.chunk = None
                merger.note_moved(lane.number)
            if rows.count >= limit or left <= 0:
                return True
            if place.chunk is None and place.feed.ended:
                merger.leave()
            elif place.chunk is None:
                left -= max(READ_MIN, place.read())
            elif place.fresh:
                place.fresh = False
                merger.go_on()
            elif lane.next == lane.stop:
                place.refuse(builder)
            else:
                before = rows.count
                merger.copy(rows, limit)
                if rows.count == before:  # a unit that no longer fits
                    return True
        return False


def _flat(sources: Sequence[Source | MergePart]) -> Iterator[MergePart]:
    """Yield the parts of all *sources*."""
    for source in sources:
        if isinstance(source, MergePart):
            yield source
        elif isinstance(source, MergedSource):
            yield from source.parts
        else:
            yield MergePart(source=source, key=source.name)


def _numbered(parts: Sequence[MergePart]) -> dict[str, int]:
    """Return the numbers of the parts by key; ConfigError if two have the same key."""
    numbers: dict[str, int] = {}
    for number, part in enumerate(parts):
        label = f"\0{number}" if part.key is None else part.key
        if numbers.setdefault(label, number) != number:
            raise ConfigError(
                f"two sources are called {part.source.name!r}, but the log needs different names: rename one"
            )
    return numbers


def _joined(names: Sequence[str]) -> str:
    """Return *names* in one line."""
    shown = ", ".join(names[:NAMES_SHOWN])
    return f"{shown} and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else shown
