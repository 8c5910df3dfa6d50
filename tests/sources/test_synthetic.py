"""The simulated market: the same bits from the same seed, open when New York's week is."""

from __future__ import annotations

import datetime
import itertools
import json
import zoneinfo

import pytest

from mtf.errors import ConfigError, SourceError
from mtf.sources import Source, SyntheticMarket
from tests.sources.builders import Taken, drain

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


def market(**parameters: object) -> SyntheticMarket:
    made: dict[str, object] = {"seed": 7, "start": "2024-03-08T12:00:00", "events": 20_000, "pace_ms": 4_000}
    return SyntheticMarket(**(made | parameters))  # type: ignore[arg-type]


def test_seed_gives_these_very_bits() -> None:
    """In both builds, on every machine: 20,000 quotes over a weekend on which New York's clock changes."""
    assert drain(market()).digest == "6f984aefde6716c77b20056c10f88c86"


@pytest.mark.parametrize("limit", [1, 7, 1024])
def test_bits_do_not_depend_on_how_many_are_asked_for(limit: int) -> None:
    assert drain(market(events=3_000), limit).digest == drain(market(events=3_000)).digest


def test_other_seeds_give_other_quotes() -> None:
    assert len({drain(market(seed=seed, events=100)).digest for seed in (0, 1, 2, 7, 1 << 40, -1)}) == 6


def test_market_is_closed_from_friday_to_sunday_five_in_the_afternoon() -> None:
    """March and November 2024, the weeks around both changes of the clock."""
    for start in ("2024-03-01", "2024-10-25"):
        ticks = drain(market(start=start, events=30_000, pace_ms=40_000)).ticks
        times = [datetime.datetime.fromtimestamp(tick.ts_ns // 10**9, NEW_YORK) for tick in ticks]
        assert times == sorted(times)
        assert {time.weekday() for time in times} == {0, 1, 2, 3, 4, 6}
        assert max(time.hour for time in times if time.weekday() == 4) == 16
        assert min(time.hour for time in times if time.weekday() == 6) == 17
        assert len({time.isocalendar().week for time in times}) > 2


def test_time_never_goes_back_and_some_quotes_share_a_stamp() -> None:
    ticks = drain(market(pace_ms=5)).ticks
    steps = [b.ts_ns - a.ts_ns for a, b in itertools.pairwise(ticks)]
    assert min(steps) == 0


def test_busy_hours_have_more_quotes_than_quiet_ones() -> None:
    ticks = drain(market(start="2024-03-12", end="2024-03-13", events=None)).ticks
    hours = [tick.ts_ns // 3_600_000_000_000 % 24 for tick in ticks]
    assert hours.count(14) > 5 * hours.count(23) > 0


def test_symbols_take_turns_and_quotes_are_sound() -> None:
    ticks = drain(market(symbols=["EURUSD", "USDJPY", "MADEUP"])).ticks
    assert {tick.symbol for tick in ticks[:50]} == {"EURUSD", "USDJPY", "MADEUP"}
    for tick in ticks:
        assert tick.bid is not None
        assert tick.ask is not None
        assert 0 < tick.bid < tick.ask < tick.bid * 1.001
        assert tick.bid_size * 1024 % 1 == 0
        assert 0 < tick.ask_size <= 8
        digits = 3 if tick.symbol == "USDJPY" else 5
        assert tick.bid == round(tick.bid, digits)


def test_position_goes_on_at_once() -> None:
    whole = drain(market())
    taken = Taken()
    source = market()
    source.fill(taken.builder, 777)
    taken.take()
    again = market()
    again.seek(json.loads(json.dumps(source.position())))
    assert drain(again, into=taken).digest == whole.digest
    again.seek({})
    assert drain(again).digest == whole.digest


def test_longer_market_goes_on_from_a_shorter_one() -> None:
    short = market(events=100)
    taken = drain(short)
    longer = market(events=300)
    longer.seek(short.position())
    assert drain(longer, into=taken).digest == drain(market(events=300)).digest


def test_position_of_another_market_is_refused() -> None:
    with pytest.raises(SourceError, match="another synthetic market"):
        market(seed=8).seek(market(seed=7).position())


def test_end_is_kept_to() -> None:
    source = market(end="2024-03-08T13:00:00", events=None)
    ticks = drain(source).ticks
    assert ticks[-1].ts_ns < 1_709_902_800_000_000_000
    assert source.progress() == 1.0
    taken = Taken()
    assert not source.fill(taken.builder, 10)
    assert taken.builder.count == 0


def test_it_is_a_source() -> None:
    source = market()
    assert isinstance(source, Source)
    assert source.identity() == {
        "name": "synthetic",
        "format": ["synthetic"],
        "version": 1,
        "seed": 7,
        "symbols": ["EURUSD", "GBPUSD", "USDJPY"],
        "start": "2024-03-08T12:00:00",
        "pace_ms": 4000,
        "end": None,
        "events": 20000,
    }


@pytest.mark.parametrize(
    "parameters",
    [{"symbols": []}, {"symbols": ["A", "A"]}, {"pace_ms": 0}, {"events": None}, {"start": "yesterday"}],
)
def test_parameters_out_of_bounds_are_told(parameters: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        market(**parameters)
