"""An mtf log as a source: its events, including rejected ones and clock events, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mtf.errors import SourceError
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.log import LogReader, first_logged_seq, read_log
from mtf.log.event_log import LoggedBlock
from mtf.sources.source import iterate

__all__ = ["LogSource"]


class LogSource:
    """The log in a data directory, from *from_seq* to its end at the time of reading.

    The default is the first event that it still has.
    """

    def __init__(self, directory: str | Path, from_seq: int | None = None) -> None:
        path = Path(directory)
        self.path: Final = path / "log" if (path / "log").is_dir() else path
        if from_seq is None:
            from_seq = first_logged_seq(self.path)
        self._from_seq: Final = from_seq
        self._reader: LogReader = read_log(self.path, from_seq)
        self._run_id: Final = self._reader.run_id
        self._next_seq = from_seq  # the next event
        self._logged: LoggedBlock | None = None  # the block that contains it, once read

    @property
    def name(self) -> str:
        return f"log:{self._run_id.hex()}"

    @property
    def run_id(self) -> bytes:
        """The identity of this log, wherever it is."""
        return self._run_id

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        taken = 0
        while taken < limit:
            if self._logged is None:
                self._logged = next(self._reader, None)
                if self._logged is None:
                    return False
            block = self._logged.block
            start = self._next_seq - block.first_seq
            stop = min(block.count, start + limit - taken)
            builder.copy(block, self._reader.symbols, start, stop)
            taken += stop - start
            self._next_seq = block.first_seq + stop
            if stop == block.count:
                self._logged = None
        return True

    def __iter__(self) -> Iterator[Tick]:
        return iterate(self)

    def identity(self) -> dict[str, Any]:
        return {"log": self._run_id.hex()}

    def position(self) -> dict[str, Any]:
        return {"next_seq": self._next_seq}

    def seek(self, position: dict[str, Any]) -> None:
        try:
            next_seq = int(position["next_seq"]) if position else self._from_seq
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(f"{self.path}: invalid position in a log: {position!r}", path=str(self.path)) from error
        self._reader.close()
        self._reader = read_log(self.path, next_seq)
        self._next_seq = next_seq
        self._logged = None

    def progress(self) -> float | None:
        return None

    def close(self) -> None:
        self._reader.close()
