"""A bar as input at intake: its length in two bytes, its four events, and what is invalid."""

from __future__ import annotations

import math
import struct
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.errors import ConfigError
from mtf.events.bar_rows import PLACE, UNFINISHED, BarClock, length_code, length_kind, length_ns
from mtf.events.block import BAR_HEAD_BYTES, HAS_ASK, HAS_BID, NEW_SYMBOL, QUOTE, ROW_BYTES, TRADE, Block, SymbolTable
from mtf.events.block_builder import TRADES, BlockBuilder
from mtf.events.malformed import REASONS, STILL_FORMS
from mtf.timeframe import DAY, INTRADAY, MONTH, WEEK, Timeframe
from mtf.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, TS_MAX_NS, TS_MIN_NS
from tests.builders import Four, at

NAN: Final = math.nan
MINUTE: Final = length_code(Timeframe("1m"))
START: Final = at("2024-03-06 10:00")
FOUR: Final[Four] = (1.0, 4.0, 0.5, 2.0)
OTHER: Final[Four] = (2.0, 5.0, 1.5, 3.0)
NONE: Final[Four] = (0.0, 0.0, 0.0, 0.0)
FROM_BAR: Final = 4


def builder() -> BlockBuilder:
    return BlockBuilder(SymbolTable())


def rows_of(block: Block) -> list[tuple[int, ...]]:
    """Return stamp, kind, flags, detail and the four numbers of each row."""
    rows = [struct.unpack_from("<qiBBHdddd", block.rows, i * ROW_BYTES) for i in range(block.count)]
    return [(ts_ns, *rest) for ts_ns, _, *rest in rows]


@pytest.mark.parametrize(
    ("name", "unit", "count", "kind", "ns"),
    [
        ("1s", 0, 1, INTRADAY, SECOND_NS),
        ("90s", 0, 90, INTRADAY, 90 * SECOND_NS),
        ("1m", 1, 1, INTRADAY, MINUTE_NS),
        ("511m", 1, 511, INTRADAY, 511 * MINUTE_NS),
        ("1h", 2, 1, INTRADAY, HOUR_NS),
        ("23h", 2, 23, INTRADAY, 23 * HOUR_NS),
        ("1d", 3, 1, DAY, DAY_NS),
        ("1w", 4, 1, WEEK, 7 * DAY_NS),
        ("1mo", 5, 1, MONTH, 31 * DAY_NS),
    ],
)
def test_length_of_a_bar_stands_in_the_detail_as_documented(
    name: str, unit: int, count: int, kind: int, ns: int
) -> None:
    """The bytes are on disks: a literal holds them."""
    code = length_code(Timeframe(name))
    assert code == unit << 3 | count << 6
    assert 0 < code < 0x8000, "the highest bit is not the length's"
    assert code & (PLACE | UNFINISHED) == 0
    assert (length_kind(code), length_ns(code)) == (kind, ns)
    assert (length_kind(code | PLACE | UNFINISHED), length_ns(code | PLACE | UNFINISHED)) == (kind, ns)


@pytest.mark.parametrize("name", ["512m", "513s", "86399s"])
def test_length_that_does_not_fit_is_refused(name: str) -> None:
    """511 of a unit, or of a larger one, are what the bits hold."""
    with pytest.raises(ConfigError, match="use a length of at most 511 seconds, minutes or hours"):
        length_code(Timeframe(name))


def test_bar_of_trades_is_written_as_documented() -> None:
    """Open, high, low and close in the last four nanoseconds, the volume on the last, a head before all."""
    d = builder()
    assert d.bar("X", MINUTE, START, 0, FOUR, NONE, (7.0, 7.0)) == 0
    block = d.take(1)
    last_ns = START + MINUTE_NS - 1
    assert rows_of(block) == [
        (last_ns - 3, TRADE, FROM_BAR | NEW_SYMBOL, MINUTE, 1.0, 0.0, 0.0, 0.0),
        (last_ns - 2, TRADE, FROM_BAR, MINUTE | 1, 4.0, 0.0, 0.0, 0.0),
        (last_ns - 1, TRADE, FROM_BAR, MINUTE | 2, 0.5, 0.0, 0.0, 0.0),
        (last_ns, TRADE, FROM_BAR, MINUTE | 3, 2.0, 7.0, 0.0, 0.0),
    ]
    assert block.heap[:3] == b"\x01\x00X"
    head = block.heap[3:]
    assert len(head) == BAR_HEAD_BYTES
    start_ns, _, *prices = struct.unpack("<qQdddd", head)
    assert (start_ns, prices) == (START, [0.5, 4.0, 0.0, 0.0])


