"""Part of an mtf log as a source: its ticks and bars up to an event, without those that are being replaced."""

from __future__ import annotations

from typing import Any, Final

from mtf.bars.coverage import Coverage
from mtf.errors import SourceError
from mtf.events.block import Block, cut
from mtf.events.block_builder import BlockBuilder
from mtf.log import LogReader, read_log
from mtf.sources.chunk import unit_end

__all__ = ["KeptRows"]

BLOCK_EVENTS: Final = 1024


class KeptRows:
    """The rows of the log in *directory* up to *last_seq* that are outside of *coverage*; None: all of them.

    It is read once, from start to end. Clock events of the log are not in it.
    """

    def __init__(self, directory: str, last_seq: int, coverage: Coverage | None) -> None:
        self.name: Final = directory
        self._last_seq: Final = last_seq
        self._coverage: Final = coverage
        self._reader: Final[LogReader] = read_log(directory, 1, last_seq=last_seq, block_events=BLOCK_EVENTS)
        self._block: Block | None = None  # the current block
        self._runs: list[tuple[int, int]] = []  # its rows that are still to be passed on

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        taken = 0
        while taken < limit:
            if not self._runs and not self._read():
                return False
            if not self._runs:
                continue
            block = self._block
            assert block is not None, "runs belong to a block"
            start, stop = self._runs[0]
            if start + limit - taken < stop:  # a bar stays whole
                stop = int(unit_end(block.rows, start + limit - taken - 1, block.count))
            builder.copy(block, self._reader.symbols, start, stop)
            taken += stop - start
            if stop == self._runs[0][1]:
                del self._runs[0]
            else:
                self._runs[0] = (stop, self._runs[0][1])
        return True

    def identity(self) -> dict[str, Any]:
        return {"log": self._reader.run_id.hex()}

    def position(self) -> dict[str, Any]:
        return {}

    def seek(self, position: dict[str, Any]) -> None:
        if position:
            raise SourceError(f"{self.name}: part of a log is read from its start", path=self.name)

    def progress(self) -> float | None:
        return None

    def close(self) -> None:
        self._reader.close()

    def _read(self) -> bool:
        """Read the next block; False at the end."""
        logged = next(self._reader, None)
        if logged is None or logged.block.first_seq > self._last_seq:
            return False
        block = logged.block
        if block.last_seq > self._last_seq:
            block = cut(block, self._last_seq - block.first_seq + 1)[0]
        self._block = block
        coverage = self._coverage
        self._runs = [(0, block.count)] if coverage is None else coverage.runs(block, self._reader.symbols)
        return True
