"""Histories as columns: windows that stay what they were, tables that grow a little at a time, and not all at once."""

from __future__ import annotations

import datetime
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.bars.bar import Bar
from mtf.bars.bar_codes import code_of, flags_of
from mtf.bars.bar_history import BarHistory
from mtf.bars.bar_window import BarWindow
from mtf.bars.growth import TAIL, next_room
from mtf.calendars.day import Gap
from mtf.indicators.value_rows import ValueRows, rows_of
from mtf.timeframe import Timeframe

MINUTE_NS = 60_000_000_000
DAY = datetime.date(2024, 3, 6)
NUMBERS = 9  # of a bar: start, end, four prices, volume, ticks, code


def bar(k: int, gap: Gap | None = None) -> Bar:
    return Bar(
        symbol="X",
        timeframe=Timeframe("1m"),
        start_ns=k * MINUTE_NS,
        end_ns=(k + 1) * MINUTE_NS,
        open=2.0 + k,
        high=4.0 + k,
        low=1.0 + k,
        close=3.0 + k,
        volume=0.5 * k,
        ticks=k,
        trading_day=DAY,
        first=k == 0,
        incomplete=k % 2 == 1,
        day_incomplete=k % 3 == 1,
        off_session=k % 5 == 1,
        from_bars=k % 7 == 1,
        gap=gap,
    )


def add(history: BarHistory, each: Bar, keep: int, number: int) -> BarHistory:
    """Append a bar to a history, as the aggregator does; return its table."""
    if history.count == history.room:
        history = history.larger(keep, number)
    flags = flags_of(each.incomplete, each.day_incomplete, each.off_session)
    code = code_of(DAY.toordinal(), flags, each.first, each.from_bars, each.gap is not None)
    prices = (each.open, each.high, each.low, each.close, each.volume)
    history.add(each.start_ns, each.end_ns, *prices, each.ticks, code, each.gap)
    return history


gaps = st.none() | st.builds(Gap, silence_ns=st.integers(1, 10**12), closed_ns=st.integers(0, 10**12))


@given(keep=st.integers(1, 40), number=st.integers(0, 200), before=st.lists(gaps, max_size=150), data=st.data())
def test_window_shows_the_last_bars_and_never_changes(
    keep: int, number: int, before: list[Gap | None], data: st.DataObject
) -> None:
    """Whatever is appended later, and however often the table is replaced, read at once or in the end."""
    bars = [bar(k, gap) for k, gap in enumerate(before)]
    looks = data.draw(st.sets(st.integers(0, len(bars)), max_size=10))
    history = BarHistory("X", Timeframe("1m"))
    taken: list[tuple[BarWindow, list[Bar]]] = []
    for k in range(len(bars) + 1):
        if k in looks:
            window = BarWindow(history, max(0, history.count - keep), history.count)
            taken.append((window, bars[max(0, k - keep) : k]))
            if data.draw(st.booleans()):
                assert list(window.close) == [each.close for each in bars[max(0, k - keep) : k]]
        if k < len(bars):
            history = add(history, bars[k], keep, number)
            assert history.first + history.count == k + 1
    for window, expected in taken:
        assert list(window) == expected
        assert list(window.start_ns) == [each.start_ns for each in expected]
        assert list(window.low) == [each.low for each in expected]
        assert list(window.ticks) == [each.ticks for each in expected]


@given(keep=st.integers(1, 40), width=st.integers(1, 5), rows=st.integers(0, 150), data=st.data())
def test_values_are_kept_like_bars(keep: int, width: int, rows: int, data: st.DataObject) -> None:
    looks = data.draw(st.sets(st.integers(0, rows), max_size=10))
    table = ValueRows(width)
    taken = []
    for k in range(rows + 1):
        if k in looks:
            start = max(0, table.count - keep)
            columns = [table.column(c, start, table.count) for c in range(width)]
            taken.append((columns, range(max(0, k - keep), k)))
        if k < rows:
            if table.count == table.room:
                table = table.larger(keep, 3)
            one = rows_of([[float(k * width + c) for c in range(width)]], width, 0)
            table.add(one.row(0), 0)
            assert list(table.row(table.count - 1)) == [float(k * width + c) for c in range(width)]
    for columns, expected in taken:
        for c in range(width):
            assert list(columns[c]) == [float(k * width + c) for k in expected]


def test_a_kept_bar_takes_little_more_than_its_numbers() -> None:
    """8 bytes a number, at most 1.3 times: of a full history, for every symbol."""
    for number in range(200):
        room, keep = 0, 1000
        while room <= keep:
            room = next_room(room, keep, number)
        assert keep < room
        assert int(room + TAIL) <= keep * 1.3
        later = next_room(room, keep, number)
        assert keep < later
        assert int(later + TAIL) <= keep * 1.3


def test_tables_of_many_symbols_are_not_all_replaced_at_the_same_bar() -> None:
    """Symbols that close a bar each minute would otherwise all copy their histories in the same one."""
    replaced: Counter[int] = Counter()
    for number in range(640):
        count, room, closed = 0, 0, 0
        while closed < 3000:
            if count == room:
                if closed >= 100:  # smaller ones are done at once
                    replaced[closed] += 1
                room = next_room(count, 1000, number)
                count = min(count, 1000)
            count += 1
            closed += 1
    assert max(replaced.values()) <= 64  # a tenth of them


def test_columns_are_buffers_that_numpy_takes_as_they_are() -> None:
    history = BarHistory("X", Timeframe("1m"))
    for k in range(20):
        history = add(history, bar(k), 1000, 0)
    window = BarWindow(history, 3, 20)
    closes = np.asarray(window.close)
    assert closes.flags.c_contiguous
    assert not closes.flags.owndata
    assert np.shares_memory(closes, np.asarray(window.close))
    with pytest.raises(ValueError, match="read-only"):
        closes[0] = 1.0
