"""The builders of events: the line of text says what it seems to say, and the streams are as awkward as they claim."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from mtf.events.block import SymbolTable, tick_at
from mtf.events.tick import Tick
from tests.builders import NEW_YORK, Clock, Event, at, blocks, events, ticks
from tests.model.grids import FxGrid
from tests.model.model import Model, replay
from tests.streams import streams

TEN_NS = 1_709_719_200_000_000_000  # 2024-03-06 10:00 UTC


def test_words_of_a_line() -> None:
    text = (
        "10:00@1.1 10:00:00.000000001@1.1/1.2 10:00@1.1x3 10:00@1.1x3/1.2x4 10:00@1.1x2/ 10:00@/1.2x2 10:00@=1.1x3#a7"
    )
    assert ticks(text) == [
        Tick("EURUSD", TEN_NS, 1.1, 1.1),
        Tick("EURUSD", TEN_NS + 1, 1.1, 1.2),
        Tick("EURUSD", TEN_NS, 1.1, 1.1, 3.0, 3.0),
        Tick("EURUSD", TEN_NS, 1.1, 1.2, 3.0, 4.0),
        Tick("EURUSD", TEN_NS, 1.1, None, 2.0),
        Tick("EURUSD", TEN_NS, None, 1.2, 0.0, 2.0),
        Tick("EURUSD", TEN_NS, price=1.1, size=3.0, id="a7"),
    ]


def test_symbols_days_and_clock_events_of_a_line() -> None:
    assert events("A:10:00@1 2024-03-07 B.x:10:00@-1#1 2024-03-06T10:00:01.5@2 !10:00") == [
        Tick("A", TEN_NS, 1.0, 1.0),
        Tick("B.x", TEN_NS + 86_400_000_000_000, -1.0, -1.0, id="1"),
        Tick("EURUSD", TEN_NS + 1_500_000_000, 2.0, 2.0),
        Clock(TEN_NS + 86_400_000_000_000),
    ]


def test_times_are_of_the_zone() -> None:
    assert at("2024-03-06 05:00", zone=NEW_YORK) == TEN_NS
    assert at("2024-03-10 17:00", zone=NEW_YORK) - at("2024-03-09 17:00", zone=NEW_YORK) == 23 * 3_600_000_000_000


@pytest.mark.parametrize("text", ["10:00", "10:00@", "1000@1", "10:00@1.1y3", "10:00@=", "10:00@1/2/3"])
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no (event|price|time)|too many"):
        events(text)


def test_ticks_refuse_a_clock_event() -> None:
    with pytest.raises(ValueError, match="clock event"):
        ticks("10:00@1 !10:01")


def test_blocks_hold_the_events_in_order() -> None:
    stream = events("A:10:00@1.1/1.2x3 !10:01 B:10:02@=5x6")
    cut = blocks(stream, size=2)
    assert [(block.first_seq, block.count) for block in cut] == [(1, 2), (3, 1)]
    symbols = SymbolTable()
    for block in cut:
        symbols.learn(block)
    assert symbols.names == ["A", "B"]
    assert tick_at(cut[0].rows, 0, "A") == stream[0]
    assert tick_at(cut[1].rows, 0, "B") == stream[2]
    whole = blocks(stream)
    assert b"".join(block.rows for block in cut) == whole[0].rows
    assert b"".join(block.heap for block in cut) == whole[0].heap


def test_streams_reach_every_case_they_claim() -> None:
    """A law that is only tried on tame streams says little."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=300,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(stream=streams())
    def look(stream: list[Event]) -> None:
        blocks(stream, size=7)  # every event is well-formed
        calendar = FxGrid()
        model = Model(["1m", "5m", "15m", "1h", "4h", "1d"], calendar, late="accept")
        for shown in replay(model, stream):
            event = shown.event
            if shown.closing:
                seen["closing, several bars"] += len(shown.bars) > 1
                seen["closing, all timeframes"] += len({bar.timeframe for bar in shown.bars}) == 6
                seen["closing, several symbols"] += len({bar.symbol for bar in shown.bars}) > 1
                seen["closing by a clock event"] += isinstance(event, Clock)
                seen["closing on the exact end"] += shown.time_ns == event.ts_ns
                continue
            seen[shown.verdict] += 1
            if isinstance(event, Clock):
                continue
            partials = shown.states[event.symbol].partial.values()
            for gap in [partial.gap for partial in partials if partial is not None and partial.gap is not None]:
                seen["gap of silence"] += gap.silence_ns > 0
                for hours in (47, 48, 49):
                    seen[f"weekend of {hours} hours"] += gap.closed_ns == hours * 3_600_000_000_000
            span = calendar.span_at(event.ts_ns)
            seen["first nanosecond of a day"] += event.ts_ns == span.day.start_ns
            seen["last nanosecond of a day"] += event.ts_ns == span.day.end_ns - 1
            seen["crossed"] += event.bid is not None and event.ask is not None and event.bid > event.ask
            seen["one-sided"] += not event.is_trade and event.mid is None
            seen["trade"] += event.is_trade
        seen["three symbols"] += len(model.symbols) == 3
        stamps = [event.ts_ns for event in stream]
        seen["equal stamps"] += len(set(stamps)) < len(stamps)

    look()
    missing = {
        *("ok", "late_ok", "late", "price", "duplicate", "closed", "crossed", "one-sided", "trade", "three symbols"),
        *("equal stamps", "closing, several bars", "closing, all timeframes", "closing, several symbols"),
        *("closing by a clock event", "closing on the exact end", "gap of silence"),
        *("weekend of 47 hours", "weekend of 48 hours", "weekend of 49 hours"),
        *("first nanosecond of a day", "last nanosecond of a day"),
    } - {case for case, count in seen.items() if count > 0}
    assert not missing, seen
