"""Files as people have them: what each of them must be read as, to the last price, or why it is refused."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import orjson
import pytest

from tests.cases.builders import CRYPTO, Run, refused
from tests.cli.builders import json_of, mtf

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("exchange_calendars") is None, reason="exchange_calendars is not installed"
)
EQUITIES = ("--calendar", "us_equities")


def daily_rows(path: Path) -> list[str]:
    """The rows of the daily file as `Run.days` has bars: Close, which is not Adj Close."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    return [f"{row[0]} {'/'.join(row[1:5])} v{row[6]}" for row in rows]


def test_an_empty_field_too_many_is_none(cases: Path, tmp_path: Path) -> None:
    """Exports end each row with a comma."""
    run = Run(cases / "trail.csv", tmp_path)
    assert run.ticks("TRAIL") == ["03-06 10:00:00 1.1/1.2", "03-06 10:00:01 1.1/1.2"]


def test_a_filled_field_too_many_is_malformed(cases: Path, tmp_path: Path) -> None:
    """It may have moved the others: each row is named and counted, and no row could be read."""
    path = tmp_path / "trail.csv"
    path.write_text((cases / "trail.csv").read_text().replace("1.2,", "1.2,7"))
    result = mtf("run", path, "--json")
    assert result.exit_code == 1
    assert orjson.loads(result.stdout)["rows"] == {"read": 2, "accepted": 0, "rejected": 0, "malformed": 2}
    assert f"{path}:2: expected 3 fields, got 4" in result.stderr
    assert f"{path}:3: expected 3 fields, got 4" in result.stderr


class TestDaily:
    def test_days_are_their_rows_and_a_holiday_is_one_rejected_bar(self, cases: Path, tmp_path: Path) -> None:
        """Of 15 January 2024, Martin Luther King's day; what is shorter than a day gets no bars, and a note says so."""
        run = Run(cases / "AAPL_daily.csv", tmp_path, *EQUITIES)
        expected = [row for row in daily_rows(cases / "AAPL_daily.csv") if not row.startswith("2024-01-15")]
        assert len(expected) == 14
        assert expected[0] == "2024-01-02 100/105/95/102 v1000"
        assert run.days("AAPL") == expected
        assert run.summary["rejected"] == {"closed": 1}
        assert run.summary["rows"] == {"read": 15, "accepted": 14, "rejected": 1, "malformed": 0}
        assert "the source has bars of 1d: 1m to 4h get no bars from it" in run.stderr
        for timeframe in ("1m", "5m", "15m", "1h", "4h"):
            assert run.bars("AAPL", timeframe) == []

    def test_a_shorter_timeframe_that_was_asked_for_by_name_is_an_error(self, cases: Path) -> None:
        error = refused(cases / "AAPL_daily.csv", *EQUITIES, "--timeframes", "1m")
        assert "the bars last 1d: no bars of 1m can be built from them" in error

    @pytest.mark.parametrize("calendar", ["fx", "crypto"])
    def test_days_are_their_rows_by_every_calendar(self, cases: Path, tmp_path: Path, calendar: str) -> None:
        """The date says which trading day it is, wherever that begins."""
        run = Run(cases / "AAPL_daily.csv", tmp_path, "--calendar", calendar)
        assert run.days("AAPL") == daily_rows(cases / "AAPL_daily.csv")
        assert run.summary["rejected"] == {}

    @pytest.mark.parametrize("date", ["2024-01-06", "2024-01-07"])
    def test_a_date_without_a_trading_day_is_one_rejected_bar(self, cases: Path, tmp_path: Path, date: str) -> None:
        """A Saturday or a Sunday in a market of Monday to Friday."""
        path = tmp_path / "AAPL_daily.csv"
        rows = (cases / "AAPL_daily.csv").read_text().splitlines(keepends=True)
        path.write_text("".join([*rows[:5], f"{date},103,108,98,105,104,1000\n", *rows[5:]]))
        run = Run(path, tmp_path, "--calendar", "fx")
        assert run.days("AAPL") == daily_rows(cases / "AAPL_daily.csv")
        assert run.summary["rejected"] == {"closed": 1}


