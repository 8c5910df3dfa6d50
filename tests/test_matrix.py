"""The matrix: every value of the tables, from one snapshot."""

from __future__ import annotations

import pytest

from mtf.config import Config
from mtf.kernel import Kernel
from mtf.matrix import IndicatorReading, Matrix, matrix_of
from tests.builders import blocks, events

STREAM = "X:10:00@1.0 X:10:00:30@1.5 X:10:01@1.25 X:10:02@1.75 X:10:02:45@1.5"


def matrix(stream: str, *, closes: int = 24, **settings: object) -> Matrix:
    """Return the matrix of X after *stream*, with 1m and 5m bars unless *settings* say otherwise."""
    made: dict[str, object] = {"calendar": "crypto", "timeframes": ("1m", "5m")} | settings
    engine = Kernel(Config.make(**made))  # type: ignore[arg-type]
    for block in blocks(events(stream)):
        engine.step(block)
    return matrix_of(engine.snapshot(0), closes=closes)


def reading(found: Matrix, name: str, row: int = 0) -> IndicatorReading:
    """Return one of the values of a row."""
    return next(each for each in found.rows[row].readings if each.name == name)


def test_a_row_is_the_last_closes_and_the_forming_bar() -> None:
    """Its change is from its own open, its share of the time rounded down."""
    found = matrix(STREAM)
    one, five = found.rows
    assert (found.symbol, found.seq, found.last) == ("X", 5, 1.5)
    assert (one.timeframe, one.closes, one.closed) == ("1m", (1.5, 1.25), 1.25)
    assert (one.change, one.percent) == (-0.25, 75)
    assert one.partial is not None
    assert one.partial.remaining_ns == 15_000_000_000
    assert (five.closes, five.closed, five.change, five.percent) == ((), None, 0.5, 55)


def test_closes_are_as_many_as_asked_for() -> None:
    """The newest ones."""
    assert matrix(STREAM, closes=1).rows[0].closes == (1.25,)
    assert matrix(STREAM, closes=0).rows[0].closes == ()


def test_all_but_nothing_of_a_bar_is_99_percent() -> None:
    """A bar that still forms never shows 100 %."""
    assert matrix("X:10:00@1 X:10:00:59.999999999@1").rows[0].percent == 99


def test_no_bar_forms_after_a_close_until_the_next_tick() -> None:
    """The last price is then the close of what closed last, and values are the completed ones."""
    found = matrix("X:10:00@1 X:10:01@2 !10:05", indicators=["sma:2"])
    one, five = found.rows
    assert (one.partial, one.change, one.percent, one.closes) == (None, None, None, (1.0, 2.0))
    assert (five.partial, five.closes) == (None, (2.0,))
    assert found.last == 2.0
    assert reading(found, "sma_2").state == "completed"
    assert (reading(found, "sma_2").value, reading(found, "sma_2", 1).value) == (1.5, None)


def test_without_a_bar_there_is_no_price() -> None:
    """And nothing that could be taken for one."""
    found = matrix("X:10:00@/2", indicators=["sma:2"])
    assert (found.last, found.change, found.decimals) == (None, None, 0)
    assert [(row.closes, row.partial) for row in found.rows] == [((), None), ((), None)]
    assert (reading(found, "sma_2").state, reading(found, "sma_2").seen, reading(found, "sma_2").needed) == (
        "warming", 0, 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "timeframes", "timeframe", "price", "opened", "difference"),
    [
        (STREAM, ("1m", "5m"), "5m", 1.0, True, 0.5),  # nothing of the longest has closed
        ("X:10:00@1 X:10:05@3 X:10:06@4", ("1m", "5m"), "5m", 1.0, False, 3.0),
        (
            "X:10:00@1 X:10:05@3 X:10:06@4 !10:10",
            ("1m", "5m"),
            "5m",
            1.0,
            False,
            3.0,
        ),  # its own close is not the reference
        ("2024-03-05 X:10:00@2 2024-03-06 X:10:00@3", ("1m", "1d", "1w"), "1d", 2.0, False, 1.0),  # the day if kept
    ],
)
def test_change_is_since_the_last_close_of_the_day_or_the_longest_timeframe(
    stream: str, timeframes: tuple[str, ...], timeframe: str, price: float, opened: bool, difference: float
) -> None:
    """What it is a change of is part of it."""
    change = matrix(stream, timeframes=timeframes).change
    assert change is not None
    assert (change.timeframe, change.price, change.opened, change.difference) == (timeframe, price, opened, difference)
    assert change.share == difference / price


