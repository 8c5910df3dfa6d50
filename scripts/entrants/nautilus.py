"""NautilusTrader: its `TimeBarAggregator` for each symbol and length, on a test clock that each tick moves."""

from __future__ import annotations

from typing import Any

import nautilus_trader
from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all, name_of
from nautilus_trader.common.component import TestClock
from nautilus_trader.data.aggregation import TimeBarAggregator
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BarSpecification, BarType, TradeTick
from nautilus_trader.model.enums import AggressorSide, BarAggregation, PriceType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Price, Quantity

DIGITS = 3
UNITS = (
    (86_400, BarAggregation.DAY),
    (3_600, BarAggregation.HOUR),
    (60, BarAggregation.MINUTE),
    (1, BarAggregation.SECOND),
)


def spec_of(length: int) -> BarSpecification:
    """Return the kind of bars of *length* seconds."""
    unit, aggregation = next(each for each in UNITS if length % each[0] == 0)
    return BarSpecification(length // unit, aggregation, PriceType.LAST)


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare ticks as its objects."""
    if case.values != "none":
        raise Cannot(f"{ExponentialMovingAverage.__name__} begins with the first close, not with a plain mean")
    instruments: list[Any] = []
    for number in range(case.symbols):
        instruments.append(
            CurrencyPair(
                instrument_id=InstrumentId.from_str(f"{name_of(number)}.SIM"),
                raw_symbol=Symbol(name_of(number)),
                base_currency=BTC,
                quote_currency=USDT,
                price_precision=DIGITS,
                size_precision=DIGITS,
                price_increment=Price(10.0**-DIGITS, DIGITS),
                size_increment=Quantity(10.0**-DIGITS, DIGITS),
                ts_event=0,
                ts_init=0,
            )
        )
    ids = [instrument.id for instrument in instruments]
    side, trade_id = AggressorSide.BUYER, TradeId("1")
    rows = [
        TradeTick(ids[number], Price(price, DIGITS), Quantity(size, DIGITS), side, trade_id, ts_ns, ts_ns)
        for number, ts_ns, price, size in zip(*ticks, strict=True)
    ]
    numbers = list(ticks.symbols)
    closed: list[tuple[int, int, Any]] = []

    def aggregators(clock: Any) -> list[list[Any]]:
        found = []
        for number, instrument in enumerate(instruments):
            own = []
            for rank, length in enumerate(case.lengths):

                def handler(bar: Any, number: int = number, rank: int = rank) -> None:
                    closed.append((number, rank, bar))

                own.append(
                    TimeBarAggregator(
                        instrument,
                        BarType(ids[number], spec_of(length)),
                        handler,
                        clock,
                        interval_type="right-open",
                        timestamp_on_close=False,
                        build_with_no_updates=False,
                    )
                )
            found.append(own)
        return found

    def run() -> None:
        closed.clear()
        clock = TestClock()
        clock.set_time(rows[0].ts_event)
        made = aggregators(clock)
        advance = clock.advance_time
        for number, tick in zip(numbers, rows, strict=True):
            for event in advance(tick.ts_event):
                event.handle()
            for aggregator in made[number]:
                aggregator.handle_trade_tick(tick)

    newest = dict(zip(ticks.symbols, ticks.ts_ns, strict=True))

    def result() -> Result:
        bars: list[FullBar] = []
        for number, rank, bar in closed:
            if bar.ts_event + case.lengths[rank] * SECOND_NS <= newest[number]:
                prices = (float(bar.open), float(bar.high), float(bar.low), float(bar.close))
                bars.append((number, rank, bar.ts_event, *prices, float(bar.volume), 0))
        return Result(bars, {}, counted=False)

    return Entry(run, result)


if __name__ == "__main__":
    answer_all(f"NautilusTrader {nautilus_trader.__version__}", prepare)
