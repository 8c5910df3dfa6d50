"""What one tick or one bar says, as the model takes it: its content, its four events, what it adds to bars."""

from __future__ import annotations

from mtf.events.tick import Tick
from tests.builders import BarRow
from tests.model.days import Placed

__all__ = ["content", "content_of_bar", "of_bar", "price_and_volume", "with_sides"]


def content(tick: Tick) -> tuple[object, ...]:
    """Return what *tick* says besides its id."""
    return (tick.ts_ns, *map(repr, (tick.price, tick.size, tick.bid, tick.bid_size, tick.ask, tick.ask_size)))


def content_of_bar(row: BarRow, placed: Placed) -> tuple[object, ...]:
    return (placed.start_ns, row.timeframe, row.trades, row.bids, row.asks, row.size)


def with_sides(tick: Tick, sides: tuple[bool, bool]) -> Tick:
    """Return *tick*, of a quote the *sides* that are prices."""
    if tick.is_trade:
        return tick
    bid, ask = tick.bid if sides[0] else None, tick.ask if sides[1] else None
    sizes = (tick.bid_size if sides[0] else 0.0, tick.ask_size if sides[1] else 0.0)
    return Tick(tick.symbol, tick.ts_ns, bid, ask, *sizes, id=tick.id, from_bar=tick.from_bar)


def of_bar(row: BarRow, place: int, last_ns: int) -> Tick:
    """Return the open, high, low or close of *row* as a tick; its volume is on the last."""
    ts_ns = last_ns - 3 + place
    size = row.size if place == 3 else 0.0
    if row.trades is not None:
        return Tick(row.symbol, ts_ns, price=row.trades[place], size=size, from_bar=True)
    bid = None if row.bids is None else row.bids[place]
    ask = None if row.asks is None else row.asks[place]
    sizes = (size if row.bids else 0.0, size if row.asks else 0.0)
    return Tick(row.symbol, ts_ns, bid, ask, *sizes, from_bar=True)


def price_and_volume(tick: Tick, sides: tuple[bool, bool], side: str) -> tuple[float, float] | None:
    """Return what *tick*, of which *sides* are prices, adds to bars made of *side*; None if it has no such price."""
    if side == "last":
        return None if tick.price is None else (tick.price, tick.size)
    bid = tick.bid if sides[0] else None
    ask = tick.ask if sides[1] else None
    if side == "bid":
        return None if bid is None else (bid, tick.bid_size)
    if side == "ask":
        return None if ask is None else (ask, tick.ask_size)
    # CHOICE: at mid a one-sided quote has no price: the side that it lacks is not taken from an earlier quote.
    if bid is None or ask is None:
        return None
    return (bid + ask) / 2, tick.bid_size + tick.ask_size