def test_bar_of_quotes_has_its_sides_and_their_sizes_on_the_last() -> None:
    d = builder()
    assert d.bar("X", MINUTE, START, 0, FOUR, OTHER, (7.0, 9.0), HAS_BID | HAS_ASK) == 0
    assert d.bar("X", MINUTE, START + MINUTE_NS, 0, FOUR, NONE, (7.0, 9.0), HAS_BID) == 0
    assert d.bar("X", MINUTE, START + 2 * MINUTE_NS, 0, NONE, OTHER, (7.0, 9.0), HAS_ASK) == 0
    block = d.take(1)
    rows = rows_of(block)
    assert [row[1] for row in rows] == [QUOTE] * 12
    assert [row[4:] for row in rows[:4]] == [
        (1.0, 2.0, 0.0, 0.0),
        (4.0, 5.0, 0.0, 0.0),
        (0.5, 1.5, 0.0, 0.0),
        (2.0, 3.0, 7.0, 9.0),
    ]
    assert [row[4:] for row in (rows[4], rows[7], rows[8], rows[11])] == [
        (1.0, 0.0, 0.0, 0.0),
        (2.0, 0.0, 7.0, 0.0),
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 3.0, 0.0, 9.0),
    ]
    heads = [struct.unpack_from("<qQdddd", block.heap, 3 + BAR_HEAD_BYTES * k)[2:] for k in range(3)]
    assert heads == [(0.5, 4.0, 1.5, 5.0), (0.5, 4.0, 0.0, 0.0), (0.0, 0.0, 1.5, 5.0)]


def test_bar_is_of_its_date_if_it_has_one() -> None:
    """Its start is then asked for by nobody; this clock's market never closes."""
    d = builder()
    clock = d.bar_clock
    date = 738_951  # 2024-03-06
    assert d.bar("X", length_code(Timeframe("1d")), 0, date, FOUR, NONE, (0.0, 0.0)) == 0
    assert (clock.start_ns, clock.last_ns) == (at("2024-03-06 00:00"), at("2024-03-06 23:59:59.999999999"))
    assert rows_of(d.take(1))[3][0] == clock.last_ns


@pytest.mark.parametrize(
    ("four", "reason"),
    [
        ((1.0, 0.4, 0.5, 0.5), "the high is below the low"),
        ((0.4, 4.0, 0.5, 2.0), "the open is not between low and high"),
        ((4.5, 4.0, 0.5, 2.0), "the open is not between low and high"),
        ((0.0, 4.0, 0.5, 2.0), "the open is not between low and high"),
        ((1.0, 4.0, 0.5, 4.5), "the close is not between low and high"),
        ((1.0, 4.0, 0.5, 0.0), "the close is not between low and high"),
        ((NAN, 4.0, 0.5, 2.0), "a number is NaN or infinite"),
        ((1.0, 4.0, 0.5, NAN), "a number is NaN or infinite"),
    ],
)
@pytest.mark.parametrize("sides", [TRADES, HAS_BID, HAS_ASK, HAS_BID | HAS_ASK])
def test_bar_that_contradicts_itself_is_refused_and_leaves_nothing(four: Four, reason: str, sides: int) -> None:
    """Nothing is repaired: what such a row meant to say nobody knows."""
    d = builder()
    bids, asks = (FOUR, four) if sides == HAS_ASK else (four, FOUR)
    assert REASONS[d.bar("X", MINUTE, START, 0, bids, asks, (0.0, 0.0), sides)] == reason
    if sides == HAS_BID | HAS_ASK:
        assert REASONS[d.bar("X", MINUTE, START, 0, FOUR, four, (0.0, 0.0), sides)] == reason
    assert (d.count, d.symbols.names, d.take(1).heap) == (0, [], b"")


@pytest.mark.parametrize("sizes", [(-1.0, 0.0), (0.0, -1.0)])
def test_bar_of_a_negative_size_is_refused(sizes: tuple[float, float]) -> None:
    sides = HAS_BID | HAS_ASK
    assert REASONS[builder().bar("X", MINUTE, START, 0, FOUR, FOUR, sizes, sides)] == "a size is negative"


@pytest.mark.parametrize("sizes", [(NAN, 0.0), (0.0, math.inf)])
def test_bar_of_a_size_that_is_none_is_refused(sizes: tuple[float, float]) -> None:
    sides = HAS_BID | HAS_ASK
    assert REASONS[builder().bar("X", MINUTE, START, 0, FOUR, FOUR, sizes, sides)] == "a number is NaN or infinite"


def test_bar_has_a_symbol() -> None:
    d = builder()
    assert REASONS[d.bar("", MINUTE, START, 0, FOUR, FOUR, (0.0, 0.0))].startswith("the symbol is blank")
    assert (d.count, d.take(1).heap) == (0, b"")


