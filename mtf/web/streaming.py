"""The live channel: sends what each client watches as often as it requested, and as fast as it reads.

A message is the whole state, so a slow client gets fewer and newer ones, and nothing waits for it. No completed bar is
left out: each message has those since the previous one to the same client. Messages that are equal for several clients
are encoded once.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from mtf.data.moments import Moment
from mtf.errors import ConfigError, MtfError, UnknownSymbol
from mtf.frames.snapshot import Snapshot
from mtf.units import SECOND_NS
from mtf.web.api import Api
from mtf.web.market import Market
from mtf.web.messages import starts_of, state_message, unseen_bars
from mtf.web.past import Past
from mtf.web.session_words import session_at
from mtf.web.shown_decimals import ShownDecimals

__all__ = ["Streaming"]

CLIENTS_MAX: Final = 200
COME_AGAIN: Final = 1012  # the code of a service that begins again
EVERY_MS_MIN: Final = 50
EVERY_MS_MAX: Final = 60_000
ROWS_EVERY_S: Final = 0.25
HEALTH_EVERY_S: Final = 1.0
PLAY_EVERY_S: Final = 0.05
PLAY_EVENTS: Final = 5_000  # of one step at the highest speed
SPEED_MAX: Final = 1e9
WATCHED_MAX: Final = 8
ROWS_MAX: Final = 100
REQUEST_BYTES_MAX: Final = 64 << 10

Health = Callable[[], dict[str, Any]]


class Streaming:
    """The clients of the live channel."""

    def __init__(self, market: Market, past: Past, api: Api, decimals: ShownDecimals, health: Health) -> None:
        self._sockets: Final[set[WebSocket]] = set()
        self._market: Final = market
        self._past: Final = past
        self._api: Final = api
        self._decimals: Final = decimals
        self._health: Final = health
        self._encoded: dict[tuple[Any, ...], bytes] = {}  # messages of the newest seq
        self._encoded_seq = -1

    @property
    def clients(self) -> int:
        """How many there are."""
        return len(self._sockets)

    async def dismiss(self, why: str) -> None:
        """Have every client leave; a page comes again, and asks for everything again."""
        for socket in list(self._sockets):
            with contextlib.suppress(RuntimeError, OSError):  # it has just left
                await socket.close(COME_AGAIN, why)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it leaves."""
        if self.clients >= CLIENTS_MAX:
            await socket.close(1013, "too many clients")
            return
        self._sockets.add(socket)
        try:
            await socket.accept()
            client = _Client(socket, self)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(client.listen())
                tasks.create_task(client.send_states())
                tasks.create_task(client.send_rows())
        except* (WebSocketDisconnect, RuntimeError, OSError):
            pass  # it has left
        finally:
            self._sockets.discard(socket)

    def now(self) -> dict[str, Any]:
        """Return the moment of a message about all symbols."""
        market = self._market
        newest_ns = market.newest_ns
        return {
            "seq": market.seq,
            "time_ns": str(newest_ns) if newest_ns >= 0 else None,
            "sent_ns": str(time.time_ns()),
            "rate": round(market.rate, 1),
            "failure": market.failure,
        }

    def encoded(
        self,
        symbol: str,
        outputs: tuple[str, ...] | None,
        previous_seq: int | None,
        since: Mapping[str, int] | None,
    ) -> tuple[bytes, Snapshot]:
        """Return the newest state of *symbol* as a message, and its snapshot."""
        market = self._market
        snapshot = market.snapshot(symbol)
        if market.seq != self._encoded_seq:
            self._encoded_seq, self._encoded = market.seq, {}
        rejects = [each for each in market.rejects if each.symbol == symbol and each.seq > (previous_seq or 0)]
        unseen = None
        if since is not None:
            closed = {} if previous_seq is None else market.closed_after(symbol, previous_seq)
            unseen = unseen_bars(snapshot, since, closed)
        # Clients got their last state at different seqs; nearly always nothing has closed or been rejected since, so
        # messages only differ in that number, which is inserted here.
        key = (symbol, outputs, previous_seq is None, None if unseen is None else tuple(unseen.items()), len(rejects))
        found = self._encoded.get(key)
        if found is None:
            time_ns = snapshot.time_ns
            message = state_message(
                snapshot,
                outputs=outputs,
                tick=market.tick(symbol),
                session=session_at(market.calendar(symbol), time_ns) if time_ns >= 0 else None,
                rejects=rejects,
                unseen=unseen,
                previous_seq=None if previous_seq is None else 0,
                decimals=self._decimals.of(snapshot),
            )
            message["sent_ns"] = str(time.time_ns())
            found = self._encoded[key] = orjson.dumps(message)
        if previous_seq is not None:
            found = found.replace(b'"prev_seq":0,', b'"prev_seq":%d,' % previous_seq, 1)
        return found, snapshot


