"""The HTTP API, version 1, for the page and for programs.

Read-only; every answer names the seq that it is as of. Slow work runs in a few threads; more requests wait.

Rows (`rows=1`, CSV) are those of `mtf bars --format`, and `/snapshot` is the output of `mtf state --json`.
"""

from __future__ import annotations

import asyncio
import csv
import functools
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from mtf.bars.bar import Bar
from mtf.build import COMPILED, VERSION
from mtf.data import DataReader, Table
from mtf.data.moments import Moment
from mtf.data.next_close import next_close
from mtf.errors import ConfigError, MtfError, UnknownIndicator, UnknownSymbol, UnknownTimeframe
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
from mtf.frames.timeframe_state import TimeframeState
from mtf.timeframe import Timeframe
from mtf.web.chart_rows import chart_rows, in_memory
from mtf.web.log_glance import log_glance
from mtf.web.market import Market
from mtf.web.messages import bar_row, config_message, reject_row, state_message, symbol_row
from mtf.web.openapi import openapi
from mtf.web.past import Past
from mtf.web.requests import choice_of, flag_of, moment_of, names_of, number_of
from mtf.web.session_words import session_at
from mtf.web.shown_decimals import ShownDecimals
from mtf.web.symbol_states import SymbolStates

__all__ = ["PREFIX", "Api"]

PREFIX: Final = "/api/v1"
LAST: Final = 600  # default number of bars of a chart
BARS_MAX: Final = 5_000
ROWS_MAX: Final = 1_000_000
QUERIES: Final = 4  # at once
SYMBOLS_MAX: Final = 100_000
SPARKS_MAX: Final = 200
BUCKETS_MAX: Final = 5_000
REJECTS: Final = 500
REJECTS_MAX: Final = 5_000

Result = TypeVar("Result")


