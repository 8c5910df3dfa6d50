"""Bars of activity are those of a plain derivation, and of NautilusTrader and wickra where their rules are the same.

The two are not needed for anything else: without them those tests are skipped. docs/bars-beyond-time.md says where
their rules differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

import pytest

import mtf
from tests.builders import at

START = at("2024-03-06 10:00")


class Trade(NamedTuple):
    ts_ns: int
    price: float
    size: float


class Made(NamedTuple):
    open: float
    high: float
    low: float
    close: float
    volume: float


def trades(count: int = 3_000) -> list[Trade]:
    """Return a walk of prices in hundredths, with sizes in hundredths: most small, some that fill several bars."""
    random = Random(20240306)
    price, found = 10_000, []
    for k in range(count):
        price += random.choice((-3, -1, 0, 1, 3))
        size = random.randrange(1, 400) if random.random() < 0.97 else random.randrange(400, 3_000)
        found.append(Trade(START + k * 37_000_000_000, price / 100, size / 100))
    return found


def ours(timeframe: str, **settings: Any) -> list[Made]:
    engine = mtf.Engine(timeframes=timeframe, calendar="crypto", overnight="carry", **settings)
    bars = [bar for each in trades() for bar in engine.tick("X", each.ts_ns, price=each.price, size=each.size)]
    return [Made(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]


def rounded(bars: Sequence[Sequence[float]], digits: int = 9) -> list[tuple[float, ...]]:
    return [tuple(round(value, digits) for value in bar[:5]) for bar in bars]


def derived(size: Decimal, amount_of: Any, *, split: bool) -> list[Made]:
    """Return the bars the obvious way, in decimals."""
    made: list[Made] = []
    prices: list[float] = []
    amount = volume = Decimal(0)
    for trade in trades():
        price, rest = Decimal(str(trade.price)), Decimal(str(trade.size))
        while True:
            unit = amount_of(price)
            part = min(rest, (size - amount) / unit) if split else rest
            prices.append(trade.price)
            amount += part * unit
            volume += part
            rest -= part
            if amount < size:
                break
            made.append(Made(prices[0], max(prices), min(prices), prices[-1], float(volume)))
            prices, amount, volume = [], Decimal(0), Decimal(0)
            if not rest:
                break
    return made


@pytest.mark.parametrize("split", [True, False])
def test_bars_are_those_of_a_plain_derivation(split: bool) -> None:
    overfill = "split" if split else "whole"
    volume = derived(Decimal(7), lambda _: Decimal(1), split=split)
    assert rounded(ours("7v", overfill=overfill)) == rounded(volume)
    dollars = derived(Decimal(1500), lambda price: price, split=split)
    assert rounded(ours("1.5e3d", overfill=overfill)) == rounded(dollars)
    assert len(volume) > 500
    assert len(dollars) > 200


def test_ticks_and_ranges_are_those_of_a_plain_derivation() -> None:
    found = trades()
    groups = [found[k : k + 7] for k in range(0, len(found) - 6, 7)]
    assert rounded(ours("7t")) == rounded([_of(group) for group in groups])
    groups, prices = [], []
    for trade in found:
        prices.append(trade)
        cents = [round(each.price * 100) for each in prices]
        if max(cents) - min(cents) >= 9:
            groups.append(prices)
            prices = []
    assert rounded(ours("0.09r")) == rounded([_of(group) for group in groups])
    assert len(groups) > 100


def _of(group: Sequence[Trade]) -> Made:
    prices = [trade.price for trade in group]
    return Made(prices[0], max(prices), min(prices), prices[-1], sum(trade.size for trade in group))


@pytest.mark.parametrize(("name", "size", "timeframe"), [("TickBars", 7, "7t"), ("VolumeBars", 7.0, "7v")])
def test_ticks_and_whole_volumes_are_those_of_wickra(name: str, size: float, timeframe: str) -> None:
    wickra = pytest.importorskip("wickra")
    bars = getattr(wickra, name)(size)
    theirs = [bar for each in trades() for bar in bars.update(*[each.price] * 4, each.size)]
    assert rounded(ours(timeframe, overfill="whole")) == rounded(theirs)


def test_whole_dollars_are_those_of_wickra() -> None:
    wickra = pytest.importorskip("wickra")
    bars = wickra.DollarBars(1500.0)
    theirs = [bar for each in trades() for bar in bars.update(*[each.price] * 4, each.size)]
    assert rounded(ours("1.5e3d", overfill="whole")) == rounded(theirs)


@pytest.mark.parametrize(
    ("aggregator", "spec", "timeframe", "digits"),
    [
        ("TickBarAggregator", "7-TICK", "7t", 9),
        ("VolumeBarAggregator", "7-VOLUME", "7v", 9),
        # It rounds the size of each part to the precision of sizes, 6 digits here.
        ("ValueBarAggregator", "1500-VALUE", "1.5e3d", 4),
    ],
)
def test_split_bars_are_those_of_nautilus(aggregator: str, spec: str, timeframe: str, digits: int) -> None:
    aggregation = pytest.importorskip("nautilus_trader.data.aggregation")
    data = pytest.importorskip("nautilus_trader.model.data")
    objects = pytest.importorskip("nautilus_trader.model.objects")
    enums = pytest.importorskip("nautilus_trader.model.enums")
    identifiers = pytest.importorskip("nautilus_trader.model.identifiers")
    providers = pytest.importorskip("nautilus_trader.test_kit.providers")
    instrument = providers.TestInstrumentProvider.btcusdt_binance()  # prices of 2 decimals, sizes of 6
    theirs: list[Any] = []
    kind = data.BarType.from_str(f"{instrument.id}-{spec}-LAST-INTERNAL")
    made = getattr(aggregation, aggregator)(instrument, kind, theirs.append)
    for k, each in enumerate(trades()):
        made.handle_trade_tick(
            data.TradeTick(
                instrument.id,
                objects.Price.from_str(f"{each.price:.2f}"),
                objects.Quantity.from_str(f"{each.size:.6f}"),
                enums.AggressorSide.BUYER,
                identifiers.TradeId(str(k)),
                each.ts_ns,
                each.ts_ns,
            )
        )
    found = [[float(getattr(bar, name)) for name in Made._fields] for bar in theirs]
    mine = ours(timeframe)
    assert len(mine) == len(found) > 100
    worst = max(
        abs(a - b) for ours_, theirs_ in zip(mine, found, strict=True) for a, b in zip(ours_, theirs_, strict=True)
    )
    assert worst < 10.0**-digits
