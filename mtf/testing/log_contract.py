"""The promises of every log backend, as tests: inherit, and implement `make`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mtf.errors import DataDirError, LogWriteFailed
from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.log.event_log import EventLog, LoggedBlock

__all__ = ["LogContract"]

CONFIG = b'{"timeframes":["1m"]}'


class LogContract:
    """Tests of the log that `make` returns: a new one with *config* that shares nothing with the others."""

    def make(self, config: bytes) -> EventLog:
        """Return a new, empty log."""
        raise NotImplementedError("return a new log")

    def test_a_new_log_is_empty(self) -> None:
        """It has its configuration, and starts at seq 1."""
        log = self.make(CONFIG)
        assert log.config == CONFIG
        assert (log.first_seq, log.last_seq, log.durable_seq) == (1, 0, 0)
        assert (log.positions, log.symbols, list(log.read())) == ({}, [], [])
        log.close()

    def test_blocks_are_read_as_they_were_appended(self) -> None:
        """The same events in the same blocks, with the names of symbols."""
        log, made = self._filled()
        assert _blocks_of(log.read()) == made
        assert log.last_seq == made[-1].last_seq
        assert log.symbols == ["EURUSD", "GBPUSD"]
        log.close()

    def test_reading_starts_with_the_block_that_has_the_seq(self) -> None:
        """And ends at once after the last block."""
        log, made = self._filled()
        for seq in range(1, log.last_seq + 1):
            assert _blocks_of(log.read(seq)) == [block for block in made if block.last_seq >= seq]
        assert _blocks_of(log.read(log.last_seq + 1)) == []
        log.close()

    def test_small_blocks_are_put_together_on_request(self) -> None:
        """The same bytes in fewer blocks; a replay would be slow otherwise."""
        log, made = self._filled()
        found = _blocks_of(log.read(block_events=1_000))
        assert len(found) < len(made)
        assert b"".join(block.rows for block in found) == b"".join(block.rows for block in made)
        assert b"".join(block.heap for block in found) == b"".join(block.heap for block in made)
        log.close()

    def test_reading_stops_at_what_was_there_at_the_call(self) -> None:
        """A reader does not chase events that are appended while it is open."""
        log, made = self.make(CONFIG), _made()
        log.append(made[0])
        reader = log.read()
        log.append(made[1])
        assert _blocks_of(reader) == made[:1]
        assert _blocks_of(log.read()) == made[:2]
        log.close()

    def test_reading_before_the_first_event_is_refused(self) -> None:
        """The history is never shorter than requested."""
        log, _ = self._filled()
        _raises(DataDirError, lambda: list(log.read(log.first_seq - 1)))
        log.close()

    def test_positions_are_written_when_they_change(self) -> None:
        """With the block, so that both are stored or neither; also one that is changed in place."""
        log, made = self.make(CONFIG), _made()
        position = {"row": 3}
        log.append(made[0], {"a": position, "b": {"row": 0}})
        position["row"] = 4
        log.append(made[1], {"a": position, "b": {"row": 0}})
        log.append(made[2])
        assert [found.positions for found in log.read()] == [
            {"a": {"row": 3}, "b": {"row": 0}},
            {"a": {"row": 4}},
            {},
        ]
        assert log.positions == {"a": {"row": 4}, "b": {"row": 0}}
        log.close()

    def test_sync_makes_durable_what_was_appended(self) -> None:
        """And later blocks record that."""
        log, made = self.make(CONFIG), _made()
        log.append(made[0])
        assert log.sync() == log.durable_seq == made[0].last_seq
        log.append(made[1])
        assert [found.durable_seq for found in log.read()] == [0, made[0].last_seq]
        assert log.sync() == log.sync() == made[1].last_seq
        log.close()

    def test_seqs_have_no_hole(self) -> None:
        """A block that does not follow is a mistake of the caller; it changes nothing."""
        log, made = self.make(CONFIG), _made()
        log.append(made[0])
        for wrong in (made[0], made[2]):
            _raises(AssertionError, lambda wrong=wrong: log.append(wrong))  # type: ignore[misc]
        log.append(made[1])
        assert _blocks_of(log.read()) == made[:2]
        log.close()

    def test_a_closed_log_is_durable_and_takes_nothing(self) -> None:
        """Closing it a second time does nothing."""
        log, made = self.make(CONFIG), _made()
        log.append(made[0])
        log.close()
        log.close()
        assert log.durable_seq == made[0].last_seq
        _raises(LogWriteFailed, lambda: log.append(made[1]))
        assert _blocks_of(log.read()) == made[:1]

    def _filled(self) -> tuple[EventLog, list[Block]]:
        log, made = self.make(CONFIG), _made()
        for block in made:
            log.append(block)
        return log, made


def _made() -> list[Block]:
    """Return blocks of a few quotes each; the second symbol appears in the second one."""
    builder = BlockBuilder(SymbolTable())
    found: list[Block] = []
    seq = 1
    for number, count in enumerate((3, 1, 4, 1, 5)):
        for k in range(count):
            name = "GBPUSD" if number == 1 else "EURUSD"
            builder.quote(name, (seq + k) * 1_000_000, 1.1 + seq / 1_000, 1.2 + seq / 1_000, id=f"t{seq + k}")
        found.append(builder.take(seq))
        seq += count
    return found


def _blocks_of(logged: Iterable[LoggedBlock]) -> list[Block]:
    return [found.block for found in logged]


def _raises(error: type[BaseException], call: Callable[[], object]) -> None:
    try:
        call()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")
