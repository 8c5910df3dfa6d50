"""Ticks read out of a log: all that came, each with what became of it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.events.tick import Tick
from mtf.log import compress_sealed, index_sealed
from mtf.sources import SyntheticMarket
from tests.builders import SECOND_NS, at, ticks
from tests.cli.builders import json_of
from tests.data.recorded import Recorder, recorded
from tests.storage.builders import SYMBOLS, market

Whole = tuple[Path, Recorder]


def test_ticks_are_those_that_were_pushed(whole: Whole) -> None:
    """In their order, every one of them, with ids and sizes."""
    pushed = [event for event in market(6, 1_500) if isinstance(event, Tick)]
    with mtf.open(whole[0]) as data:
        logged = list(data.ticks())
        assert [each.tick for each in logged] == pushed
        assert [each.seq for each in logged] == sorted({each.seq for each in logged})
        for symbol in SYMBOLS:
            assert [each.tick for each in data.ticks(symbol)] == [tick for tick in pushed if tick.symbol == symbol]
        assert list(data.ticks(SYMBOLS)) == logged


def test_verdicts_are_those_of_the_run(whole: Whole) -> None:
    """As many of each as the state counts."""
    with mtf.open(whole[0]) as data:
        for symbol in SYMBOLS:
            counts = data.state(symbol).counts
            verdicts = [each.verdict for each in data.ticks(symbol)]
            assert counts.ticks == verdicts.count("accepted")
            assert {reason: count for reason, count in counts.rejected.items() if count} == {
                verdict: verdicts.count(verdict) for verdict in set(verdicts) - {"accepted"}
            }
        rejected = [each for each in data.ticks() if each.verdict != "accepted"]
        assert {each.verdict for each in rejected} == {"duplicate", "price", "closed", "late"}
        assert list(data.rejects()) == rejected


def test_start_and_end_are_half_open_in_event_time(whole: Whole) -> None:
    """A late tick is among those of its stamp, where the log has it."""
    with mtf.open(whole[0]) as data:
        logged = list(data.ticks("EURUSD"))
        stamps = sorted(each.tick.ts_ns for each in logged)
        first, end = stamps[100], stamps[200]
        wanted = [each for each in logged if first <= each.tick.ts_ns < end]
        assert list(data.ticks("EURUSD", start=first, end=end)) == wanted
        assert wanted != sorted(wanted, key=lambda each: each.tick.ts_ns)


def test_windows_are_those_of_the_whole_whatever_was_done_to_the_log(whole: Whole, tmp_path: Path) -> None:
    """Through an index or without one, of a compressed log too: every tick, with the verdict of the run."""
    shutil.copytree(whole[0], tmp_path / "run")
    log = tmp_path / "run" / "log"
    with mtf.open(whole[0]) as data:
        logged = list(data.ticks())
    stamps = sorted(each.tick.ts_ns for each in logged)
    rng = random.Random(5)

    def check() -> None:
        with mtf.open(tmp_path / "run") as data:
            for _ in range(10):
                start, end = sorted(rng.sample(stamps, 2))
                end = rng.choice((end, start + 3 * SECOND_NS))
                symbols = rng.choice((None, *SYMBOLS, SYMBOLS[:2]))
                wanted = [
                    each
                    for each in logged
                    if start <= each.tick.ts_ns < end and (symbols is None or each.tick.symbol in symbols)
                ]
                assert list(data.ticks(symbols, start=start, end=end)) == wanted
                assert list(data.rejects(symbols, start=start, end=end)) == [
                    each for each in wanted if each.verdict not in ("accepted", "late_accepted")
                ]

    check()
    for path in log.glob("*.idx"):
        path.unlink()
    check()
    compress_sealed(log)
    check()
    index_sealed(log)
    check()


def test_a_tick_that_says_when_it_arrived_is_told_from_the_one_behind_it(tmp_path: Path) -> None:
    """The time of arrival lies among the ids in the log."""
    start = at("2024-03-06 10:00")
    pushed = [
        Tick("A", start + k, 1.0, 1.0, id=f"id {k}" if k % 3 else None, received_ns=start + 10 * k if k % 2 else None)
        for k in range(20)
    ]
    recorded(tmp_path / "run", pushed)
    with mtf.open(tmp_path / "run") as data:
        assert [each.tick for each in data.ticks("A")] == pushed
        frame = data.ticks("A").to_polars()
        assert frame["id"].to_list() == [tick.id for tick in pushed]
        assert frame["received"].null_count() == 10
    rows: list[dict[str, Any]] = json_of("ticks", tmp_path / "run", "--symbol", "A", "--format", "json")
    assert [row["id"] for row in rows] == [tick.id for tick in pushed]


def test_one_sided_quotes_and_trades_have_what_they_have(tmp_path: Path) -> None:
    """Null is not 0."""
    recorded(tmp_path / "run", ticks("10:00@1.5x2/2.5x3 10:00:01@1.5x2/ 10:00:02@/2.5x3 10:00:03@=2x7"), price="mid")
    with mtf.open(tmp_path / "run") as data:
        rows = data.ticks().to_dicts()
        frame = data.ticks().to_polars()
    names = ("kind", "bid", "ask", "bid_size", "ask_size", "price", "size")
    assert [[row[name] for name in names] for row in rows] == [
        ["quote", 1.5, 2.5, 2.0, 3.0, None, None],
        ["quote", 1.5, None, 2.0, None, None, None],
        ["quote", None, 2.5, None, 3.0, None, None],
        ["trade", None, None, None, None, 2.0, 7.0],
    ]
    assert [list(row) for row in frame.select(names).rows()] == [[row[name] for name in names] for row in rows]


def test_pages_are_of_no_consequence(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows a batch holds, the table is the same."""
    with mtf.open(whole[0]) as data:
        table = data.ticks()
        rows, frame = table.to_dicts(), table.to_polars()
        monkeypatch.setattr("mtf.data.logged_ticks.PAGE_ROWS", 100)
        assert table.to_dicts() == rows
        assert table.to_polars().equals(frame)
        assert len(table.to_pandas()) == len(rows)


