"""The promises of every source, as tests: inherit, and implement `make` for a finite source."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson

from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.sources.source import Source

__all__ = ["SourceContract"]


class SourceContract:
    """Tests of the source that `make` returns, an equal one at each call, with at most `rows_max` rows."""

    rows_max: ClassVar[int] = 100_000

    def make(self) -> Source:
        """Return a new source of the same data, at its start."""
        raise NotImplementedError("return a new source")

    def test_it_is_a_source_with_a_name(self) -> None:
        """Its name distinguishes it in the log."""
        source = self.make()
        assert isinstance(source, Source), "it lacks a member of mtf.Source"
        assert isinstance(source.name, str)
        assert source.name.isprintable()
        assert source.name
        source.close()

    def test_events_do_not_depend_on_how_many_are_asked_for(self) -> None:
        """The pipeline requests as many as it has room for."""
        whole = _read(self.make(), 4_096, self.rows_max)
        assert whole.count > 0, "the contract needs a source with events"
        for limit in (1, 7):
            assert _read(self.make(), limit, self.rows_max) == whole

    def test_no_more_rows_than_asked_for(self) -> None:
        """A bar is one row and four events."""
        source = self.make()
        builder = BlockBuilder(SymbolTable())
        source.fill(builder, 1)
        assert builder.count <= 4
        source.close()

    def test_reading_goes_on_where_a_position_says(self) -> None:
        """Even in another source of the same data, after a restart: no row is repeated or lost."""
        whole = _read(self.make(), 4_096, self.rows_max)
        for limit in (1, 5, 64):
            first, second = self.make(), self.make()
            names = SymbolTable()
            builder = BlockBuilder(names)
            more = first.fill(builder, limit)
            position = orjson.loads(orjson.dumps(first.position()))
            second.seek(position)
            assert second.position() == position
            while more:
                more = second.fill(builder, 50)
            assert builder.take(1) == whole
            first.close()
            second.close()

    def test_identity_and_position_are_json(self) -> None:
        """They are stored in the log; equal sources have equal identities, before and after reading."""
        source = self.make()
        identity = orjson.loads(orjson.dumps(source.identity()))
        assert identity == self.make().identity()
        assert isinstance(source.position(), dict)
        _read(source, 10, self.rows_max, close=False)
        assert source.identity() == identity
        source.close()

    def test_the_end_is_the_end(self) -> None:
        """If read again it returns nothing, and reports the end again."""
        source = self.make()
        _read(source, 100, self.rows_max, close=False)
        builder = BlockBuilder(SymbolTable())
        assert not source.fill(builder, 10)
        assert builder.count == 0
        source.close()

    def test_progress_is_a_share(self) -> None:
        """From 0 to 1, or None if unknown."""
        source = self.make()
        before = source.progress()
        _read(source, 100, self.rows_max, close=False)
        after = source.progress()
        for share in (before, after):
            assert share is None or 0.0 <= share <= 1.0
        assert before is None or after is None or before <= after
        source.close()

    def test_it_can_be_closed_twice(self) -> None:
        """By whoever stops reading halfway, and by whoever opened it."""
        source = self.make()
        source.close()
        source.close()


def _read(source: Source, limit: int, rows_max: int, *, close: bool = True) -> Block:
    """Return all events of *source*, read *limit* rows at a time, as one block."""
    refused: list[tuple[Any, ...]] = []
    builder = BlockBuilder(SymbolTable(), aside=lambda *row: refused.append(row))
    more = True
    while more:
        more = source.fill(builder, limit)
        assert builder.count <= rows_max, f"more than {rows_max} rows: make a shorter source, or raise rows_max"
    assert all(reason for _, _, reason, _ in refused), "each refused row has a reason"
    if close:
        source.close()
    return builder.take(1)
