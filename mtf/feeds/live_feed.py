"""A live feed: a connection that is restored when lost, and the record of what was missed.

Owns connecting, waiting before reconnecting, the limit on silence, turning messages into events, and which messages
were missed. Independent of the transport (a connection is an async iterator) and of the pipeline:
`mtf.pipeline.feeding` passes the deliveries on, and reports which of them are in the log.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import attrs

from mtf.bars.bar import Bar
from mtf.clock import SystemClock, WallClock
from mtf.errors import ConfigError, FeedDown
from mtf.events.tick import Tick
from mtf.feeds.backoff import Backoff
from mtf.feeds.numbering import Missing, Numbering
from mtf.feeds.watchdog import Watchdog, sleep
from mtf.loggers import report
from mtf.units import SECOND_NS

__all__ = ["Connection", "Delivery", "Feed", "FeedStatistics", "Number", "Outage", "Resume"]


CONNECT_S: Final = 20.0
STALL_S: Final = 60.0
PATIENCE_S: Final = 2.0
RAW_CHARS_MAX: Final = 500  # how much of a message that cannot be read is kept

# The number of a message: in the feed's only stream, or in a named stream. None: it has no number.
Number: TypeAlias = int | tuple[str, int] | None


class Connection(Protocol):
    """An open connection: its messages, until it ends. Only feeds that acknowledge need `send`."""

    def __aiter__(self) -> AsyncIterator[Any]: ...


class SendsBack(Connection, Protocol):
    async def send(self, message: Any) -> None: ...


@attrs.frozen
class Resume:
    """What a new connection may request from the server: the next number and missing ranges `[start, stop)` by stream.

    The stream is "" if the messages name none. `since_ns` is the arrival of the newest message; None if unknown.
    """

    next: Mapping[str, int]
    missing: Mapping[str, Sequence[tuple[int, int]]]
    since_ns: int | None

    @property
    def last(self) -> int | None:
        """The last number of the feed's only stream without a gap before it; None if nothing has come."""
        if "" not in self.next:
            return None
        return min((start for start, _ in self.missing.get("", ())), default=self.next[""]) - 1


@attrs.frozen
class Outage:
    """Messages between *since_ns* and *until_ns*, by the time of arrival, were not received."""

    since_ns: int
    until_ns: int
    reason: str
    stream: str = ""
    numbers: tuple[int, int] | None = None  # `[start, stop)`; None if the messages have no numbers


class Delivery(NamedTuple):
    """The content of one message."""

    events: Sequence[Tick | Bar]
    arrival_ns: int
    stream: str
    number: int | None
    is_new: bool  # whether the number is new
    outages: Sequence[Outage]
    refused: tuple[str, str] | None  # why the message could not be read, and its text


@attrs.frozen(kw_only=True)
class FeedStatistics:
    """The counts of a feed since it was created."""

    name: str
    connected: bool
    connections: int
    failures: int  # connections that failed or ended
    stalls: int  # those among them that were silent for too long
    messages: int
    events: int
    duplicates: int  # messages whose number had come before
    malformed: int  # messages that could not be read
    missing: int  # numbers that have not come
    outages: int
    last_message_ns: int | None
    last_error: str