class TestLengths:
    def test_bars_of_five_minutes_make_no_bar_of_one(self, cases: Path) -> None:
        error = refused(cases / "five.csv", "--calendar", "crypto", "--timeframes", "1m,5m")
        assert "the bars last 5m: no bars of 1m can be built from them" in error

    def test_bars_of_five_minutes_are_their_rows_and_make_fifteen(self, cases: Path, tmp_path: Path) -> None:
        run = Run(cases / "five.csv", tmp_path, "--calendar", "crypto", "--timeframes", "5m,15m")
        assert run.bars("FIVE", "5m") == [f"03-06 10:{minute:02} 100/101/99/100.5 v60" for minute in range(0, 60, 5)]
        assert run.bars("FIVE", "15m") == [f"03-06 10:{minute:02} 100/101/99/100.5 v180" for minute in range(0, 60, 15)]

    def test_a_bar_across_the_grid_is_an_error_that_says_which_grid_would_do(self, cases: Path) -> None:
        """An hour from 09:15 in India lies in two hours of a day that begins on the hour."""
        error = refused(cases / "h915.csv", "--calendar", "fx", "--timeframes", "1h")
        assert (
            "the bar 2024-03-06 03:45 to 2024-03-06 04:45 UTC lies in two bars of 1h (bars of 1h begin at :00)" in error
        )
        assert "use a calendar whose trading day begins at :45 past the hour" in error

    @needs_package
    @pytest.mark.filterwarnings("ignore")  # the package's own, about the pandas that it runs on
    def test_the_exchanges_own_grid_has_the_bars_as_they_are(self, cases: Path, tmp_path: Path) -> None:
        run = Run(cases / "h915.csv", tmp_path, "--calendar", "exchange:XBOM", "--timeframes", "1h")
        assert run.bars("H915", "1h") == [
            "03-06 03:45 100/101/99/100.5 v60",
            "03-06 04:45 101/102/100/101.5 v60",
            "03-06 05:45 102/103/101/102.5 v60",
            "03-06 06:45 103/104/102/103.5 v60",
            "03-06 07:45 104/105/103/104.5 v60",
            "03-06 08:45 105/106/104/105.5 v60",
        ]
        assert run.days("H915", "1h")[0].startswith("2024-03-06 ")

    def test_a_length_that_is_not_clear_has_to_be_given(self, cases: Path) -> None:
        """Three rows, two minutes apart, may be bars of one minute or of two."""
        error = refused(cases / "sparse.csv", "--calendar", "crypto", "--timeframes", "1m,1h")
        assert "the length of the bars cannot be inferred" in error
        assert "give --bar-timeframe 1m" in error

    def test_a_file_of_bars_that_has_grown_ends_as_if_read_in_one_go(self, cases: Path, tmp_path: Path) -> None:
        options = ("--calendar", "crypto", "--timeframes", "1m,1h", "--bar-timeframe", "1m")
        path = tmp_path / "sparse.csv"
        path.write_text((cases / "sparse.csv").read_text())
        assert len(Run(path, tmp_path / "grown", *options).bars("SPARSE", "1m")) == 3
        with path.open("a") as file:
            file.writelines(f"2024-03-06 10:{minute:02}:00,10,12,9,11,5\n" for minute in (5, 6, 7, 8))
        grown, fresh = Run(path, tmp_path / "grown", *options), Run(path, tmp_path / "fresh", *options)
        expected = [f"03-06 10:{minute:02} 10/12/9/11 v5" for minute in (0, 2, 4, 5, 6, 7, 8)]
        assert grown.bars("SPARSE", "1m") == fresh.bars("SPARSE", "1m") == expected
        assert grown.bars("SPARSE", "1h") == fresh.bars("SPARSE", "1h") == ["03-06 10:00 10/12/9/11 v35"]
        assert grown.summary["digest"] == fresh.summary["digest"]
        assert (grown.summary["new_events"], fresh.summary["new_events"]) == (16, 28)


