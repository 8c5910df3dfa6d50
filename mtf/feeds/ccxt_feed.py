"""Trades of a crypto exchange, through the `ccxt` package (extra `ccxt`), which supports some seventy of them.

The package pins exact versions of many others, and takes seconds to import: it is imported in a thread, at the first
connection, and a separate test job keeps it working.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias

from mtf.errors import ConfigError, FeedDown, MissingPackage
from mtf.events.tick import Tick
from mtf.feeds.live_feed import Feed, Resume
from mtf.units import MS_NS

__all__ = ["ccxt"]

PACKAGE: Final = "ccxt.pro"
TRADES: Final = "trades"
QUOTES: Final = "quotes"

Watched: TypeAlias = tuple[str, Any]  # what was watched, and its data
Loader: TypeAlias = Callable[[], Any]


def ccxt(
    exchange: str,
    symbols: Sequence[str],
    *,
    watch: str = TRADES,
    name: str = "",
    options: Mapping[str, Any] | None = None,
    load: Loader | None = None,
    **settings: Any,
) -> Feed:
    """Return a `Feed` of *symbols* such as `BTC/USDT`, of a ccxt *exchange* such as `binance`; *settings* are `Feed`'s.

    *watch* is `trades`, or `quotes` for the best bid and ask. *options* are those of the exchange's class. Trades carry
    the exchange's ids, so that what it sends again is rejected as a duplicate. MissingPackage, at the first connection,
    without the `ccxt` package; *load* returns the package, for tests.
    """
    if watch not in (TRADES, QUOTES):
        raise ConfigError(f"watch must be {TRADES} or {QUOTES}, got {watch!r}")
    if isinstance(symbols, str) or not symbols:
        raise ConfigError(f"symbols must be a list of symbols such as 'BTC/USDT', got {symbols!r}")

    def connect(_resume: Resume) -> AbstractAsyncContextManager[AsyncIterator[Watched]]:
        return _connected(exchange, list(symbols), watch, dict(options or {}), load or _load)

    return Feed(name or exchange, connect, parse=_events, **settings)


@contextlib.asynccontextmanager
async def _connected(
    exchange: str, symbols: list[str], watch: str, options: dict[str, Any], load: Loader
) -> AsyncIterator[AsyncIterator[Watched]]:
    """Return the data of *watch* for *symbols*."""
    package = await asyncio.to_thread(load)
    made = getattr(package, exchange, None)
    if made is None:
        raise ConfigError(f"ccxt knows no exchange {exchange!r}")
    client = made({"newUpdates": True, **options})
    try:
        yield _watched(client, package, symbols, watch)
    finally:
        await client.close()


async def _watched(client: Any, package: Any, symbols: list[str], watch: str) -> AsyncIterator[Watched]:
    """Yield data as it comes; FeedDown for errors of the network or the exchange in ccxt."""
    method = "watch_trades_for_symbols" if watch == TRADES else "watch_bids_asks"
    if not client.has.get("watchTradesForSymbols" if watch == TRADES else "watchBidsAsks"):
        raise ConfigError(f"{client.id} has no {method} in ccxt: use a WebSocket feed instead")
    while True:
        try:
            yield watch, await getattr(client, method)(symbols)
        except package.NetworkError as error:
            raise FeedDown(f"{type(error).__name__}: {error}") from error


def _events(message: Watched) -> Iterable[Tick]:
    """Return the ticks in ccxt's data: a list of trades, or tickers by symbol."""
    watch, found = message
    if watch == TRADES:
        return [_trade(each) for each in found]
    return [_quote(each) for each in found.values()]


def _trade(trade: Mapping[str, Any]) -> Tick:
    id = trade["id"]
    return Tick.trade(
        trade["symbol"],
        trade["timestamp"] * MS_NS,
        float(trade["price"]),
        float(trade["amount"]),
        id=None if id is None else str(id),
    )


def _quote(ticker: Mapping[str, Any]) -> Tick:
    return Tick(
        ticker["symbol"],
        ticker["timestamp"] * MS_NS,
        float(ticker["bid"]),
        float(ticker["ask"]),
        float(ticker["bidVolume"] or 0.0),
        float(ticker["askVolume"] or 0.0),
    )


def _load() -> Any:
    """Return the package."""
    try:
        return importlib.import_module(PACKAGE)
    except ImportError as error:
        raise MissingPackage(
            "a feed from an exchange needs the package ccxt: pip install 'mtf-engine[ccxt]'"
        ) from error
