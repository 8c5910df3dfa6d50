"""Completed bars as an async iterator, optionally with flat ones for silence."""

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
FLATS_AT_ONCE: Final = 64  # filled bars made before other tasks get a turn


class BarStream(OwnConsumer):
    """A consumer of one timeframe that passes its bars to one reader.

    Once *limit* bars are waiting, the pipeline waits for the reader if the policy is `wait`. With *calendar_of*, filled
    bars precede a bar that ends a silence, one by one and within the same limit. Only silences between bars of this
    stream are filled, so none before its first bar.
    """

    _count = 0  # streams made; gives each its own name

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
            raise ConfigError(f"limit, of bars waiting to be read, must be 1 or more, got {limit!r}")
        BarStream._count += 1
        self.name = f"bars {timeframe} {BarStream._count}"
        self.timeframe: Final = timeframe
        self._symbol: Final = symbol
        self.limit: Final = limit
        self._calendar_of: Final = calendar_of  # None: nothing is filled
        self._anchor_ns: Final = anchor_ns
        self.policy: Final = policy
        self.dropped = 0  # bars lost under the policy `drop`
        self._behind: ConsumerBehind | None = None  # raised after the last bar, under the policy `fail`
        self._previous: dict[str, Bar] = {}  # the newest bar by symbol, if silences are filled
        self._bars: deque[Bar] = deque()  # waiting to be read, at most `limit`
        self._changed = asyncio.Event()
        self._ended = False
        self._left = False  # the reader has stopped reading
        self.left: Callable[[], None] | None = None  # called once the reader stops reading
        self.loop: asyncio.AbstractEventLoop | None = None  # the pipeline's, once it runs

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
                self._behind = ConsumerBehind(f"{self.name}: {self.limit} bars were waiting when another one closed")
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
        """End the iteration after the bars that are waiting."""
        self._ended = True
        self._changed.set()

    def leave(self) -> None:
        """Stop reading: the pipeline no longer waits for this reader."""
        if self._left:
            return
        self._left = True
        self._bars.clear()
        self.end()
        if self.left is not None:
            self.left()

    @property
    def waiting(self) -> int:
        """How many bars are waiting to be read."""
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
    """The user's end of a stream of bars: an async iterator, and a context manager that closes it.

    Close it with `aclose` or by leaving `async with`; otherwise it is closed when it is garbage-collected. *asked* is
    called before each wait for a bar, and raises inside a callback, since the next bars only come after it.
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
        """Stop reading."""
        self._stream.leave()

    def __del__(self) -> None:
        loop = self._stream.loop
        if loop is not None and not loop.is_closed():  # garbage is collected at any moment, in any thread
            loop.call_soon_threadsafe(self._stream.leave)