def test_there_is_no_change_while_only_one_bar_has_closed_and_none_forms() -> None:
    """It would be one from the last price to itself."""
    assert matrix("X:10:00@1 !10:05").change is None


def test_values_say_what_they_are() -> None:
    """Live, or on their way with what they take; of a chain as of its end."""
    found = matrix(STREAM, indicators=["sma:3", "sma:2@rsi:2", "sma:4"], history=1)
    assert (reading(found, "sma_3").state, reading(found, "sma_3").value) == ("live", (1.5 + 1.25 + 1.5) / 3)
    chained, four = reading(found, "sma_2@rsi_2"), reading(found, "sma_4")
    assert (chained.state, chained.value, chained.seen, chained.needed) == ("warming", None, 2, 4)
    assert (four.state, four.seen, four.needed) == ("warming", 2, 4)  # though one bar is kept
    assert (reading(found, "sma_3").on_price, chained.on_price, four.at_least) == (True, False, False)


def test_a_value_that_waits_for_an_event_says_so() -> None:
    """Enough bars have closed, and there was no swing among them: their number says no more."""
    flat = matrix("X:10:00@1 X:10:01@1 X:10:02@1 X:10:03@1", indicators=["swings:1,1", "swings:3,3"])
    waiting, warming = reading(flat, "swings_1_1_low"), reading(flat, "swings_3_3_low")
    assert (waiting.state, waiting.value) == ("waiting", None)
    assert (warming.state, warming.at_least, warming.seen, warming.needed) == ("warming", True, 3, 7)


def test_an_output_that_a_timeframe_does_not_keep_is_absent_there() -> None:
    """Every row has the same columns."""
    found = matrix("X:10:00@1/2 X:10:01@2/3", timeframes=("1m", "1d"), indicators=["sma:2", "vwap"])
    assert [[each.name for each in row.readings] for row in found.rows] == [["sma_2", "vwap"]] * 2
    assert (reading(found, "vwap").state, reading(found, "vwap", 1).state) == ("waiting", "absent")


def test_completed_values_stand_in_where_live_ones_are_off() -> None:
    """And it is known that they do."""
    found = matrix(STREAM, indicators=["sma:2"], live="off")
    assert (reading(found, "sma_2").state, reading(found, "sma_2").value) == ("completed", 1.375)
    assert found.live_off
    assert not matrix(STREAM, indicators=["sma:2"]).live_off
    assert not matrix(STREAM).live_off


def test_prices_below_zero_are_prices() -> None:
    """Oil was at -37.63 once. A share of what is not positive has no meaning."""
    found = matrix("X:10:00@=-10.01 X:10:05@=-37.63", prices="any")
    assert (found.last, found.decimals, found.rows[0].closes) == (-37.63, 2, (-10.01,))
    assert found.change is not None
    assert (found.change.difference, found.change.share) == (-27.62, None)


def test_decimals_are_those_of_the_quotes() -> None:
    """Of mids the half step is left out if it is nothing to the price; trades keep every digit."""
    assert matrix("X:10:00@1.38874/1.38875").decimals == 5
    assert matrix("X:10:00@=1.388745").decimals == 6
    assert matrix("X:10:00@=0.00002853").decimals == 8
