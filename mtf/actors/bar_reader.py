"""Completed bars as an async iterator, with flat ones for silence if they are asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from mtf.actors.consumer import OwnConsumer
from mtf.bars.bar import Bar
from mtf.bars.fill import fill
from mtf.calendars.calendar import Calendar
from mtf.calendars.grid import DAY_START
from mtf.errors import ConfigError, ConsumerBehind
from mtf.frames.view import View
from mtf.timeframe import Timeframe

__all__ = ["BarReader", "BarStream"]

POLICIES: Final = ("wait", "drop", "fail")
FLATS_AT_ONCE: Final = 64  # filled bars made before other tasks get their turn


class BarStream(OwnConsumer):
    """A consumer of one timeframe that hands its bars to one reader.

    Once *limit* bars wait the pipeline waits for the reader, by the policy `wait`. With *calendar_of*, filled bars come
    before a bar that ends a silence, one by one and within the same limit: for the silences between bars that this
    stream has handed out, so none before its first.
    """

    _count = 0  # streams made, so that each has a name of its own

    def __init__(
        self,
        timeframe: Timeframe,
        symbol: str | None,
        limit: int,
        calendar_of: Callable[[str], Calendar] | None = None,
        anchor_ns: int = DAY_START,
        policy: str = "wait",
    ) -> None:
        if policy not in POLICIES:
            raise ConfigError(f"policy of bars must be one of {', '.join(POLICIES)}, got {policy!r}")
        if type(limit) is not int or limit < 1:
            raise ConfigError(f"limit must be 1 or more bars that wait to be read, got {limit!r}")
        BarStream._count += 1
        self.name = f"bars {timeframe} {BarStream._count}"
        self.timeframe: Final = timeframe
        self._symbol: Final = symbol
        self.limit: Final = limit
        self._calendar_of: Final = calendar_of  # None: nothing is filled
        self._anchor_ns: Final = anchor_ns
        self.policy: Final = policy
        self.dropped = 0  # bars that were lost, by the policy `drop`
        self._behind: ConsumerBehind | None = None  # what the reader gets after the last bar, by the policy `fail`
        self._previous: dict[str, Bar] = {}  # the newest bar by symbol, where silences are filled
        self._bars: deque[Bar] = deque()  # at most `limit`
        self._changed = asyncio.Event()
        self._ended = False
        self._left = False  # the reader reads no more
        self.left: Callable[[], None] | None = None  # called once the reader reads no more
        self.loop: asyncio.AbstractEventLoop | None = None  # that the pipeline runs on, once it does

    async def on_bar(self, bar: Bar, view: View) -> None:
        if self._left or (self._symbol is not None and bar.symbol != self._symbol):
            return
        if self._calendar_of is not None:
            previous = self._previous.get(bar.symbol)
            self._previous[bar.symbol] = bar
            if previous is not None:
                for count, flat in enumerate(fill(previous, bar, self._calendar_of(bar.symbol), self._anchor_ns)):
                    await self._hand_out(flat)
                    if count % FLATS_AT_ONCE == 0:
                        await asyncio.sleep(0)  # a year of silent minutes is half a million bars
                    if self._ended:
                        break
        await self._hand_out(bar)

    async def _hand_out(self, bar: Bar) -> None:
        while len(self._bars) >= self.limit and not self._ended:
            if self.policy == "drop":
                self._bars.popleft()
                self.dropped += 1
                break
            if self.policy == "fail":
                self._behind = ConsumerBehind(f"{self.name}: {self.limit} bars waited to be read, and one more came")
                self._ended = True
                if self.left is not None:
                    self.left()
                break
            self._changed.clear()
            await self._changed.wait()
        if not self._left and self._behind is None:
            self._bars.append(bar)
            self._changed.set()

    def end(self) -> None:
        """Give out what waits, then end the iteration."""
        self._ended = True
        self._changed.set()

    def leave(self) -> None:
        """Read no more: the pipeline waits for this reader no longer."""
        if self._left:
            return
        self._left = True
        self._bars.clear()
        self.end()
        if self.left is not None:
            self.left()

    @property
    def waiting(self) -> int:
        """How many bars wait to be read."""
        return len(self._bars)

    async def read(self) -> Bar:
        """Return the next bar; StopAsyncIteration after the last."""
        while not self._bars:
            if self._behind is not None:
                raise self._behind
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        bar = self._bars.popleft()
        self._changed.set()
        return bar


class BarReader:
    """The user's end of a stream of bars: an async iterator, and a context manager that leaves it.

    `aclose`, or the end of `async with`, is how to leave. A reader that is only dropped leaves when it is collected.
    *asked* is called before each bar that is waited for, and raises inside a callback: bars come from after it.
    """

    def __init__(self, stream: BarStream, asked: Callable[[], object]) -> None:
        self._stream: Final = stream
        self._asked: Final = asked

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Bar:
        self._asked()
        return await self._stream.read()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Read no more."""
        self._stream.leave()

    def __del__(self) -> None:
        loop = self._stream.loop
        if loop is not None and not loop.is_closed():  # a collector runs at any moment, and in any thread
            loop.call_soon_threadsafe(self._stream.leave)