class Feed:
    """A live source of events that reconnects whenever its connection ends; pass it to `Pipeline.run`.

    *connect(resume)* returns an async context manager of a `Connection`; *parse(message)* returns the ticks and bars of
    one message, none for a heartbeat. If it raises, the message is counted and kept with the malformed rows, and the
    feed continues.

    With *sequence(message)*, the server's number of the message, duplicates are dropped, messages out of order are
    taken as they come, and each number that has not come *patience_s* after a later one is reported as an outage. The
    log stores which numbers it has with the events, so that after a restart *connect* gets exactly what is missing.
    Without numbers, each time without a connection is an outage. An outage is a clock event in the log with its reason
    and span.

    *acknowledge(stream, number)* returns a message that tells the server that *number* is in the log. A connection that
    is silent for *stall_s*, or not made within *connect_s*, counts as lost. *reorder_ns* puts the events of each symbol
    in order within that much time before they are logged (None: the pipeline's setting). With *receive_times*, the log
    gets the events' times of arrival. *wall* and *chance* are parameters for tests.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[Resume], AbstractAsyncContextManager[Any]],
        *,
        parse: Callable[[Any], Iterable[Tick | Bar]] | None = None,
        sequence: Callable[[Any], Number] | None = None,
        acknowledge: Callable[[str, int], Any] | None = None,
        backoff: Backoff | None = None,
        connect_s: float = CONNECT_S,
        stall_s: float = STALL_S,
        patience_s: float = PATIENCE_S,
        reorder_ns: int | None = None,
        receive_times: bool = False,
        wall: WallClock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        if not name:
            raise ConfigError("a feed needs a name, which identifies it in the log")
        for what, seconds in (("connect_s", connect_s), ("stall_s", stall_s)):
            if not 0 < seconds < float("inf"):
                raise ConfigError(f"feed {name}: {what} must be above 0, and finite, got {seconds}")
        if not 0 <= patience_s < float("inf"):
            raise ConfigError(f"feed {name}: patience_s must be 0 or more, and finite, got {patience_s}")
        if reorder_ns is not None and reorder_ns < 0:
            raise ConfigError(f"feed {name}: reorder_ns must be 0 or more, got {reorder_ns}")
        self.name: Final = name
        self.reorder_ns: Final = reorder_ns
        self.wall: WallClock = SystemClock() if wall is None else wall
        self._connect: Final = connect
        self._parse: Final = _as_events if parse is None else parse
        self._sequence: Final = sequence
        self._acknowledge: Final = acknowledge
        self._backoff: Final = Backoff() if backoff is None else backoff
        self._connect_ns: Final = round(connect_s * SECOND_NS)
        self._stall_ns: Final = round(stall_s * SECOND_NS)
        self._patience_ns: Final = round(patience_s * SECOND_NS)
        self._receive_times: Final = receive_times
        self._chance: Final = random.Random() if chance is None else chance
        self._streams: dict[str, Numbering] = {}  # what has come
        self._waiting: set[str] = set()  # streams with gaps that are not reported
        self._connection: SendsBack | None = None
        self._connection_made = False  # in this attempt
        self._newest_ns: int | None = None  # when the newest message came
        self._connections = self._failures = self._stalls = 0
        self._messages = self._events = self._duplicates = self._malformed = self._outages = 0
        self._error = ""
        self._garbage_named = 0  # number of malformed messages at their last report

    def statistics(self) -> FeedStatistics:
        """Return the counts so far."""
        return FeedStatistics(
            name=self.name,
            connected=self._connection is not None,
            connections=self._connections,
            failures=self._failures,
            stalls=self._stalls,
            messages=self._messages,
            events=self._events,
            duplicates=self._duplicates,
            malformed=self._malformed,
            missing=sum(hole.stop - hole.start for each in self._streams.values() for hole in each.missing),
            outages=self._outages,
            last_message_ns=self._newest_ns,
            last_error=self._error,
        )

    async def deliveries(
        self, streams: Mapping[str, Numbering] | None = None, since_ns: int | None = None
    ) -> AsyncGenerator[Delivery, None]:
        """Yield the contents of messages, connecting as often as necessary.

        *streams* are the numbered messages in the log; *since_ns* is the time of the last events in the log, if this
        feed was read before. FeedDown once more connections in a row have failed than the backoff allows.
        """
        self._streams = dict(streams or {})
        self._waiting = {name for name, each in self._streams.items() if each.is_waiting}
        self._newest_ns = since_ns
        down = None if since_ns is None else "not running"
        failures = 0
        watchdog = Watchdog(self.wall)
        try:
            while True:
                begun_ns, received = self.wall.now_ns(), False
                self._connection_made = False
                try:
                    async with contextlib.AsyncExitStack() as stack:
                        connection = await watchdog.within(
                            self._connect_ns, stack.enter_async_context(self._connect(self._resume()))
                        )
                        stack.callback(self._disconnected)
                        self._connection, self._connection_made = connection, True
                        self._connections += 1
                        report("feed_connected", f"{self.name}: connected", feed=self.name)
                        messages = aiter(connection)
                        while True:
                            message = await watchdog.within(self._stall_ns, anext(messages))
                            received = True
                            delivery = self._delivery(message, down)
                            down = None
                            yield delivery
                except TimeoutError as error:
                    down = str(error) or self._too_long()
                except StopAsyncIteration:
                    down = "the server closed the connection"
                except (OSError, EOFError) as error:
                    down = str(error) or type(error).__name__
                self._failures += 1
                self._error = down
                healthy = received and self.wall.now_ns() - begun_ns >= self._backoff.healthy_s * SECOND_NS
                failures = 1 if healthy else failures + 1
                attempts = self._backoff.attempts
                if attempts is not None and failures >= attempts:
                    raise FeedDown(
                        f"feed {self.name}: {failures} connections in a row have failed, the last with: {down}"
                    )
                wait_s = self._backoff.wait_s(failures, self._chance)
                sentence = f"{self.name}: {down}; reconnecting in {wait_s:.1f} s"
                report("feed_down", sentence, feed=self.name, reason=down, failures=failures, seconds=wait_s)
                await sleep(self.wall, round(wait_s * SECOND_NS))
        finally:
            watchdog.close()

    @property
    def acknowledges(self) -> bool:
        """Whether the server gets a message for each number that is in the log."""
        return self._acknowledge is not None

    async def acknowledge(self, stream: str, number: int) -> None:
        """Tell the server that *number* is in the log, if this feed acknowledges and its connection is still there."""
        connection = self._connection
        if self._acknowledge is None or connection is None:
            return
        with contextlib.suppress(OSError, EOFError):  # the connection is lost, which reading from it will report
            await connection.send(self._acknowledge(stream, number))

    def _delivery(self, message: Any, down: str | None) -> Delivery:
        """Return the content of *message*, the first one after the feed was *down* for that reason, if it was."""
        arrival_ns = self.wall.now_ns()
        self._messages += 1
        since_ns, self._newest_ns = self._newest_ns, arrival_ns
        stream, number, is_new = "", None, True
        events: Sequence[Tick | Bar] = ()
        refused: tuple[str, str] | None = None
        try:
            if self._sequence is not None:
                stream, number = _numbered(self._sequence(message))
            if number is not None:
                numbering = self._streams.setdefault(stream, Numbering())
                is_new = numbering.add(number, arrival_ns)
                if numbering.is_waiting:
                    self._waiting.add(stream)
            if is_new:
                events = list(self._parse(message))
            else:
                self._duplicates += 1
        except Exception as error:  # noqa: BLE001 - whatever a server sends, the feed continues
            refused = (f"{type(error).__name__}: {error}", repr(message)[:RAW_CHARS_MAX])
            self._count_garbage(refused[0])
        if self._receive_times:
            events = [_received(event, arrival_ns) for event in events]
        self._events += len(events)
        outages: list[Outage] = []
        if self._sequence is None and down is not None and since_ns is not None:
            outages.append(Outage(since_ns, arrival_ns, f"{self.name}: {down}"))
        for name in sorted(self._waiting):
            numbering = self._streams[name]
            outages += [self._hole(name, hole) for hole in numbering.overdue(arrival_ns - self._patience_ns)]
            if not numbering.is_waiting:
                self._waiting.discard(name)
        self._outages += len(outages)
        for outage in outages:
            since_ns, until_ns = outage.since_ns, outage.until_ns
            report("feed_outage", outage.reason, feed=self.name, since_ns=since_ns, until_ns=until_ns)
        return Delivery(events, arrival_ns, stream, number, is_new, outages, refused)

    def _hole(self, stream: str, hole: Missing) -> Outage:
        count = hole.stop - hole.start
        what = f"message {hole.start}" if count == 1 else f"{count} messages, {hole.start} to {hole.stop - 1},"
        of = f" of {stream}" if stream else ""
        return Outage(
            hole.since_ns,
            hole.until_ns,
            f"{self.name}: {what}{of} did not come",
            stream,
            (hole.start, hole.stop),
        )

    def _resume(self) -> Resume:
        """Return what to request from the server."""
        known = {name: each for name, each in self._streams.items() if each.next is not None}
        return Resume(
            {name: each.next for name, each in known.items() if each.next is not None},
            {name: [(hole.start, hole.stop) for hole in each.missing] for name, each in known.items() if each.missing},
            self._newest_ns,
        )

    def _disconnected(self) -> None:
        self._connection = None

    def _too_long(self) -> str:
        """Return what took too long: the connection, or the next message."""
        if self._connection_made:
            self._stalls += 1
            return f"nothing came for {self._stall_ns / SECOND_NS:g} s"
        return f"no connection within {self._connect_ns / SECOND_NS:g} s"

    def _count_garbage(self, reason: str) -> None:
        """Count a message that could not be read; log the first, the tenth, the hundredth ..."""
        self._malformed += 1
        if self._malformed >= 10 * self._garbage_named:
            self._garbage_named = self._malformed
            report(
                "feed_garbage",
                f"{self.name}: {self._malformed:,} of {self._messages:,} messages could not be read, the last with: "
                f"{reason}",
                feed=self.name,
                malformed=self._malformed,
                messages=self._messages,
            )


def _as_events(message: Any) -> Iterable[Tick | Bar]:
    """Return the events of a message that is one, or contains some."""
    return (message,) if isinstance(message, Tick | Bar) else message


def _numbered(number: Number) -> tuple[str, int | None]:
    """Return the stream and number of a message."""
    stream, value = number if isinstance(number, tuple) else ("", number)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"sequence must return an int, (stream, int) or None, got {number!r}")
    return stream, value


def _received(event: Tick | Bar, arrival_ns: int) -> Tick | Bar:
    """Return *event* with its time of arrival, if it is a tick without one."""
    if not isinstance(event, Tick) or event.received_ns is not None:
        return event
    return Tick(
        event.symbol,
        event.ts_ns,
        event.bid,
        event.ask,
        event.bid_size,
        event.ask_size,
        price=event.price,
        size=event.size,
        id=event.id,
        from_bar=event.from_bar,
        received_ns=arrival_ns,
    )