def test_bar_lies_within_the_ends_of_time() -> None:
    d = builder()
    too_early, too_late = TS_MIN_NS - MINUTE_NS, TS_MAX_NS - MINUTE_NS + 1
    for start_ns in (too_early, too_late):
        assert REASONS[d.bar("X", MINUTE, start_ns, 0, FOUR, FOUR, (0.0, 0.0))].startswith("the time is before 1678")
    assert d.bar("X", MINUTE, TS_MIN_NS, 0, FOUR, FOUR, (0.0, 0.0)) == 0
    assert d.bar("X", MINUTE, TS_MAX_NS - MINUTE_NS, 0, FOUR, FOUR, (0.0, 0.0)) == 0


def test_bar_whose_end_lies_after_its_arrival_is_unfinished() -> None:
    """At its end it is known, and not before; of a source's last row the reader learns that it still forms."""
    d = builder()
    d.arrival_ns = START + MINUTE_NS - 1
    assert d.bar("X", MINUTE, START, 0, FOUR, FOUR, (0.0, 0.0)) == 0
    assert [row[3] for row in rows_of(d.take(1))] == [MINUTE | UNFINISHED | place for place in range(4)]
    assert d.bar("X", MINUTE, START, 0, FOUR, FOUR, (0.0, 0.0), log_unfinished=False) == STILL_FORMS
    assert d.count == 0
    d.arrival_ns += 1
    assert d.bar("X", MINUTE, START, 0, FOUR, FOUR, (0.0, 0.0), log_unfinished=False) == 0
    assert [row[3] for row in rows_of(d.take(5))] == [MINUTE | place for place in range(4)]


def test_bar_that_begins_too_far_ahead_of_its_arrival_is_refused() -> None:
    """The end of one that forms may lie ahead, its start may not."""
    d = builder()
    d.arrival_ns, d.limit_ns = START, START
    assert d.bar("X", length_code(Timeframe("1d")), START, 0, FOUR, FOUR, (0.0, 0.0)) == 0
    code = d.bar("X", MINUTE, START + 1, 0, FOUR, FOUR, (0.0, 0.0))
    assert REASONS[code] == "stamped too far ahead of its arrival"
    assert d.limit_ns == START
    assert REASONS[d.trade("X", START + 1, 1.0)] == "stamped too far ahead of its arrival"


def test_bars_of_other_content_have_other_keys() -> None:
    """The key in the head is what tells a bar that comes again from one that restates it."""
    d = builder()
    bars = [
        (MINUTE, START, FOUR, OTHER, (7.0, 9.0), TRADES),
        (length_code(Timeframe("5m")), START, FOUR, OTHER, (7.0, 9.0), TRADES),
        (MINUTE, START + 1, FOUR, OTHER, (7.0, 9.0), TRADES),
        (MINUTE, START, OTHER, OTHER, (7.0, 9.0), TRADES),
        (MINUTE, START, FOUR, OTHER, (8.0, 9.0), TRADES),
        (MINUTE, START, FOUR, OTHER, (7.0, 9.0), HAS_BID),
        (MINUTE, START, FOUR, OTHER, (7.0, 9.0), HAS_BID | HAS_ASK),
        (MINUTE, START, FOUR, FOUR, (7.0, 9.0), HAS_BID | HAS_ASK),
        (MINUTE, START, FOUR, OTHER, (7.0, 8.0), HAS_BID | HAS_ASK),
    ]
    keys = []
    for length, start_ns, bids, asks, sizes, sides in [*bars, *bars]:
        assert d.bar("X", length, start_ns, 0, bids, asks, sizes, sides) == 0
        keys.append(d.take(1).heap[-BAR_HEAD_BYTES + 8 : -BAR_HEAD_BYTES + 16])
    assert keys[: len(bars)] == keys[len(bars) :]
    assert len(set(keys)) == len(bars)


def test_what_a_bar_of_trades_does_not_have_is_not_in_its_key() -> None:
    """Nor of one side what the other says: the caller may put anything there."""
    d = builder()
    keys = []
    for asks, sizes in ((NONE, (7.0, 0.0)), (OTHER, (7.0, 7.0))):
        assert d.bar("X", MINUTE, START, 0, FOUR, asks, sizes) == 0
        keys.append(d.take(1).heap[-BAR_HEAD_BYTES:])
    assert keys[0] == keys[1]


@given(start_ns=st.integers(TS_MIN_NS, at("2199-01-01 00:00")), name=st.sampled_from(("1s", "1m", "4h", "1d", "1mo")))
def test_clock_of_a_market_that_never_closes_ends_a_bar_where_its_length_does(start_ns: int, name: str) -> None:
    clock = BarClock()
    clock.place("X", length_code(Timeframe(name)), start_ns, 0)
    assert (clock.start_ns, clock.end_ns) == (start_ns, start_ns + Timeframe(name).length_ns)
    assert clock.last_ns == clock.end_ns - 1
