"""TradingView's UDF data feed: symbols and bars for its charting library and other programs, over HTTP.

Times are whole seconds since 1970 UTC, prices are columns, an error is an object with `"s": "error"`. Bars of a day or
longer are stamped at midnight UTC of their trading day, as the protocol requires. The forming bar is the last one.

Bars of activity are refused: the protocol has one bar to a second at most, and asks for bars by time, so that some of
those that share a second would be lost.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from mtf.bars.bar import Bar
from mtf.data.moments import Moment
from mtf.errors import ConfigError, MtfError, UnknownSymbol, UnknownTimeframe
from mtf.frames.snapshot import Snapshot
from mtf.timeframe import Timeframe
from mtf.units import DAY_NS, EPOCH_ORDINAL, MINUTE_NS, SECOND_NS
from mtf.web.market import Market
from mtf.web.requests import number_of
from mtf.web.shown_decimals import ShownDecimals

__all__ = ["PREFIX", "Udf", "resolution_of"]

PREFIX: Final = "/udf"
BARS_MAX: Final = 20_000  # bars in one answer: the newest
MORE: Final = 8  # bars that begin before a time and are stamped after it
FOUND_MAX: Final = 200
TIME_MAX_S: Final = 1 << 33  # the year 2242
WORDS: Final = {"1d": "1D", "1w": "1W", "1mo": "1M"}
SAME: Final = {"D": "1D", "W": "1W", "M": "1M"}  # other spellings used by clients
KIND: Final = "unknown"  # a log does not tell whether a symbol is fx, a stock or crypto


class Udf:
    """The routes of the feed over *market*. *in_thread* runs work that reads files, a few at once."""

    def __init__(
        self, market: Market, decimals: ShownDecimals, in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    ) -> None:
        self._market: Final = market
        self._decimals: Final = decimals
        self._in_thread: Final = in_thread

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{PREFIX}/config", self._config),
            Route(f"{PREFIX}/symbols", self._symbol),
            Route(f"{PREFIX}/search", self._search),
            Route(f"{PREFIX}/history", self._history),
            Route(f"{PREFIX}/time", self._time),
        ]

    async def _config(self, _request: Request) -> Response:
        return _json(
            {
                "supported_resolutions": self._resolutions(),
                "supports_search": True,
                "supports_group_request": False,
                "supports_marks": False,
                "supports_timescale_marks": False,
                "supports_time": True,
                "exchanges": [],
                "symbols_types": [],
            }
        )

    async def _symbol(self, request: Request) -> Response:
        given = request.query_params.get("symbol", "")
        name = given.rpartition(":")[2] or given
        if self._market.engine.number_of(name) < 0:
            name = given  # the symbol itself may contain a colon
        try:
            decimals = self._decimals.of(self._market.snapshot(name))
        except UnknownSymbol:
            return _error("unknown_symbol", 404)
        resolutions = self._resolutions()
        seconds = [text[:-1] for text in resolutions if text.endswith("S")]
        minutes = [text for text in resolutions if text.isdigit()]
        return _json(
            {
                "name": name,
                "ticker": name,
                "description": name,
                "type": KIND,
                "exchange": "",
                "listed_exchange": "",
                "timezone": "Etc/UTC",
                "session": "24x7",  # there are only bars while the market was open: none must be hidden
                "minmov": 1,
                "pricescale": 10**decimals,
                "has_seconds": bool(seconds),
                "seconds_multipliers": seconds,
                "has_intraday": bool(minutes or seconds),
                "intraday_multipliers": minutes,
                "has_daily": "1D" in resolutions,
                "has_weekly_and_monthly": bool({"1W", "1M"} & set(resolutions)),
                "supported_resolutions": resolutions,
                "volume_precision": 8,
                "data_status": "streaming",
            }
        )

    async def _search(self, request: Request) -> Response:
        names = self._market.found(request.query_params.get("query", ""))
        limit = number_of(request.query_params, "limit", 30, 1, FOUND_MAX)
        return _json(
            [
                {"symbol": name, "full_name": name, "description": name, "exchange": "", "ticker": name, "type": KIND}
                for name in names[:limit]
            ]
        )

    async def _time(self, _request: Request) -> Response:
        return PlainTextResponse(str(int(time.time())), headers={"cache-control": "no-store"})

    async def _history(self, request: Request) -> Response:
        """Return the bars that begin in `from` to `to`, or the last `countback` of those before `to`."""
        query = request.query_params
        symbol, wanted = query.get("symbol", ""), query.get("resolution", "")
        timeframe = next((each for each in self._timeframes() if resolution_of(each) == SAME.get(wanted, wanted)), None)
        try:
            until_s = number_of(query, "to", TIME_MAX_S, 0, TIME_MAX_S)
            from_s = number_of(query, "from", 0, 0, TIME_MAX_S)
            count = number_of(query, "countback", 0, 0, BARS_MAX)
            if timeframe is None:
                raise ConfigError(self._refused(symbol, wanted))
            snapshot = self._market.snapshot(symbol)
            bars = await self._in_thread(lambda: self._bars(snapshot, timeframe, from_s, until_s, count))
        except UnknownSymbol:
            return _error("unknown_symbol", 404)
        except MtfError as error:
            return _error(str(error), 400)
        if not bars:
            before = await self._in_thread(lambda: self._bars(snapshot, timeframe, 0, min(from_s, until_s), 1))
            return _json({"s": "no_data", **({"nextTime": _stamp_s(before[0])} if before else {})})
        return _json(
            {
                "s": "ok",
                "t": [_stamp_s(bar) for bar in bars],
                "o": [bar.open for bar in bars],
                "h": [bar.high for bar in bars],
                "l": [bar.low for bar in bars],
                "c": [bar.close for bar in bars],
                "v": [bar.volume for bar in bars],
            }
        )

    def _bars(self, snapshot: Snapshot, timeframe: Timeframe, from_s: int, until_s: int, count: int) -> list[Bar]:
        """Return bars stamped from *from_s* on, before *until_s*; with *count*, the last *count* before that."""
        # A bar of a day or longer begins some time before or after its stamp.
        slack_ns = timeframe.length_ns + 4 * DAY_NS if timeframe.length_ns >= DAY_NS else 0
        with self._market.readers.one() as reader:
            found = list(
                reader.bars(
                    snapshot.symbol,
                    timeframe,
                    start=None if count else max(0, from_s * SECOND_NS - slack_ns),
                    end=until_s * SECOND_NS + slack_ns if until_s < TIME_MAX_S else None,
                    last=count + MORE if count else BARS_MAX,
                    as_of=Moment(seq=snapshot.seq),
                )
            )
        forming = snapshot[timeframe.name].partial
        if forming is not None:
            found.append(forming)
        found = [bar for bar in found if _stamp_s(bar) < until_s and (count or _stamp_s(bar) >= from_s)]
        return found[-count:] if count else found

    def _refused(self, symbol: str, wanted: str) -> str:
        """Return why there is no resolution *wanted*."""
        kept = self._market.engine.config.timeframes
        with contextlib.suppress(UnknownTimeframe):
            name = kept[kept.index(wanted)].name
            if not Timeframe(name).timed:
                return (
                    f"resolution: several bars of {name} may begin in one second, which this feed cannot tell apart; "
                    f"read them from /api/v1/bars/{symbol}/{name}"
                )
        return f"resolution must be one of {', '.join(self._resolutions()) or 'none'}, got {wanted!r}"

    def _timeframes(self) -> list[Timeframe]:
        return self._market.engine.config.timeframes.timed

    def _resolutions(self) -> list[str]:
        return [found for found in map(resolution_of, self._timeframes()) if found]


def resolution_of(timeframe: Timeframe) -> str:
    """Return a timeframe in the feed's notation: minutes, `30S`, `1D`; "" if it has none."""
    if timeframe.name in WORDS:
        return WORDS[timeframe.name]
    length_ns = timeframe.length_ns
    if length_ns >= DAY_NS:
        return ""
    if length_ns % MINUTE_NS == 0:
        return str(length_ns // MINUTE_NS)
    return f"{length_ns // SECOND_NS}S" if length_ns % SECOND_NS == 0 else ""


def _stamp_s(bar: Bar) -> int:
    """Return the time of a bar for the feed."""
    if bar.timeframe.length_ns >= DAY_NS and bar.trading_day is not None:
        return (bar.trading_day.toordinal() - EPOCH_ORDINAL) * DAY_NS // SECOND_NS
    return int(bar.start_ns) // SECOND_NS


def _error(text: str, status: int) -> Response:
    return _json({"s": "error", "errmsg": text}, status)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json", headers={"cache-control": "no-store"})
