"""Several symbols: one order of time for all, each symbol's own clock, and nothing lost to another's ids or stamps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.errors import MalformedEvent, OutOfOrder
from tests.builders import MINUTE_NS, SECOND_NS, at
from tests.cases.builders import CRYPTO, Run
from tests.cli.builders import json_of, process
from tests.fake_clock import FakeClock

# A line for each 5m bar of GBPUSD: its end, the view's time, and the end of EURUSD's newest 5m bar.
WATCHER: Final = """
import json

import mtf


class Watcher(mtf.Consumer):
    def on_bar(self, bar, view):
        if bar.symbol == "GBPUSD" and bar.timeframe == "5m":
            bars = view.of("EURUSD")["5m"].bars
            print(json.dumps([bar.end_ns, view.time_ns, bars[-1].end_ns if len(bars) else None]))
"""


def watched(data: Path, folder: Path) -> list[list[int]]:
    """Replay *data* to the watcher, as a user does, and return what it saw."""
    (folder / "watching.py").write_text(WATCHER)
    done = process("replay", data, "--consumer", "watching:Watcher", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


class TestFolderOfTwo:
    def test_a_bar_is_shown_beside_the_other_symbols_present(self, cases: Path, tmp_path: Path) -> None:
        """At 10:05 GBPUSD's bar sees EURUSD's that ends at 10:05, and never a later one."""
        run = Run(cases / "two", tmp_path, "--calendar", "crypto")
        assert watched(run.data, tmp_path) == [[at(f"10:{m:02}")] * 3 for m in (5, 10, 15, 20, 25)]

    def test_events_are_logged_in_order_of_time(self, cases: Path, tmp_path: Path) -> None:
        run = Run(cases / "two", tmp_path, "--calendar", "crypto")
        rows = [
            (row["seq"], row["ts_ns"], symbol)
            for symbol in ("EURUSD", "GBPUSD")
            for row in json_of("ticks", run.data, "--symbol", symbol, "--format", "json")
        ]
        assert [row[1:] for row in sorted(rows)] == [
            (at(f"10:{minute:02}:{second}"), symbol)
            for minute in range(30)
            for second, symbol in ((10, "EURUSD"), (30, "GBPUSD"))
        ]

    def test_at_a_time_each_symbol_is_as_of_its_last_quote_before(self, cases: Path, tmp_path: Path) -> None:
        """At 10:12 EURUSD has that of 10:11:10, GBPUSD that of 10:11:30."""
        run = Run(cases / "two", tmp_path, "--calendar", "crypto")
        state = json_of("state", run.data, "--at", "2024-03-06T10:12:00Z", "--json")
        assert list(state["symbols"]) == ["EURUSD", "GBPUSD"]
        for symbol, second in (("EURUSD", 10), ("GBPUSD", 30)):
            rows = json_of("ticks", run.data, "--symbol", symbol, "--format", "json")
            quote = next(row for row in rows if row["ts_ns"] == at(f"10:11:{second}"))
            partial = state["symbols"][symbol]["timeframes"]["1m"]["partial"]
            assert (partial["start_ns"], partial["ticks"]) == (at("10:11"), 1)
            assert partial["close"] == pytest.approx((quote["bid"] + quote["ask"]) / 2, abs=1e-9)

    async def test_one_after_the_other_is_refused_and_both_in_one_call_are_merged(self, cases: Path) -> None:
        europe, britain = cases / "two" / "EURUSD.csv", cases / "two" / "GBPUSD.csv"
        async with mtf.Pipeline(calendar="crypto") as p:
            await p.run(europe)
            with pytest.raises(OutOfOrder, match=r"run both in one call.*order='log'"):
                await p.run(britain)
        digests = []
        for source in ([europe, britain], cases / "two"):
            async with mtf.Pipeline(calendar="crypto") as p:
                summary = await p.run(source)
                assert (summary.events, summary.out_of_order) == (60, 0)
                digests.append(summary.digest)
        assert digests[0] == digests[1]

    def test_files_that_all_grow_go_on(self, cases: Path, tmp_path: Path) -> None:
        """With the bars of a fresh run over the whole."""
        folder = tmp_path / "two"
        folder.mkdir()
        for name in ("EURUSD", "GBPUSD"):
            shutil.copyfile(cases / "two" / f"{name}.csv", folder / f"{name}.csv")
        Run(folder, tmp_path / "grown", "--calendar", "crypto")
        for name, second in (("EURUSD", 10), ("GBPUSD", 30)):
            with (folder / f"{name}.csv").open("a") as file:
                file.writelines(f"2024-03-06 10:{minute}:{second},1.3,1.4\n" for minute in range(30, 35))
        grown = Run(folder, tmp_path / "grown", "--calendar", "crypto")
        fresh = Run(folder, tmp_path / "fresh", "--calendar", "crypto")
        assert (grown.summary["new_events"], grown.summary["events"]) == (10, 70)
        assert grown.summary["digest"] == fresh.summary["digest"]
        for symbol in ("EURUSD", "GBPUSD"):
            for timeframe in ("1m", "5m", "1h"):
                assert grown.rows_of_bars(symbol, timeframe) == fresh.rows_of_bars(symbol, timeframe)
            assert len(grown.bars(symbol, "1m")) == 35


def test_a_silent_symbols_bar_is_reported_at_its_own_end(cases: Path, tmp_path: Path) -> None:
    """GBPUSD comes back an hour later; its bar of 10:05 is shown when EURUSD's tick of 10:05:05 closes what is due."""
    run = Run(cases / "silent.csv", tmp_path, "--calendar", "crypto")
    assert watched(run.data, tmp_path)[0] == [at("10:05"), at("10:05"), at("10:05")]


