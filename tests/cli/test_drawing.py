"""A matrix as it is drawn: prices of every size, states of every kind, and what is left out of a narrow one."""

from __future__ import annotations

import math

import pytest

from mtf.cli.drawing import fitted, matrix_lines, own_decimals, place_text, price_text, reading_text, sheet, table
from mtf.matrix import Change, IndicatorReading, Matrix
from tests.cli.screens import drawn, look, matrix, row

READY = IndicatorReading(name="sma_20", state="live", value=1.5, seen=40, needed=20, on_price=True)
WARMING = IndicatorReading(name="sma_20", state="warming", seen=5, needed=20, on_price=True)


def rows_of(found: Matrix, width: int = 100, *, ascii: bool = False) -> list[str]:
    """Return the drawn rows, without their titles."""
    return drawn(matrix_lines(found, look(width, ascii=ascii))).splitlines()[1:]


def test_tiny_prices_have_all_their_digits() -> None:
    """And changes too: never 0 for what is not."""
    found = matrix([row("1m", (2.853e-05, 2.861e-05), (2.849e-05, 2.855e-05))], decimals=8)
    assert rows_of(found) == [
        "  1m                        ▁█│▃  ▲ 0.00000006  ━━╌╌╌╌╌╌╌╌  25%  0:45  0.00002861",
    ]


def test_negative_prices_keep_their_sign() -> None:
    """Oil was at -37.63 once; a price that is not positive has no shares, so its change is in money."""
    change = Change(price=-10.01, timeframe="1d", opened=False, difference=-27.62)
    found = matrix([row("1m", (10.01, -3.5), (-30.0, -37.63))], change=change)
    assert rows_of(found) == ["  1m                        █▆│▁  ▼ 7.63   ━━╌╌╌╌╌╌╌╌  25%  0:45   -3.50"]
    assert price_text(found, look(80)).plain == "-37.63  ▼ −27.62"


def test_a_change_says_since_when_unless_it_is_the_days() -> None:
    """A number says what it is."""
    rows = [row("1m", (), (1.0, 1.5))]
    shown = look(80)
    for timeframe, opened, text in (
        ("1d", False, "1.50  ▲ +50.00 %"),
        ("1d", True, "1.50  ▲ +50.00 % since 1d open"),
        ("4h", False, "1.50  ▲ +50.00 % since 4h close"),
    ):
        change = Change(price=1.0, timeframe=timeframe, opened=opened, difference=0.5)
        assert price_text(matrix(rows, change=change), shown).plain == text
    same = Change(price=1.0, timeframe="1d", opened=False, difference=0.0)
    assert price_text(matrix(rows, change=same), shown).plain == "1.50  = 0.00 %"


def test_prices_that_no_column_holds_are_written_with_an_exponent() -> None:
    """A file may say anything."""
    found = matrix([row("1m", (1e300, -1e300), (1.7e308, -1.7e308))], decimals=0)
    assert rows_of(found) == ["  1m                        ██│▁  ▼ inf    ━━╌╌╌╌╌╌╌╌  25%  0:45  -1e+300"]


def test_a_flat_market_is_a_level_line() -> None:
    """Neither high nor low."""
    assert rows_of(matrix([row("1m", (5.0,) * 3, (5.0, 5.0))])) == [
        "  1m                       ▄▄▄│▄  = 0.00   ━━╌╌╌╌╌╌╌╌  25%  0:45    5.00"
    ]


def test_where_no_bar_forms_that_is_said() -> None:
    """No progress, nothing left, and the closes stay."""
    found = matrix([row("1m", (1.0, 2.0), None, READY), row("5m", (), None, WARMING)])
    assert rows_of(found) == [
        "  1m                        ▁█│  none forms                      2.00    1.50",
        "  5m  no bar yet                                                 none    5/20",
    ]


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (READY, "1.50"),
        (WARMING, "5/20"),
        (IndicatorReading(name="a", state="warming", seen=1234, needed=10_000), "1,234/10,000"),
        (IndicatorReading(name="a", state="warming", seen=3, needed=11, at_least=True), "3/11+"),
        (IndicatorReading(name="a", state="waiting", seen=30, needed=11, at_least=True), "waits"),
        (IndicatorReading(name="a", state="absent"), "n/a"),
        (IndicatorReading(name="a", state="live", value=41.52, seen=30, needed=15), "41.5"),
        (IndicatorReading(name="a", state="live", value=-1234567.8, seen=30, needed=15), "-1,234,567.8"),
    ],
)
def test_a_value_is_a_number_or_says_what_it_waits_for(reading: IndicatorReading, text: str) -> None:
    """Never a dash, never an empty cell."""
    assert reading_text(reading, matrix([]), 1, look(80)).plain == text