class TestSmallPrices:
    def test_two_days_of_binances_klines_are_one_symbol(self, cases: Path, tmp_path: Path) -> None:
        folder = tmp_path / "klines"
        folder.mkdir()
        for day in (27, 28):
            shutil.copy(cases / f"ADABTC-1m-2021-11-{day}.csv", folder)
        run = Run(folder, tmp_path, *CRYPTO)
        assert run.symbols == ["ADABTC"]
        assert run.bars("ADABTC", "1m") == [
            "11-27 00:00 0.00002853/0.00002861/0.00002849/0.00002855 v1000",
            "11-28 00:00 0.00002855/0.00002859/0.0000285/0.00002851 v900",
        ]

    def test_a_table_has_all_digits_of_a_small_price(self, cases: Path, tmp_path: Path) -> None:
        run = Run(cases / "ADABTC-trades-2021-11-27.csv", tmp_path, *CRYPTO)
        table = mtf("bars", run.data, "--symbol", "ADABTC", "--timeframe", "1m", "--partial").stdout.splitlines()
        assert [line.split()[2:8] for line in table[1:]] == [
            ["0.00002853", "0.00002861", "0.00002853", "0.00002861", "14", "2"],
            ["0.00002849", "0.00002849", "0.00002849", "0.00002849", "2", "1"],
        ]


