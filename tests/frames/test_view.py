"""Views and the states they answer with: every symbol at the row that is shown, and no way to a later one."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import mtf
from mtf.config import Config
from mtf.errors import DeadView, UnknownIndicator, UnknownSymbol, UnknownTimeframe
from mtf.frames.view import View
from mtf.frames.walk import BAR, CLOCK_ROW, END, REJECT, TICK
from mtf.kernel import Kernel
from tests.builders import Event, at, blocks, events
from tests.engine.follower import cursor_of


def shown(
    stream: list[Event],
    look: Callable[[View], object],
    *,
    wanted: int = BAR | TICK | CLOCK_ROW | REJECT,
    size: int = 1024,
) -> list[object]:
    """Return what *look* says of the view at each step of *stream*."""
    config = Config.make(calendar="crypto", timeframes=("1m", "5m"), indicators={"1m": ["sma:2"], "5m": []})
    engine = Kernel(config)
    cursor = cursor_of(engine)
    found = []
    for block in blocks(stream, size=size):
        cursor.enter(engine.step(block))
        while cursor.step(wanted) != END:
            cursor.alive = True
            found.append(look(View(cursor, engine.schema)))
            cursor.alive = False
            cursor.generation += 1
    return found


STREAM = events("A:10:00@1 B:10:00:10@5 A:10:01@2 !10:05 B:10:05@6 A:10:04@9")


@pytest.mark.parametrize("size", [1, 2, 1024])
def test_view_of_any_symbol_answers_the_row_that_is_shown(size: int) -> None:
    """Of B at A's rows, too: nothing of B's later rows, though they are in the same frame."""

    def look(view: View) -> object:
        return (
            view.seq,
            view.symbol,
            [
                (
                    name,
                    partial.close if (partial := view.of(name)["5m"].partial) else None,
                    len(view.of(name)["1m"].bars),
                )
                for name in view.symbols
            ],
        )

    assert shown(STREAM, look, size=size) == [
        (1, "A", [("A", 1.0, 0)]),
        (2, "B", [("A", 1.0, 0), ("B", 5.0, 0)]),
        (3, "A", [("A", 1.0, 1), ("B", 5.0, 0)]),  # 10:01 of A closes
        (3, "A", [("A", 2.0, 1), ("B", 5.0, 0)]),
        (4, "B", [("A", 2.0, 1), ("B", 5.0, 1)]),  # 10:01 of B closes, by the clock
        (4, "A", [("A", 2.0, 2), ("B", 5.0, 1)]),  # 10:02 of A
        (4, "A", [("A", None, 2), ("B", None, 1)]),  # 10:05: both 5m bars close in one instant
        (4, "B", [("A", None, 2), ("B", None, 1)]),
        (4, "", [("A", None, 2), ("B", None, 1)]),
        (5, "B", [("A", None, 2), ("B", 6.0, 1)]),
        (6, "A", [("A", None, 2), ("B", 6.0, 1)]),  # late, and shown as it is
    ]


def test_time_of_a_view_is_the_symbols_clock_and_in_a_closing_instant_the_end() -> None:
    def look(view: View) -> object:
        return (view.closing, minute(view.time_ns), [minute(view.of(name).time_ns) for name in view.symbols])

    assert shown(STREAM, look) == [
        (False, 0, [0]),
        (False, 0, [0, 0]),
        (True, 1, [1, 0]),
        (False, 1, [1, 0]),
        (True, 1, [1, 1]),
        (True, 2, [2, 2]),
        (True, 5, [5, 5]),
        (True, 5, [5, 5]),
        (False, 5, [5, 5]),
        (False, 5, [5, 5]),
        (False, 5, [5, 5]),
    ]


def minute(ts_ns: int) -> int:
    return (ts_ns - at("10:00")) // 60_000_000_000


def test_consumer_that_wants_bars_alone_is_shown_them_with_the_same_state() -> None:
    """What is not asked for is skipped, not forgotten."""
    everything = shown(STREAM, lambda view: (view.seq, view.closing, view["1m"].time_ns) if view.symbol else None)
    alone = shown(STREAM, lambda view: (view.seq, view.closing, view["1m"].time_ns), wanted=BAR)
    assert alone == [each for each in everything if isinstance(each, tuple) and each[1]]
    assert shown(STREAM, lambda view: view.seq, wanted=REJECT) == [6]
    assert shown(STREAM, lambda view: view.seq, wanted=CLOCK_ROW) == [4]


def test_symbol_is_unknown_until_its_first_row_is_shown() -> None:
    """That it will appear later in the block is the future."""

    def look(view: View) -> object:
        try:
            return view.of("B").symbol
        except UnknownSymbol as error:
            return str(error)

    assert shown(STREAM, look)[:2] == ["no event of 'B' has been seen; known symbols: A", "B"]


def test_clock_event_has_no_symbol_of_its_own() -> None:
    def look(view: View) -> object:
        with pytest.raises(UnknownSymbol, match=r"view\.of"):
            view["1m"]
        return view.of("B")["1m"].partial

    assert shown(STREAM, look, wanted=CLOCK_ROW) == [None]


def test_timeframe_is_asked_for_by_any_of_its_names() -> None:
    def look(view: View) -> object:
        with pytest.raises(UnknownTimeframe, match="1h is not kept here; choose from 1m, 5m"):
            view["1h"]
        with pytest.raises(UnknownTimeframe, match="invalid timeframe 'soon'"):
            view["soon"]
        return {str(view[name].timeframe) for name in ("5m", "5min", "300s", mtf.Timeframe("5m"))}

    assert shown(STREAM[:1], look) == [{"5m"}]


def test_live_values_are_those_of_a_bar_that_closed_now_and_completed_ones_stay() -> None:
    """sma:2 over closes 1 and then 2, 4: live moves with each tick, completed at the end of a bar."""
    stream = events("X:10:00@1 10:01@2 10:01:30@4 10:02@8".replace(" 10:", " X:10:"))

    def look(view: View) -> object:
        state = view["1m"]
        return (view.closing, text(state.live["sma_2"]), text(state.completed["sma_2"]))

    assert shown(stream, look) == [
        (False, "nan", "nan"),
        (True, "nan", "nan"),
        (False, "1.5", "nan"),
        (False, "2.5", "nan"),
        (True, "2.5", "2.5"),  # no bar forms: live is completed
        (False, "6.0", "2.5"),
    ]


def text(value: float) -> str:
    return "nan" if math.isnan(value) else str(value)


def test_values_are_a_read_only_mapping_by_output() -> None:
    def look(view: View) -> object:
        values = view["1m"].live
        assert list(values) == values.keys() == ["sma_2"]
        assert ("sma_2" in values, "rsi_14" in values, len(values)) == (True, False, 1)
        assert values.get("rsi_14") is None
        assert values.get("rsi_14", 7.0) == 7.0
        for missing in (
            lambda: values["rsi_14"],
            lambda: view["1m"].history("rsi_14"),
            lambda: view["5m"].live["sma_2"],
        ):
            with pytest.raises(UnknownIndicator):
                missing()
        return [text(value) for value in view["1m"].history("sma_2")]

    stream = events("X:10:00@1 X:10:01@2 X:10:02@3")
    assert shown(stream, look, wanted=TICK) == [[], ["nan"], ["nan", "1.5"]]


def test_view_is_dead_once_the_cursor_moved_on() -> None:
    """Memory that goes on must not be looked at: after the callback, and in every later one."""
    engine = Kernel(Config.make(calendar="crypto", timeframes=["1m"]))
    cursor = cursor_of(engine)
    cursor.enter(engine.step(blocks(STREAM)[0]))
    cursor.step(TICK)
    cursor.alive = True
    view = View(cursor, engine.schema)
    other = view.of("A")
    assert (view.seq, other["1m"].time_ns) == (1, at("10:00"))
    cursor.alive = False
    with pytest.raises(DeadView, match=r"view\.snapshot"):
        _ = view.seq
    cursor.generation += 1
    cursor.step(TICK)
    cursor.alive = True
    with pytest.raises(DeadView):
        _ = view.seq
    with pytest.raises(DeadView):
        _ = other["1m"]
    assert View(cursor, engine.schema).seq == 2


def test_window_of_bars_is_a_sequence_that_never_grows() -> None:
    windows = shown(
        events(" ".join(f"X:10:{minute:02}@{minute + 1}" for minute in range(8))),
        lambda view: view["1m"].bars,
        wanted=TICK,
        size=3,
    )
    assert [[bar.close for bar in window] for window in windows if isinstance(window, mtf.BarWindow)] == [
        [float(k) for k in range(1, n + 1)] for n in range(8)
    ]
    window = windows[5]
    assert isinstance(window, mtf.BarWindow)
    assert (len(window), window[0].close, window[-1].close) == (5, 1.0, 5.0)
    assert [bar.close for bar in window[-2:]] == [4.0, 5.0]
    assert [bar.close for bar in window[::2]] == [1.0, 3.0, 5.0]
    assert [bar.close for bar in reversed(window)] == [5.0, 4.0, 3.0, 2.0, 1.0]
    assert window[1] in window
    assert window == list(window)
    assert window == tuple(window)
    assert window != list(window)[1:]
    assert hash(window) == hash(window)
    for position in (5, -6):
        with pytest.raises(IndexError, match="there are 5 bars"):
            window[position]
    with pytest.raises(TypeError):
        window["last"]  # type: ignore[call-overload]