class _Client:
    """One client: its requests, and what it has been sent."""

    def __init__(self, socket: WebSocket, hub: Streaming) -> None:
        self._socket: Final = socket
        self._hub: Final = hub
        self._sending: Final = asyncio.Lock()
        self._asked: Final = asyncio.Event()  # something was requested
        self._watched: list[str] = []
        self._outputs: tuple[str, ...] | None = ()
        self._every_s = EVERY_MS_MIN / 1_000
        self._sent: dict[str, tuple[int, dict[str, int]]] = {}  # by symbol, the seq and the bars of the last message
        self._rows: list[str] = []
        self._wants_health = False
        self._play: dict[str, Any] | None = None
        self._generation = 0  # numbers the current playback

    async def listen(self) -> None:
        """Read the client's requests."""
        while True:
            text = await self._socket.receive_text()
            try:
                if len(text) > REQUEST_BYTES_MAX:
                    raise ConfigError("the request is too long")
                request = orjson.loads(text)
                if not isinstance(request, dict):
                    raise ConfigError("a request must be a JSON object")
                await self._take(request)
            except orjson.JSONDecodeError as error:
                await self._send({"type": "error", "error": f"a request must be JSON: {error}"})
            except (MtfError, TypeError, ValueError, OverflowError) as error:
                await self._send({"type": "error", "error": str(error)})

    async def send_states(self) -> None:
        """Send the states of what is watched, whenever there is something new and it is due."""
        while True:
            await self._asked.wait()
            if self._play is not None:
                await self._play_on()
                continue
            if not self._watched:
                self._asked.clear()
                continue
            for symbol in list(self._watched):
                if self._hub._market.tick(symbol) is None:
                    await self._hub._api.state(symbol, None, [])  # finds the newest tick
                await self._send_state(symbol)
            changed = asyncio.create_task(self._hub._market.changed())
            asleep = asyncio.create_task(asyncio.sleep(self._every_s))
            try:
                await asyncio.wait({changed, asleep}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                await asleep
            finally:
                changed.cancel()
                asleep.cancel()

    async def send_rows(self) -> None:
        """Send the rows in view four times a second, and health each second."""
        seq, next_health, failure = -1, 0.0, ""
        while True:
            await asyncio.sleep(ROWS_EVERY_S)
            market = self._hub._market
            if market.failure != failure:
                failure = market.failure
                command = f"mtf verify {shlex.quote(str(market.path))}"
                await self._send({"type": "failure", "error": failure, "command": command})
            if self._rows and market.seq != seq:
                seq = market.seq
                rows = [self._row(name) for name in self._rows]
                await self._send({"type": "rows", **self._hub.now(), "rows": rows})
            now = time.monotonic()
            if self._wants_health and now >= next_health:
                next_health = now + HEALTH_EVERY_S
                report = self._hub._health()  # the problem may be the service's, not the log's
                await self._send({"type": "health", **report, **self._hub.now(), "trouble": report["failure"]})

    async def _take(self, request: dict[str, Any]) -> None:
        if "watch" in request:
            symbols = _names(request["watch"], "watch", WATCHED_MAX)
            for symbol in symbols:
                self._hub._market.snapshot(symbol)
            outputs = request.get("outputs")
            self._outputs = None if outputs is None else tuple(_names(outputs, "outputs", 500))
            every_ms = _number(request.get("every_ms", EVERY_MS_MIN), "every_ms", EVERY_MS_MIN, EVERY_MS_MAX)
            self._every_s = every_ms / 1_000
            sent = _since(request["since"], symbols, self._hub._market.seq) if "since" in request else {}
            self._watched, self._sent, self._play = symbols, sent, None
            self._generation += 1
            self._asked.set()
        if "rows" in request:
            self._rows = _names(request["rows"], "rows", ROWS_MAX)
        if "health" in request:
            self._wants_health = bool(request["health"])
        if "play" in request:
            if "outputs" in request:
                self._outputs = tuple(_names(request["outputs"], "outputs", 500))
            self._begin_play(request["play"])

    def _begin_play(self, play: Any) -> None:
        """Play the past of the watched symbol; null stops, and the present continues once it is watched."""
        self._generation += 1
        if play is None:
            self._play, self._watched = None, []
            return
        if not isinstance(play, dict):
            raise ConfigError("play must be an object with symbol, from and speed, or null")
        [symbol] = _names([play.get("symbol", next(iter(self._watched), ""))], "play.symbol", 1)
        start = int(_number(play.get("from"), "play.from", 0, self._hub._market.seq))
        speed = play.get("speed", 60)
        self._play = {
            "symbol": symbol,
            "seq": start,
            "speed": None if speed == "max" else _number(speed, "play.speed", 1e-3, SPEED_MAX),
        }
        self._asked.set()

    async def _play_on(self) -> None:
        """Show the past from its position, at its speed, until its end or another request."""
        play, generation = self._play, self._generation
        assert play is not None, "a playback was requested"
        symbol, speed, seq = play["symbol"], play["speed"], int(play["seq"])
        past = self._hub._past
        snapshot = await asyncio.to_thread(past.snapshot, symbol, seq)
        begun_s = time.monotonic()
        begun_ns = snapshot.time_ns if snapshot is not None and snapshot.time_ns >= 0 else None
        while generation == self._generation:
            if speed is None or begun_ns is None:
                found = min(seq + PLAY_EVENTS, self._hub._market.seq)
            else:
                until_ns = begun_ns + round((time.monotonic() - begun_s) * speed * SECOND_NS)
                found = await asyncio.to_thread(past.moment_after, seq, until_ns, PLAY_EVENTS * 20)
            if found != seq or found == play["seq"]:
                message = await self._hub._api.state(symbol, Moment(seq=max(found, 1)), _as_list(self._outputs))
                if generation != self._generation:
                    return
                await self._send(message | {"playing": True})
                begun_ns = begun_ns if begun_ns is not None else int(message["time_ns"] or 0) or None
            seq = found
            if seq >= self._hub._market.seq:
                await self._send({"type": "played", "seq": seq})
                self._play = None
                self._watched = []
                return
            await asyncio.sleep(PLAY_EVERY_S)

    async def _send_state(self, symbol: str) -> None:
        """Send the state of *symbol*, unless nothing has come since the last one."""
        seq, starts = self._sent.get(symbol, (None, None))
        if seq == self._hub._market.seq:
            return
        try:
            message, snapshot = self._hub.encoded(symbol, self._outputs, seq, starts)
        except UnknownSymbol:
            return
        self._sent[symbol] = (int(snapshot.seq), starts_of(snapshot))
        async with self._sending:
            await self._socket.send_text(message.decode())

    def _row(self, name: str) -> dict[str, Any]:
        try:
            return self._hub._api.symbol_row(name)
        except UnknownSymbol:
            return {"symbol": name, "unknown": True}

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._sending:
            await self._socket.send_text(orjson.dumps(message).decode())


def _since(since: Any, symbols: list[str], newest_seq: int) -> dict[str, tuple[int, dict[str, int]]]:
    """Return what the client already has: for its only symbol, the state at a seq and completed bars."""
    starts = since.get("starts") if isinstance(since, dict) else None
    if not isinstance(starts, dict) or len(symbols) != 1:
        raise ConfigError("since must be an object with seq and starts, with a single symbol in watch")
    seq = int(_number(since.get("seq"), "since.seq", 0, newest_seq))
    try:
        return {symbols[0]: (seq, {str(name): int(start) for name, start in starts.items()})}
    except (TypeError, ValueError):
        raise ConfigError("since.starts must have the start_ns of the newest bar by timeframe") from None


def _as_list(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)


def _names(given: Any, what: str, most: int) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given) or len(given) > most:
        raise ConfigError(f"{what} must be a list of at most {most} names")
    return list(dict.fromkeys(given))


def _number(given: Any, what: str, low: float, high: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not low <= given <= high:
        raise ConfigError(f"{what} must be a number between {low:g} and {high:g}, got {given!r}")
    return given