def test_a_symbol_without_ticks_in_the_span_has_none(whole: Whole) -> None:
    with mtf.open(whole[0]) as data:
        table = data.ticks("EURUSD", start="2030-01-01T00:00Z")
        assert (table.to_dicts(), table.to_polars().height) == ([], 0)
        assert table.to_polars().schema == data.ticks("EURUSD").to_polars().schema


async def test_a_log_without_its_beginning_has_what_it_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts, bars and states from the first event that is kept; what is asked of before is named."""
    monkeypatch.setattr("mtf.storage.datadir.SEGMENT_BYTES", 40_000)
    source: dict[str, Any] = {"seed": 5, "symbols": ["EURUSD"], "start": "2024-03-07", "pace_ms": 2_000}
    settings: dict[str, Any] = {"clock": "ticks", "checkpoint_seconds": None, "block_events": 100}
    for name, keep in (("whole", None), ("kept", 500)):
        async with mtf.Pipeline(data=tmp_path / name, keep_events=keep, **settings) as pipeline:
            for events in range(1_000, 6_001, 1_000):
                await pipeline.run(SyntheticMarket(events=events, **source))
                await pipeline.checkpoint()
    with mtf.open(tmp_path / "whole") as whole, mtf.open(tmp_path / "kept") as kept:
        first_seq = kept.first_seq
        assert (whole.first_seq, whole.seq, kept.seq) == (1, 6_000, 6_000)
        assert first_seq > 1
        assert list(kept.ticks()) == [each for each in whole.ticks() if each.seq >= first_seq]
        assert list(kept.bars("EURUSD", "1m")) == list(whole.bars("EURUSD", "1m"))
        assert kept.state("EURUSD").to_dict() == whole.state("EURUSD").to_dict()
        assert kept.state("EURUSD", at=5_500).to_dict() == whole.state("EURUSD", at=5_500).to_dict()
        old = whole.bars("EURUSD", "1m", last=1, as_of=100).to_dicts()
        assert kept.bars("EURUSD", "1m", last=1, as_of=100).to_dicts() == old
        with pytest.raises(mtf.errors.ConfigError, match=r"the log begins at seq \d+, and what was known of EURUSD at"):
            kept.bars("EURUSD", "1m", as_of=at("2024-03-07 00:10") + SECOND_NS)
