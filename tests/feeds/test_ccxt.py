"""The ccxt feed, over a stand-in for the package: its own brings 80 MB and exact pins of many others."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigError, FeedDown, MissingPackage
from mtf.feeds import Backoff
from mtf.feeds.ccxt_feed import ccxt

TRADE = {"id": "7", "symbol": "BTC/USDT", "timestamp": 1709719200123, "price": 61234.5, "amount": 0.25}
TICKER = {
    "symbol": "BTC/USDT",
    "timestamp": 1709719200123,
    "bid": 61234.5,
    "ask": 61235.0,
    "bidVolume": 2.0,
    "askVolume": None,
}


class NetworkError(Exception):
    pass


class Client:
    """What ccxt's exchanges look like from here."""

    id = "fake"
    has: dict[str, bool] = {"watchTradesForSymbols": True, "watchBidsAsks": True}  # noqa: RUF012
    made: list[Client] = []  # noqa: RUF012

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.closed = False
        self.calls = 0
        Client.made.append(self)

    async def watch_trades_for_symbols(self, symbols: list[str]) -> list[Any]:
        self.calls += 1
        if self.calls == 2:
            raise NetworkError("1006")
        return [TRADE, {**TRADE, "id": None}]

    async def watch_bids_asks(self, symbols: list[str]) -> dict[str, Any]:
        return {"BTC/USDT": TICKER}

    async def close(self) -> None:
        self.closed = True


PACKAGE = SimpleNamespace(NetworkError=NetworkError, fake=Client)


async def first(live: mtf.feeds.Feed, count: int) -> list[Any]:
    found: list[Any] = []
    async with contextlib.aclosing(live.deliveries()) as deliveries:
        async for each in deliveries:
            found.append(each)
            if len(found) == count:
                return found
    return found


async def test_trades_keep_the_exchange_s_ids_and_a_lost_connection_comes_back() -> None:
    Client.made.clear()
    live = ccxt("fake", ["BTC/USDT"], load=lambda: PACKAGE, backoff=Backoff(first_s=0.001, most_s=0.002))
    found = await first(live, 2)
    trade, other = found[0].events
    assert (trade.symbol, trade.ts_ns, trade.price, trade.size, trade.id) == (
        "BTC/USDT", 1709719200123000000, 61234.5, 0.25, "7"
    )  # fmt: skip
    assert other.id is None
    assert [outage.reason for outage in found[1].outages] == ["fake: NetworkError: 1006"]
    assert [client.closed for client in Client.made] == [True, True]
    assert Client.made[0].options == {"newUpdates": True}


async def test_quotes_are_the_best_bid_and_ask() -> None:
    [found] = await first(ccxt("fake", ["BTC/USDT"], watch="quotes", load=lambda: PACKAGE), 1)
    [quote] = found.events
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (61234.5, 61235.0, 2.0, 0.0)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"exchange": "nowhere"}, "ccxt knows no exchange 'nowhere'"),
        ({"symbols": "BTC/USDT"}, "symbols must be a list of symbols"),
        ({"symbols": []}, "symbols must be a list of symbols"),
        ({"watch": "candles"}, "watch must be trades or quotes, got 'candles'"),
    ],
)
async def test_mistakes_are_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        await first(ccxt(**{"exchange": "fake", "symbols": ["BTC/USDT"], "load": lambda: PACKAGE, **given}), 1)


async def test_an_exchange_that_cannot_be_watched_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "has", {})
    with pytest.raises(ConfigError, match="fake has no watch_trades_for_symbols in ccxt"):
        await first(ccxt("fake", ["BTC/USDT"], load=lambda: PACKAGE), 1)


async def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(MissingPackage, match=r"pip install 'mtf-engine\[ccxt\]'"):
        await first(ccxt("fake", ["BTC/USDT"]), 1)


def test_nothing_is_connected_before_it_is_read() -> None:
    assert ccxt("fake", ["BTC/USDT"]).statistics().connections == 0


async def test_an_error_of_the_network_is_what_ends_a_feed_that_gives_up() -> None:
    live = ccxt("fake", ["BTC/USDT"], load=lambda: PACKAGE, backoff=Backoff(attempts=1))
    with pytest.raises(FeedDown, match="NetworkError: 1006"):
        await first(live, 5)
