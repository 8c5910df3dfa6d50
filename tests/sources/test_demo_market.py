"""The market of `mtf demo`: it has a past in order of time, goes on where it was, and looks like a market."""

from __future__ import annotations

import itertools

import mtf
from mtf.sources.demo_market import DIGITS, DemoMarket
from tests.builders import SECOND_NS, at

NOW_NS = at("2024-03-06 10:00")
DAY_NS = 86_400 * SECOND_NS


def test_its_past_is_in_order_and_ends_before_now() -> None:
    stamps = [tick.ts_ns for tick in DemoMarket().past(NOW_NS)]
    assert stamps == sorted(stamps)
    assert stamps[-1] < NOW_NS
    assert stamps[-1] > NOW_NS - 30 * SECOND_NS
    assert stamps[0] < NOW_NS - 59 * DAY_NS


def test_the_same_seed_is_the_same_market_and_another_is_another() -> None:
    first, again, other = (list(DemoMarket(seed=seed).past(NOW_NS)) for seed in (1, 1, 2))
    assert first == again
    assert [tick.bid for tick in first] != [tick.bid for tick in other]


def test_each_symbol_is_quoted_with_its_digits_and_moves_as_much_as_markets_do() -> None:
    """A day of each of them spans between a tenth of a per cent and three."""
    by_symbol: dict[str, list[mtf.Tick]] = {symbol: [] for symbol in DIGITS}
    for tick in DemoMarket().past(NOW_NS):
        by_symbol[tick.symbol].append(tick)
    for symbol, ticks in by_symbol.items():
        assert all(tick.bid == round(tick.bid or 0, DIGITS[symbol]) for tick in ticks)
        assert all(0 < (tick.bid or 0) < (tick.ask or 0) < (tick.bid or 0) * 1.002 for tick in ticks)
        day = [tick.mid or 0.0 for tick in ticks if tick.ts_ns > NOW_NS - DAY_NS]
        assert 0.001 < max(day) / min(day) - 1 < 0.03, symbol


def test_it_goes_on_from_the_prices_and_the_time_that_were_known() -> None:
    prices = dict.fromkeys(DIGITS, 1.5)
    since_ns = NOW_NS - DAY_NS
    ticks = list(DemoMarket(prices=prices, since_ns=since_ns).past(NOW_NS))
    assert all(tick.ts_ns > since_ns for tick in ticks)
    first = {tick.symbol: tick.mid for tick in reversed(ticks)}
    assert all(abs((price or 0) / 1.5 - 1) < 0.01 for price in first.values())


def test_what_comes_is_stamped_now_but_for_a_few_wrong_ones() -> None:
    """They are there so that it is seen what becomes of them: late, or without a price."""
    market = DemoMarket()
    for _ in market.past(NOW_NS):
        pass
    ticks = [market.next_tick(NOW_NS + k * SECOND_NS // 10) for k in range(4_000)]
    late = [tick for k, tick in enumerate(ticks) if tick.ts_ns < NOW_NS + k * SECOND_NS // 10]
    priceless = [tick for tick in ticks if tick.bid == 0]
    assert 0 < len(late) < 40
    assert 0 < len(priceless) < 40
    assert {tick.symbol for tick in ticks} == set(DIGITS)
    waits = [market.wait_s(10.0) for _ in range(2_000)]
    assert 0.08 < sum(waits) / len(waits) < 0.12
    assert max(waits) <= 0.4


def test_a_minute_is_quieter_than_an_hour_and_an_hour_than_a_day() -> None:
    """The steps are as large as the time between two quotes has them, so that bars of all lengths look alike."""
    ticks = [tick for tick in DemoMarket().past(NOW_NS) if tick.symbol == "EURUSD"]

    def typical(low_s: int, high_s: int) -> float:
        moves = [
            abs((b.mid or 0) / (a.mid or 1) - 1)
            for a, b in itertools.pairwise(ticks)
            if low_s * SECOND_NS <= b.ts_ns - a.ts_ns < high_s * SECOND_NS
        ]
        return sum(moves) / len(moves)

    seconds, minutes, hours = typical(1, 20), typical(60, 180), typical(1_800, 5_400)
    assert 2 * seconds < minutes < hours / 2