def test_values_of_one_output_share_their_decimals() -> None:
    """Those on the scale of the price have the price's."""
    readings = [IndicatorReading(name="a", state="live", value=value) for value in (0.0021, -0.00012)]
    assert own_decimals([*readings, WARMING]) == 5


def test_values_after_the_last_close_are_said_to_be_that() -> None:
    """They look like live ones."""
    completed = IndicatorReading(name="sma_20", state="completed", value=1.5, seen=40, needed=20)
    (_, note) = rows_of(matrix([row("1m", (1.0,), (1.0, 2.0), completed)]))
    assert note == "  values are those after the last closed bar: live ones are off"
    assert len(rows_of(matrix([row("1m", (1.0,), None, completed)]))) == 1


@pytest.mark.parametrize("count", [1, 2, 6, 9, 12])
def test_how_many_timeframes_are_at_one_seq_is_said(count: int) -> None:
    """All of them, however many there are."""
    text = {1: "at", 2: "both at", 6: "all six at", 9: "all nine at", 12: "all 12 at"}[count]
    found = matrix([row(f"{k + 1}m", (), None) for k in range(count)])
    assert place_text(found, look(80)).plain == f"{text} seq 1,234, 2024-03-01 00:00:00Z"


@pytest.mark.parametrize(
    ("text", "cells", "kept"),
    [
        ("EURUSD", 6, "EURUSD"),
        ("EURUSDX", 6, "EURUS…"),
        ("平安银行", 8, "平安银行"),
        ("平安银行", 7, "平安银…"),
        ("平安银行", 6, "平安…"),
        ("a\x1b[2Jb", 40, "a\ufffd[2Jb"),
    ],
)
def test_names_are_cut_by_the_cells_they_take(text: str, cells: int, kept: str) -> None:
    """A character may take two, and one that moves the cursor is replaced."""
    assert fitted(text, cells, look(80)) == kept


def test_columns_of_a_table_stand_in_line_whatever_is_in_them() -> None:
    """Titles above, wide characters too."""
    assert drawn(table([("a", "bb"), ("平安", "1"), ("c", "234")], left=(0,))).splitlines() == [
        "  a      bb",
        "  平安    1",
        "  c     234",
    ]


def test_a_sheet_that_is_too_wide_comes_in_parts() -> None:
    """No figure is cut, and each part has its labels."""
    lines = drawn(
        sheet(
            [
                ("forming", ["open"], [["1.0"], ["2.0"], ["3.0"]]),
                ("live", ["sma"], [["1.11111"], ["2.22222"], ["3.33333"]]),
            ],
            ["1m", "5m", "1h"],
            look(28),
        )
    )
    assert lines.splitlines() == [
        "  forming       1m       5m",
        "     open      1.0      2.0",
        "",
        "     live       1m       5m",
        "      sma  1.11111  2.22222",
        "",
        "  forming       1h",
        "     open      3.0",
        "",
        "     live       1h",
        "      sma  3.33333",
    ]


@pytest.mark.parametrize("width", range(30, 131, 5))
def test_rows_are_as_wide_as_the_terminal_at_most(width: int) -> None:
    """With prices of this length from 36 columns on; below, the narrowest there is."""
    found = matrix([row(name, [1.0 + k for k in range(24)], (1.0, 2.0), READY, READY) for name in ("1m", "15m")])
    for ascii in (False, True):
        assert max(map(len, rows_of(found, width, ascii=ascii))) <= max(width, 36)


def test_levels_of_infinite_spread_are_levels() -> None:
    """The difference of two floats may be more than a float holds."""
    found = matrix([row("1m", (-1.7e308, 1.7e308), None)])
    assert math.isinf(1.7e308 - -1.7e308)
    assert rows_of(found)[0].strip().startswith("1m                        ▁█│")
