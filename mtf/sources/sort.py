"""The external sort: all rows of a source by their stamps, equal ones as they came, in bounded memory.

Rows are sorted a run at a time, runs go to the spool, and are merged from there; many runs are first merged into one.
The rows that the source had when it was sorted are a *batch*: after a stop, the same batch is sorted again, so that the
same rows follow, and rows added to the source since are another batch.
"""

from __future__ import annotations

from typing import Any, Final

from mtf.events.waiting_rows import ASIDE_MAX
from mtf.sources.chunk import NOTHING, Chunk, ChunkRows, Refused, behind, gather, pieces, unit_stamps
from mtf.sources.feed import Stage
from mtf.sources.merger import Merger
from mtf.sources.source import Source
from mtf.sources.spool import Region

__all__ = ["SORTED", "SortFeed"]

RUN_ROWS: Final = 1 << 17  # sorted at once, 48 bytes each and their ids
RUNS_MAX: Final = 256  # merged into one; as many of those again would not fit on a disk
READ_ROWS: Final = 4_096
GIVE_ROWS: Final = 512  # rows read back at once from each run

SORTED: Final = "sorted"  # in a position: a batch is being returned


class SortFeed:
    """The rows of *source* in the order of their stamps."""

    def __init__(self, source: Source, stage: Stage) -> None:
        self.ended = False
        self._source: Final = source
        self._stage: Final = stage
        self._rows: Final = ChunkRows()  # rows that were read, but are not in a run yet
        self._runs: list[Region] = []  # in the order in which their rows were read
        self._merged: list[Region] = []  # each made of `RUNS_MAX` runs, all of them before those
        self._merging: _Merge | None = None  # of all runs, once they are returned; before that, of some into one
        self._giving = False
        self._refused: list[Refused] = []  # malformed rows of the batch, to be handled before its first row
        self._begin: dict[str, Any] = source.position()  # where the batch begins
        self._end: dict[str, Any] | None = None  # where it ends, once known
        self._count = 0  # rows of the batch that were read
        self._wanted = -1  # rows of a batch that was sorted before a stop; -1: all
        self._done = 0  # rows of the batch that were returned
        self._skip = 0  # those among them that were returned before a stop, and come again
        self._seen_to = False  # its malformed rows were handled before a stop

    def next(self) -> Chunk:
        if self._giving:
            return self._give()
        if self._merging is not None:
            self._merge_into_one(self._merging)
            return NOTHING
        more = self._read()
        if not more or self._rows.count >= RUN_ROWS:
            self._end_run()
        if not more:
            if self._end is None:
                self._end = self._source.position()
            self._merging = _Merge([*self._merged, *self._runs], self._stage.rows)
            self._giving = True
        elif len(self._runs) == RUNS_MAX:
            self._merging = _Merge(self._runs, READ_ROWS)
            self._merged.append(Region(self._stage.spool))
            self._runs = []
        return NOTHING

    def position(self) -> dict[str, Any]:
        if not self._giving and self._wanted < 0:
            return self._begin
        rows = self._count if self._giving else self._wanted
        batch = {"from": self._begin, "rows": rows, "end": self._end, "done": self._done}
        if self._seen_to or (self._giving and not self._refused):
            batch["refused"] = True
        return {SORTED: batch}

    def seek(self, position: dict[str, Any]) -> None:
        batch = position.get(SORTED)
        if batch is None:
            self._begin = position
        else:
            self._begin, self._end, self._wanted = batch["from"], batch["end"], batch["rows"]
            self._done = self._skip = batch["done"]
            self._seen_to = batch.get("refused", False)
        self._source.seek(self._begin)

    def _read(self) -> bool:
        """Read more rows of the batch; False if there are no more."""
        limit = READ_ROWS if self._wanted < 0 else min(READ_ROWS, self._wanted - self._count)
        chunk, more = self._stage.read(self._source, limit)
        self._rows.add(chunk.rows, chunk.heap, chunk.count)
        self._count += chunk.count
        if not self._seen_to:
            self._keep(chunk.refused)
        return more and (self._wanted < 0 or self._count < self._wanted)

    def _keep(self, refused: list[Refused]) -> None:
        """Keep malformed rows for later: the first ones completely, of the others only their number."""
        room = max(0, ASIDE_MAX - len(self._refused))
        self._refused += [(0, *each[1:]) for each in refused[:room]]
        if len(refused) > room:
            self._refused += [(0, self._source.name, 0, "malformed", "")] * (len(refused) - room)

    def _end_run(self) -> None:
        """Sort the rows that were read, and write them to the spool."""
        if not self._rows.count:
            return
        chunk = self._rows.chunk([])
        stamps = unit_stamps(chunk)
        chunk = gather(chunk, sorted(range(len(stamps)), key=stamps.__getitem__))
        run = Region(self._stage.spool)
        for piece in pieces(chunk, GIVE_ROWS):
            run.write(piece)
        self._runs.append(run)

    def _merge_into_one(self, merging: _Merge) -> None:
        """Merge some more of the runs."""
        chunk = merging.next()
        if chunk is None:
            self._merging = None
            return
        for piece in pieces(chunk, GIVE_ROWS):
            self._merged[-1].write(piece)

    def _give(self) -> Chunk:
        """Return rows in order; after the last ones, end, or begin the next batch after one that was sorted again."""
        if self._refused:
            refused, self._refused = self._refused, []
            return Chunk(0, b"", b"", refused)
        assert self._merging is not None, "a batch is merged before it is returned"
        chunk = self._merging.next()
        if chunk is None:
            assert self._end is not None, "a batch is read to its end before it is returned"
            self._begin, self._end, self._giving, self._merging = self._end, None, False, None
            self.ended = self._wanted < 0
            if not self.ended:
                self._source.seek(self._begin)
                self._runs, self._merged, self._count, self._wanted, self._done = [], [], 0, -1, 0
                self._seen_to = False
            return NOTHING
        if self._skip:
            skip = min(self._skip, chunk.count)
            self._skip -= skip
            chunk = behind(chunk, skip)
        self._done += chunk.count
        return chunk


class _Merge:
    """Sorted *runs* as one, in chunks of *rows*; with equal stamps, rows of the earlier run come first."""

    def __init__(self, runs: list[Region], rows: int) -> None:
        self._runs: Final = runs
        self._limit: Final = rows
        self._merger: Final = Merger(len(runs))
        self._out: Final = ChunkRows()
        for number, run in enumerate(runs):
            chunk, _ = next(run)
            self._merger.lanes[number].load(chunk, 0)
            self._merger.enter(number, unit_stamps(chunk)[0])

    def next(self) -> Chunk | None:
        merger, out = self._merger, self._out
        while merger.size and out.count < self._limit:
            lane = merger.lanes[merger.top]
            if lane.next < lane.count:
                before = out.count
                merger.copy(out, self._limit)
                if out.count == before:
                    break
                continue
            found = next(self._runs[lane.number], None)
            if found is None:
                merger.leave()
            else:
                lane.load(found[0], 0)
                merger.go_on()
        return out.chunk([]) if out.count else None