class Api:
    """The routes over *market*, the present, and *past*."""

    def __init__(self, market: Market, past: Past, decimals: ShownDecimals) -> None:
        self._market: Final = market
        self._past: Final = past
        self._decimals: Final = decimals
        self._states: Final = SymbolStates(market, past)
        self._queries: Final = asyncio.Semaphore(QUERIES)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/openapi.json", self._openapi),
            Route(f"{PREFIX}/config", self._config),
            Route(f"{PREFIX}/symbols", self._symbols),
            Route(f"{PREFIX}/spark", self._spark),
            Route(f"{PREFIX}/log", self._log),
            Route(f"{PREFIX}/rejects/{{symbol:path}}", self._rejects),
            Route(f"{PREFIX}/charts/{{symbol:path}}", self._charts),
            Route(f"{PREFIX}/bars/{{symbol:path}}/{{timeframe}}", self._bars),
            Route(f"{PREFIX}/snapshot/{{symbol:path}}", self._snapshot),
            Route(f"{PREFIX}/state/{{symbol:path}}", self._state),
            Route(f"{PREFIX}/step/{{symbol:path}}", self._step),
        ]

    # Whether the server is well.

    async def _healthz(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, _request: Request) -> Response:
        failure = self._market.failure
        return PlainTextResponse(f"{failure}\n" if failure else "ready\n", status_code=503 if failure else 200)

    async def _openapi(self, _request: Request) -> Response:
        return _json(openapi())

    # Descriptions of the data.

    async def _config(self, _request: Request) -> Response:
        return _json(self.config())

    def config(self) -> dict[str, Any]:
        """Return what is served: timeframes, indicator outputs and how to draw them, calendars, run id."""
        market = self._market
        return config_message(
            market.engine,
            run_id=market.run_id,
            seq=market.seq,
            version=VERSION,
            build="compiled" if COMPILED else "pure",
            directory=str(market.path),
            zone=market.zone(),
            settings=orjson.loads(market.engine.config.to_json()),
        )

    async def _symbols(self, request: Request) -> Response:
        names = self._market.found(request.query_params.get("q", ""))
        limit = number_of(request.query_params, "limit", SYMBOLS_MAX, 1, SYMBOLS_MAX)
        if flag_of(request.query_params, "states"):
            return _json(self._states.columns())
        if flag_of(request.query_params, "rows"):
            rows = [self.symbol_row(name) for name in names[: min(limit, 1_000)]]
            return _json({"seq": self._market.seq, "rows": rows})
        return _json({"seq": self._market.seq, "symbols": names[:limit], "total": len(names)})

    async def _spark(self, request: Request) -> Response:
        query = request.query_params
        names = names_of(query, "symbols", SPARKS_MAX) or []
        last = number_of(query, "last", 40, 1, 500)
        timeframe = query.get("tf", self._market.engine.config.timeframes[0].name)
        found = {}
        for name in names:
            window = self._market.snapshot(name)[timeframe].bars
            found[name] = [bar.close for bar in window[max(0, len(window) - last) :]]
        return _json({"seq": self._market.seq, "timeframe": timeframe, "closes": found})

    async def _log(self, request: Request) -> Response:
        buckets = number_of(request.query_params, "buckets", 1_000, 1, BUCKETS_MAX)
        symbol = request.query_params.get("symbol")
        market = self._market
        calendar = market.calendar(symbol or next(iter(market.symbols()), ""))
        return _json(await self.in_thread(lambda: log_glance(market.path, self._past.samples, calendar, buckets)))

    async def _rejects(self, request: Request) -> Response:
        """Return the newest rejected ticks of a symbol up to a moment.

        They are known from `since_seq` on, so far up to `known_seq`.
        """
        query = request.query_params
        symbol = request.path_params["symbol"]
        at = moment_of(query.get("at"))
        last = number_of(query, "last", REJECTS, 1, REJECTS_MAX)
        seq = self._market.seq if at is None else await self.in_thread(lambda: self._seq_of(at))
        self._market.snapshot(symbol)  # whether there is such a symbol
        known = self._past.rejects
        message = {"symbol": symbol, "seq": seq, "since_seq": known.since_seq, "known_seq": self._past.ready_seq}
        return _json(message | {"rejects": self._rejected(symbol, seq, last)})

    def _rejected(self, symbol: str, seq: int, last: int) -> list[dict[str, Any]]:
        """Return the newest *last* rejected ticks of a symbol up to the event *seq*, oldest first."""
        found = {reject.seq: reject for reject in self._past.rejects.up_to(seq, last, symbol)}
        for reject in self._market.rejects:  # the thread of the past may lag behind
            if reject.symbol == symbol and reject.seq <= seq:
                found[reject.seq] = reject
        return [reject_row(found[each]) for each in sorted(found)[-last:]]

    # Bars.

    async def _bars(self, request: Request) -> Response:
        query = request.query_params
        symbol, timeframe = request.path_params["symbol"], request.path_params["timeframe"]
        kind = choice_of(query, "format", ("json", "csv", "arrow"), "json")
        at = moment_of(query.get("at"))
        if kind != "json" or flag_of(query, "rows"):
            return await self._rows(request, symbol, timeframe, kind, at)
        last = number_of(query, "last", LAST, 1, BARS_MAX)
        wanted = names_of(query, "outputs", 500)
        snapshot = await self._snapshot_at(symbol, at)
        state = snapshot[timeframe]
        names = list(state.completed) if wanted is None else wanted
        [rows] = await self._chart_rows(snapshot, [state], [names], last, is_past=at is not None)
        partial = state.partial
        return _json(
            {
                "symbol": symbol,
                "timeframe": state.timeframe.name,
                "seq": snapshot.seq,
                "as_of": at is not None,
                "decimals": self._decimals.of(snapshot),
                "partial": None if partial is None else bar_row(partial),
                **rows,
            }
        )

    async def _charts(self, request: Request) -> Response:
        """Return the state of a symbol, the bars of all timeframes and its rejected ticks, as of one seq."""
        query = request.query_params
        symbol = request.path_params["symbol"]
        at = moment_of(query.get("at"))
        last = number_of(query, "last", LAST, 1, BARS_MAX)
        wanted = names_of(query, "outputs", 500)
        snapshot = await self._snapshot_at(symbol, at)
        state = await self._state_of(snapshot, at, wanted)
        states = list(snapshot)
        names = [
            list(each.completed) if wanted is None else [name for name in wanted if name in each.completed]
            for each in states
        ]
        rows = await self._chart_rows(snapshot, states, names, last, is_past=at is not None)
        return _json(
            {
                "state": state,
                "charts": {each.timeframe.name: found for each, found in zip(states, rows, strict=True)},
                "rejects": self._rejected(symbol, snapshot.seq, REJECTS),
                "known_seq": self._past.ready_seq,
            }
        )

    async def _chart_rows(
        self,
        snapshot: Snapshot,
        states: Sequence[TimeframeState],
        names: Sequence[Sequence[str]],
        last: int,
        *,
        is_past: bool,
    ) -> list[dict[str, Any]]:
        """Return bars and values of some timeframes of *snapshot*; in a thread if they are not all in memory."""
        kept = self._past.history if is_past else self._market.engine.config.history
        if all(in_memory(state, last, kept) for state in states):
            return [chart_rows(state, row, last, kept, list) for state, row in zip(states, names, strict=True)]
        moment = Moment(seq=snapshot.seq)

        def made() -> list[dict[str, Any]]:
            with self._market.readers.one() as reader:

                def read(state: TimeframeState) -> list[Bar]:
                    return list(reader.bars(snapshot.symbol, state.timeframe.name, last=last, as_of=moment))

                return [
                    chart_rows(state, row, last, kept, functools.partial(read, state))
                    for state, row in zip(states, names, strict=True)
                ]

        return await self.in_thread(made)

    async def _rows(self, request: Request, symbol: str, timeframe: str, kind: str, at: Moment | None) -> Response:
        """Return completed bars as `mtf bars` prints them; with `partial=1` the forming one is the last."""
        query = request.query_params
        last = number_of(query, "last", 0, 0, ROWS_MAX) or None
        partial = flag_of(query, "partial")
        given = (moment_of(query.get(name)) for name in ("start", "end"))
        bounds = start_ns, end_ns = tuple(None if each is None else each.ts_ns for each in given)
        name = f"{symbol}-{timeframe}.{kind}".replace("/", "_")

        def read(reader: DataReader) -> Any:
            moment = Moment(seq=reader.seq) if at is None else at
            return moment, reader.bars(
                symbol,
                timeframe,
                start=start_ns,
                end=end_ns,
                last=last,
                as_of=moment,
            )

        if kind == "arrow":

            def encoded() -> bytes:
                with self._market.readers.one() as reader:
                    return _arrow(read(reader)[1])

            body = await self.in_thread(encoded)
            return Response(body, media_type="application/vnd.apache.arrow.stream", headers=_saved_as(name))

        def rows() -> list[dict[str, Any]]:
            from mtf.data.bar_dicts import bar_dicts, starts_within  # the columns are those of the command line

            with self._market.readers.one() as reader:
                moment, table = read(reader)
                forming = None
                if partial:
                    forming = reader.state(symbol, at=moment)[Timeframe(timeframe).name].partial
                if forming is not None and not starts_within(forming.start_ns, *bounds):
                    forming = None
                return list(bar_dicts(table, forming, moment.seq or reader.seq, imported=reader.imported))

        found = await self.in_thread(rows)
        if kind == "csv":
            return StreamingResponse(_csv(found), media_type="text/csv; charset=utf-8", headers=_saved_as(name))
        return _json(found)

    # States.

    async def _snapshot(self, request: Request) -> Response:
        """Return what `mtf state --symbol SYMBOL --json` prints."""
        symbol = request.path_params["symbol"]
        at = moment_of(request.query_params.get("at"))
        bars = number_of(request.query_params, "bars", 5, 0, BARS_MAX)
        if at is None:
            snapshot, seq = self._market.snapshot(symbol), self._market.seq
        else:
            snapshot = await self._snapshot_at(symbol, at)
            seq = snapshot.seq
        return _json({"seq": seq, "symbols": {symbol: snapshot.to_dict(bars)}})

    async def _state(self, request: Request) -> Response:
        symbol = request.path_params["symbol"]
        at = moment_of(request.query_params.get("at"))
        outputs = names_of(request.query_params, "outputs", 500)
        return _json(await self.state(symbol, at, outputs))

    async def _step(self, request: Request) -> Response:
        """Return the state one step on: to the symbol's next tick, or to the next close of a timeframe."""
        query = request.query_params
        symbol = request.path_params["symbol"]
        seq = number_of(query, "at", self._market.seq, 0, self._market.seq)
        direction = -1 if choice_of(query, "dir", ("1", "-1"), "1") == "-1" else 1
        unit = query.get("unit", "tick")
        found = await self.in_thread(lambda: self._stepped(symbol, seq, unit, direction))
        if found is None:
            return _json({"end": True, "seq": seq})
        return _json(await self.state(symbol, Moment(seq=found), names_of(query, "outputs", 500)))

    async def state(self, symbol: str, at: Moment | None, outputs: list[str] | None) -> dict[str, Any]:
        """Return the state of *symbol* at a moment of the log, without anything later; or now."""
        return await self._state_of(await self._snapshot_at(symbol, at), at, outputs)

    async def _state_of(self, snapshot: Snapshot, at: Moment | None, outputs: list[str] | None) -> dict[str, Any]:
        symbol = snapshot.symbol
        session = session_at(self._market.calendar(symbol), snapshot.time_ns) if snapshot.time_ns >= 0 else None
        message = state_message(
            snapshot,
            outputs=outputs,
            tick=await self._tick(symbol, snapshot.seq, at),
            session=session,
            decimals=self._decimals.of(snapshot),
        )
        if at is None:
            return message
        return message | {"as_of": True, "later": self._market.seq - snapshot.seq}

    async def _tick(self, symbol: str, seq: int, at: Moment | None) -> Tick | None:
        """Return the newest tick of *symbol* up to *seq*; in the present, the last one that came while followed."""
        known = self._market.tick(symbol) if at is None else None
        if known is not None:
            return known
        number = self._market.engine.number_of(symbol)
        found = await self.in_thread(lambda: self._past.newest_tick(symbol, number, seq))
        if at is None and found is not None:
            self._market.remember(symbol, found)
        return found

    async def _snapshot_at(self, symbol: str, at: Moment | None) -> Snapshot:
        """Return the state of *symbol* at a moment; UnknownSymbol if it had no event by then."""
        if at is None:
            return self._market.snapshot(symbol)
        snapshot = await self.in_thread(lambda: self._then(symbol, at))
        if snapshot is None:
            raise UnknownSymbol(f"no event of {symbol!r} had come by then")
        return snapshot

    def _then(self, symbol: str, at: Moment) -> Snapshot | None:
        return self._past.snapshot(symbol, self._seq_of(at))

    def _seq_of(self, at: Moment) -> int:
        """Return the seq of a moment; ConfigError if it is after the log's end."""
        seq = at.seq
        if seq is None:
            assert at.ts_ns is not None, "a moment is a seq or a time"
            seq = self._past.seq_at(at.ts_ns, self._market.seq)
        if seq > self._market.seq:
            raise ConfigError(f"at: the log ends at seq {self._market.seq}")
        return seq

    def _stepped(self, symbol: str, seq: int, unit: str, direction: int) -> int | None:
        if unit == "tick":
            return self._past.next_tick(symbol, seq, direction)
        snapshot = self._past.snapshot(symbol, seq)
        known = None if snapshot is None else snapshot[unit].bars
        with self._market.readers.one() as reader:
            return next_close(reader, symbol, unit, seq, known, direction)

    def symbol_row(self, name: str) -> dict[str, Any]:
        """Return the row of *name* in the list of symbols; UnknownSymbol if it has no event yet."""
        snapshot = self._market.snapshot(name)
        state = self._states.of(name, int(snapshot.time_ns))
        return symbol_row(snapshot, state=state, decimals=self._decimals.of(snapshot))

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Run *work* in a thread; only a few run at once, others wait."""
        async with self._queries:
            return await asyncio.to_thread(work)


async def answer_error(_request: Request, error: Exception) -> Response:
    """Answer an error of a request, or of the data, with one line."""
    missing = isinstance(error, UnknownSymbol | UnknownTimeframe | UnknownIndicator)
    status = 404 if missing else 400 if isinstance(error, ConfigError) else 500
    return _json({"error": str(error)}, status)


ERRORS: Final = {MtfError: answer_error}


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json", headers={"cache-control": "no-store"})


def _csv(rows: list[dict[str, Any]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for k, row in enumerate(rows):
        if not k:
            writer.writerow(row)
        writer.writerow(["" if value is None else value for value in row.values()])
        if not k % 1_000:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _arrow(table: Table[Bar]) -> bytes:
    """Return *table* as an Arrow IPC stream."""
    try:
        from arro3.core import RecordBatchReader
        from arro3.io import write_ipc_stream
    except ImportError as error:
        raise ConfigError("format: arrow needs the packages of pip install 'mtf-engine[arrow]'") from error
    out = io.BytesIO()
    write_ipc_stream(RecordBatchReader.from_arrow(table), out)
    return out.getvalue()


def _saved_as(name: str) -> dict[str, str]:
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return {"content-disposition": f'attachment; filename="{safe}"'}