class TestVendors:
    def test_an_empty_side_of_metatraders_ticks_is_as_it_was(self, cases: Path, tmp_path: Path) -> None:
        """10:00 of the server, which keeps Athens' time, is 08:00 UTC; a note says that the zone is assumed."""
        run = Run(cases / "EURUSD_mt5.csv", tmp_path, "--timeframes", "1m")
        assert run.bars("EURUSD", "1m") == [
            "03-06 08:00 1.10005/1.10065/1.10005/1.10035 v0",
            "03-06 08:01 1.10005/1.10005/1.10005/1.10005 v0",
        ]
        assert [bar["ticks"] for bar in run.rows_of_bars("EURUSD", "1m")] == [4, 1]
        said = mtf("run", cases / "EURUSD_mt5.csv").output
        assert "read as: metatrader, quotes, zone Europe/Athens (assumed)" in said
        assert "an empty side is unchanged" in said

    @pytest.mark.parametrize(("name", "symbol"), [("ESH24b.txt", "ESH24B"), ("ESH24.txt", "ESH24")])
    def test_last_is_the_close_of_sierra_chart(self, cases: Path, tmp_path: Path, name: str, symbol: str) -> None:
        """With and without a space behind each comma."""
        run = Run(cases / name, tmp_path, "--timeframes", "1m")
        assert run.bars(symbol, "1m") == [
            "03-06 10:00 100/105/95/101 v50",
            "03-06 10:01 101/106/96/102 v50",
            "03-06 10:02 102/107/97/103 v50",
        ]

    def test_tradestations_volume_is_up_and_down_and_its_stamp_the_close(self, cases: Path, tmp_path: Path) -> None:
        """17:01 in Chicago ends the first minute of the session, at 23:00 UTC."""
        options = ("--calendar", "us_futures", "--zone", "America/Chicago", "--timeframes", "1m")
        run = Run(cases / "ES_ts.txt", tmp_path, *options)
        assert run.bars("ES_TS", "1m") == [
            "01-13 23:00 1366.5/1367.5/1366/1367 v3420",
            "01-13 23:01 1367/1367.5/1366/1366.5 v2100",
            "01-13 23:02 1366.5/1367.5/1366/1367 v500",
        ]

    def test_a_layout_of_two_vendors_is_asked_about(self, cases: Path, tmp_path: Path) -> None:
        """They differ by the zone and by what the stamp means."""
        error = refused(cases / "EURUSD_2012.csv")
        assert "could be a file of histdata (UTC-5 all year, stamped at the open)" in error
        assert "and ninjatrader (UTC, stamped at the close): give --format histdata, or ninjatrader" in error
        run = Run(cases / "EURUSD_2012.csv", tmp_path, "--format", "histdata")
        assert run.bars("EURUSD", "1m")[0] == "02-01 05:00 1.3066/1.3066/1.30656/1.30656 v0"

    @pytest.mark.parametrize("zone", [("--zone", "Europe/Warsaw"), ()])
    def test_stooqs_bars_are_hours_of_warsaw(self, cases: Path, tmp_path: Path, zone: tuple[str, ...]) -> None:
        """Its header is MetaTrader's, and its `<PER>` the minutes; a zone that nobody gave is assumed, and said."""
        options = (*EQUITIES, "--timeframes", "1h", *zone)
        run = Run(cases / "aapl.us.txt", tmp_path, *options)
        assert run.bars("AAPL.US", "1h") == [
            "03-06 14:30 170/170.9/169.8/170.5 v1000",
            "03-06 15:30 170.5/171.9/170.1/171.5 v1000",
            "03-06 16:30 171.5/171.9/170.1/171.4 v1000",
        ]
        assert (run.read_as["format"], run.read_as["timeframe"]) == ("stooq", "1h")
        said = "zone Europe/Warsaw" if zone else "zone Europe/Warsaw (assumed)"
        assert said in mtf("run", cases / "aapl.us.txt", *options).output

    def test_databentos_prices_are_billionths_and_its_stamp_the_events(self, cases: Path, tmp_path: Path) -> None:
        """Not `ts_recv`, when it was received."""
        run = Run(cases / "glbx.trades.csv", tmp_path)
        assert run.symbols == ["ESH1"]
        assert run.ticks("ESH1") == ["12-28 13:00:00 3720.25x5", "12-28 13:00:00 3720.5x21"]
        rows = json_of("ticks", run.data, "--symbol", "ESH1", "--format", "json")
        assert [row["ts_ns"] for row in rows] == [1609160400098821953, 1609160400107665963]

    def test_the_volume_is_that_of_the_base(self, cases: Path, tmp_path: Path) -> None:
        run = Run(cases / "cdd.csv", tmp_path, "--calendar", "crypto")
        assert [line.rpartition(" ")[2] for line in run.bars("BTC/USD", "1h")] == ["v2.5", "v2.5", "v1.5"]

    def test_a_title_line_is_passed_over_and_newest_first_is_asked_about(self, cases: Path, tmp_path: Path) -> None:
        path = cases / "Bitstamp_BTCUSD_1h.csv"
        error = refused(path, "--calendar", "crypto")
        assert "the rows are newest first: give --reverse" in error
        run = Run(path, tmp_path, "--calendar", "crypto", "--reverse")
        assert run.bars("BTC/USD", "1h") == [
            "03-06 10:00 65800/66000/65700/65900 v2.5",
            "03-06 11:00 65900/66100/65800/66000 v2.5",
            "03-06 12:00 66000/66100/65900/66050 v1.5",
        ]
        assert f"{path}: line 2 is taken as the header, and line 1 is skipped" in run.stderr

    def test_yfinance_has_three_lines_of_header(self, cases: Path, tmp_path: Path) -> None:
        run = Run(cases / "AAPL_yf.csv", tmp_path, *EQUITIES)
        assert run.symbols == ["AAPL"]
        assert len(run.days("AAPL")) == 3
        assert run.days("AAPL")[0] == "2024-01-02 187.15/188.44/183.89/185.64 v82488700"

    def test_no_vendor_is_guessed_from_one_word(self, cases: Path, tmp_path: Path) -> None:
        """`tick_volume` is MetaTrader's word; the times are not its server's, and the prices no points."""
        run = Run(cases / "BTC_tickvolume.csv", tmp_path, "--calendar", "crypto")
        assert run.bars(run.symbols[0], "1m") == [
            "03-06 10:00 43210.5/43220/43200/43215.5 v10",
            "03-06 10:01 43215.5/43230/43210/43225 v12",
        ]
        assert (run.read_as["format"], run.read_as["zone"], run.read_as["point"]) == ("csv", "UTC", "1")


