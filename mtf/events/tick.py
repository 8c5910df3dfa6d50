"""The tick: one market event, as users pass it in and as consumers see it.

A plain compiled value, created by the million, so it checks nothing. Intake (`mtf.events.block_builder`) checks once
that it is well-formed, and the gate (`mtf.bars.gate`) decides whether it counts.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import mypyc_attr

__all__ = ["Tick"]


@mypyc_attr(native_class=True, acyclic=True)
class Tick:
    """A quote (bid and ask, either may be None) or a trade (price) of one symbol at one event time.

    `ts_ns` is the event time in integer nanoseconds UTC. Sizes are in the feed's own unit, 0 if it has none.
    `id` is the feed's id of the tick, if any: a second tick of the same symbol with the same id is a duplicate.
    `from_bar` marks one of the four ticks (open, high, low, close) that an input bar is turned into. `received_ns` is
    the time of arrival, if known; it is logged, and affects no result.
    """

    __slots__ = (
        "ask",
        "ask_size",
        "bid",
        "bid_size",
        "from_bar",
        "id",
        "price",
        "received_ns",
        "size",
        "symbol",
        "ts_ns",
    )

    def __init__(
        self,
        symbol: str,
        ts_ns: int,
        bid: float | None = None,
        ask: float | None = None,
        bid_size: float = 0.0,
        ask_size: float = 0.0,
        *,
        price: float | None = None,
        size: float = 0.0,
        id: str | None = None,
        from_bar: bool = False,
        received_ns: int | None = None,
    ) -> None:
        self.symbol: Final = symbol
        self.ts_ns: Final = ts_ns
        self.bid: Final = bid
        self.ask: Final = ask
        self.bid_size: Final = bid_size
        self.ask_size: Final = ask_size
        self.price: Final = price
        self.size: Final = size
        self.id: Final = id
        self.from_bar: Final = from_bar
        self.received_ns: Final = received_ns

    @staticmethod
    def trade(symbol: str, ts_ns: int, price: float, size: float = 0.0, *, id: str | None = None) -> Tick:
        """Return a trade of *size* at *price*."""
        return Tick(symbol, ts_ns, price=price, size=size, id=id)

    @property
    def is_trade(self) -> bool:
        return self.price is not None

    @property
    def mid(self) -> float | None:
        """The mean of bid and ask; None unless both are present."""
        bid, ask = self.bid, self.ask
        if bid is None or ask is None:
            return None
        return (bid + ask) * 0.5

    @property
    def spread(self) -> float | None:
        """Ask minus bid, negative if the quote is crossed; None unless both are present."""
        bid, ask = self.bid, self.ask
        if bid is None or ask is None:
            return None
        return ask - bid

    def _key(self) -> tuple[object, ...]:
        return (
            self.symbol,
            self.ts_ns,
            self.bid,
            self.ask,
            self.bid_size,
            self.ask_size,
            self.price,
            self.size,
            self.id,
            self.from_bar,
            self.received_ns,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (self._key(),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tick) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        if self.price is not None:
            return f"Tick({self.symbol!r}, {self.ts_ns}, price={self.price}, size={self.size})"
        sizes = f", {self.bid_size}, {self.ask_size}" if self.bid_size or self.ask_size else ""
        return f"Tick({self.symbol!r}, {self.ts_ns}, {self.bid}, {self.ask}{sizes})"


def _restored(key: tuple[Any, ...]) -> Tick:
    """Rebuild a tick for pickle and copy."""
    symbol, ts_ns, bid, ask, bid_size, ask_size, price, size, id, from_bar, received_ns = key
    return Tick(
        symbol,
        ts_ns,
        bid,
        ask,
        bid_size,
        ask_size,
        price=price,
        size=size,
        id=id,
        from_bar=from_bar,
        received_ns=received_ns,
    )
