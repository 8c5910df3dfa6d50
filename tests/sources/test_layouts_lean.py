"""The folders of Lean's data; see `test_layouts`."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.errors import SourceError
from mtf.sources import open_source
from tests.sources.layouts import AT, asked, lean, ticks
from tests.sources.markets import bars_of


def test_contracts_of_leans_futures_are_symbols_of_their_own(tmp_path: Path) -> None:
    path = lean(
        tmp_path,
        "future/cme/minute/es/20240306_trade.zip",
        {
            "20240306_es_minute_trade_202403_20240315.csv": "36000000,5000.25,5001,5000,5000.5,9\n",
            "20240306_es_minute_trade_202406.csv": "36000000,5050.25,5051,5050,5050.5,4\n",
        },
    )
    assert bars_of(path, "1m") == [
        "ESH24 2024-03-06 10:00 5000.25/5001/5000/5000.5 9",
        "ESM24 2024-03-06 10:00 5050.25/5051/5050/5050.5 4",
    ]


def test_leans_futures_have_hours_quotes_and_ticks(tmp_path: Path) -> None:
    hours = lean(
        tmp_path, "future/cme/hour/es_trade.zip", {"es_trade_202403_20240315.csv": "20240306 10:00,1,2,0.5,1,9\n"}
    )
    assert bars_of(hours, "1h") == ["ESH24 2024-03-06 10:00 1/2/0.5/1 9"]
    quotes = lean(
        tmp_path,
        "future/comex/minute/gc/20240306_quote.zip",
        {"20240306_gc_minute_quote_202404.csv": "36000000,1,2,0.5,1,9,1.5,2.5,1,1.5,4\n"},
    )
    assert bars_of(quotes, "1m", price="mid") == ["GCJ24 2024-03-06 10:00 1.25/2.25/0.75/1.25 13"]
    for width in ("usa,,0", "usa,0"):
        trades = lean(
            tmp_path,
            "future/cme/tick/es/20240306_trade.zip",
            {"20240306_es_tick_trade_202403.csv": f"36000000,5000.25,3,{width}\n"},
        )
        assert ticks(trades) == [f"ESH24 {AT} 5000.25x3.0"]


def test_lean_open_interest_and_options_are_refused(tmp_path: Path) -> None:
    interest = lean(
        tmp_path,
        "future/cme/minute/es/20240306_openinterest.zip",
        {"20240306_es_minute_openinterest_202403.csv": "36000000,2693575\n"},
    )
    with pytest.raises(SourceError, match="open interest: it has no prices"):
        open_source(interest)
    option = lean(
        tmp_path,
        "option/usa/minute/aapl/20140606_trade_american.zip",
        {"20140606_aapl_minute_trade_american_call_1000000_20140621.csv": "36000000,1,2,0.5,1,9\n"},
    )
    with pytest.raises(SourceError, match="options, with a strike and an expiry"):
        open_source(option)


def test_a_market_whose_zone_is_not_known_is_asked_about(tmp_path: Path) -> None:
    path = lean(
        tmp_path,
        "equity/india/minute/abc/20240306_trade.zip",
        {"20240306_abc_minute_trade.csv": "36000000,10000,20000,5000,10000,9\n"},
    )
    assert asked(path) == {"zone"}