class TestPlainFiles:
    def test_an_impossible_side_leaves_the_other(self, cases: Path, tmp_path: Path) -> None:
        """By the bid all five ticks count; a mid needs both sides, so two do. No row is rejected."""
        bid = Run(cases / "dbl.csv", tmp_path / "bid", "--price", "bid", "--timeframes", "1m")
        mid = Run(cases / "dbl.csv", tmp_path / "mid", "--timeframes", "1m")
        for run, ticks, prices in ((bid, 5, "1.1/1.1/1.1/1.1"), (mid, 2, "1.15/1.15/1.15/1.15")):
            assert run.bars("DBL", "1m") == [f"03-06 10:00 {prices} v0"]
            assert [bar["ticks"] for bar in run.rows_of_bars("DBL", "1m")] == [ticks]
            assert (run.summary["bad_sides"], run.summary["rejected"], run.summary["rows"]["accepted"]) == (3, {}, 5)

    def test_names_in_a_column_are_never_one_symbol(self, cases: Path, tmp_path: Path) -> None:
        path = cases / "all2.csv"
        assert "column 'Name' has 'AAPL' and 'AAL'" in refused(path, *EQUITIES)
        run = Run(path, tmp_path, *EQUITIES, "--columns", "symbol=Name", "--sort")
        names = sorted({line.rpartition(",")[2] for line in path.read_text().splitlines()[1:]})
        assert len(names) == 3
        assert sorted(run.symbols) == names

    def test_noon_turns_am_into_pm(self, cases: Path, tmp_path: Path) -> None:
        run = Run(cases / "ampm.csv", tmp_path)
        assert run.ticks("AMPM") == ["01-25 09:30:00 1.1/1.2", "01-25 13:30:00 1.1/1.2"]

    def test_rows_that_are_newest_first_are_read_backward_on_request(self, cases: Path, tmp_path: Path) -> None:
        assert "the rows are newest first: give --reverse" in refused(cases / "desc.csv", *CRYPTO)
        run = Run(cases / "desc.csv", tmp_path, *CRYPTO, "--reverse")
        assert run.bars("DESC", "1m") == [
            "03-06 10:00 1/1.1/0.9/1.05 v5",
            "03-06 10:01 1.1/1.2/1/1.15 v5",
            "03-06 10:02 1.2/1.3/1.1/1.25 v5",
        ]

    def test_excels_line_for_the_separator_is_no_header(self, cases: Path, tmp_path: Path) -> None:
        run = Run(cases / "sep.csv", tmp_path)
        assert run.ticks("SEP") == ["03-06 10:00:00 1.1/1.2", "03-06 10:00:01 1.1/1.2"]

    def test_a_constant_column_is_no_trade_id(self, cases: Path, tmp_path: Path) -> None:
        """As one it would make duplicates of all trades but the first."""
        run = Run(cases / "idc.csv", tmp_path)
        assert run.ticks("IDC") == ["03-06 10:00:00 1.1x1", "03-06 10:00:01 1.2x1", "03-06 10:00:02 1.3x1"]
        assert (run.summary["rejected"], run.summary["id_reused"]) == ({}, 0)
        assert "column 'id' has the same value in many rows: it is not read as a trade's id" in run.stderr

    def test_a_zone_behind_the_time_is_that_of_the_time(self, cases: Path, tmp_path: Path) -> None:
        """09:30 in New York; nothing about the zone is assumed."""
        run = Run(cases / "ib.csv", tmp_path, *EQUITIES)
        assert run.bars("IB", "1m") == [
            "11-25 14:30 148.3/148.9/148.1/148.5 v1000",
            "11-25 14:31 148.5/148.9/148.1/148.5 v1000",
        ]
        assert (run.read_as["zone"], run.read_as["zone_by"]) == ("as written", "file")

    def test_bars_that_contradict_themselves_are_malformed(self, cases: Path, tmp_path: Path) -> None:
        """With reason and line; a strict run stops at the first."""
        path = cases / "contradict.csv"
        run = Run(path, tmp_path, "--calendar", "crypto")
        assert run.bars("CONTRADICT", "1m") == ["03-06 10:02 10/12/9/11 v5"]
        assert run.summary["rows"] == {"read": 3, "accepted": 1, "rejected": 0, "malformed": 2}
        assert f"{path}:2: the high, 9.0, is below the low, 11.0" in run.stderr
        assert f"{path}:3: the open, 0.0, is not between the low, 9.0, and the high, 12.0" in run.stderr
        strict = mtf("run", path, "--calendar", "crypto", "--strict")
        assert strict.exit_code == 1
        assert f"{path}:2: the high" in strict.stderr
        assert f"{path}:3: " not in strict.stderr