def test_a_file_sorted_by_symbol_names_the_option_that_sorts_it(cases: Path, tmp_path: Path) -> None:
    path = cases / "bysym.csv"
    run = Run(path, tmp_path / "as it is", "--calendar", "crypto")
    assert "are not in order of time" in run.stderr
    assert "run it with --sort" in run.stderr
    header, *rows = path.read_text().splitlines(keepends=True)
    (tmp_path / "sorted").mkdir()
    (tmp_path / "sorted" / "bysym.csv").write_text(header + "".join(sorted(rows)))
    by_option = Run(path, tmp_path / "a", "--calendar", "crypto", "--sort")
    by_hand = Run(tmp_path / "sorted" / "bysym.csv", tmp_path / "b", "--calendar", "crypto")
    assert by_option.summary["out_of_order"] == by_hand.summary["out_of_order"] == 0
    assert by_option.summary["digest"] == by_hand.summary["digest"]
    assert "not in order of time" not in by_option.stderr


def test_a_window_puts_what_comes_late_in_its_place(cases: Path, tmp_path: Path) -> None:
    """Without one the late trades are rejected, and a note names it."""
    run = Run(cases / "jitter.csv", tmp_path / "window", *CRYPTO, "--reorder", "1s")
    edges = [f"{100 + minute % 7 / 100:.8g}" for minute in range(10)]
    bars = [line.split(" ", 2)[2] for line in run.bars("JITTER", "1m")]
    assert [(line.split("/")[0], line.split("/")[3]) for line in bars] == [(edge, f"{edge} v120") for edge in edges]
    assert [bar["ticks"] for bar in run.rows_of_bars("JITTER", "1m")] == [120] * 10
    assert (run.summary["reordered"], run.summary["rejected"]) == (17, {})
    without = Run(cases / "jitter.csv", tmp_path / "without", *CRYPTO)
    assert without.summary["rejected"] == {"late": 17}
    assert "17 of 1,200 events came late, out of the order of their stamps: --reorder 1s" in without.stderr


def test_half_a_century_between_two_trades_is_one_step(cases: Path, tmp_path: Path) -> None:
    """No bar and no session of the time between is walked through."""
    run = Run(cases / "zero.csv", tmp_path, "--calendar", "crypto")
    assert run.ticks("ZERO") == ["01-01 00:00:00 100x1", "03-06 10:00:00 101x1", "03-06 10:00:01 102x1"]
    assert [bar["start_ns"] for bar in run.rows_of_bars("ZERO", "1m")] == [0, at("10:00")]
    assert run.summary["rejected"] == {}


class TestLive:
    async def test_a_delayed_feed_is_as_good_as_one_in_real_time(self) -> None:
        """Fifteen minutes behind, another symbol, the clock that pipelines have."""
        wall = FakeClock(at("10:00"))
        async with live(wall) as p:
            for second in range(600):
                wall.go_to(at("10:00") + second * SECOND_NS)
                await p.push(mtf.Tick("RT", wall.now_ns(), price=1.0, size=1.0))
                await p.push(mtf.Tick("DELAYED", wall.now_ns() - 900 * SECOND_NS, price=2.0, size=1.0))
            await p.drain()
            assert p.summary().rejected == {}
            assert {name: counts["ticks"] for name, counts in symbols(p).items()} == {"RT": 600, "DELAYED": 600}

    async def test_history_of_one_symbol_may_follow_the_present_of_another(self) -> None:
        """An hour of ETH, pushed tick by tick, makes whole bars."""
        wall = FakeClock(at("10:00"))
        async with live(wall) as p:
            await p.push(mtf.Tick("BTC", at("10:00"), price=1.0, size=1.0))
            for number in range(3600):
                await p.push(mtf.Tick("ETH", at("09:00") + number * SECOND_NS, price=2.0, size=1.0))
            await p.drain()
            assert p.summary().rejected == {}
            bars = p.snapshot("ETH")["1m"].bars
            assert [(bar.start_ns, bar.volume, bar.incomplete) for bar in bars] == [
                (at("09:00") + minute * MINUTE_NS, 60.0, False) for minute in range(59)
            ]
            partial = p.snapshot("ETH")["1m"].partial
            assert partial is not None
            assert (partial.start_ns, partial.volume) == (at("09:59"), 60.0)

    async def test_a_date_written_as_a_number_is_no_stamp(self) -> None:
        """2023-11-16 with digits behind it would be a day in 1970."""
        async with live(FakeClock(at("10:00"))) as p:
            with pytest.raises(MalformedEvent, match="1970-08-23; the number looks like the date 2023-11-16: ts_ns"):
                await p.push(mtf.Tick("X", 20231116000000000, price=1.0))
            assert p.seq == 0

    async def test_ids_of_two_venues_may_be_the_same(self) -> None:
        """Both count from 1: what differs in price and size is another trade, and counted as such."""
        async with live(FakeClock(at("10:00"))) as p:
            for number in range(1, 11):
                ts_ns = at("10:00") + number * 1_000
                await p.push(mtf.Tick("X", ts_ns, price=1.0, size=1.0, id=str(number)))
                await p.push(mtf.Tick("X", ts_ns, price=2.0, size=3.0, id=str(number)))
            await p.drain()
            summary = p.summary()
            assert (summary.ticks, summary.rejected, summary.id_reused) == (20, {}, 10)
            partial = p.snapshot("X")["1m"].partial
            assert partial is not None
            assert (partial.volume, partial.high) == (40.0, 2.0)


def live(wall: FakeClock) -> mtf.Pipeline:
    return mtf.Pipeline(calendar="crypto", timeframes=["1m"], wall=wall)


def symbols(p: mtf.Pipeline) -> dict[str, Any]:
    found: dict[str, Any] = p.summary().to_dict()["symbols"]
    return found
