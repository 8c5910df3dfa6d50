"""A running `mtf watch`: the screen while events come and keys are pressed, until a key or a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Final

import attrs

from mtf.cli.keyboard import KeyDecoder, keys_at_once
from mtf.cli.live_screen import LiveScreen
from mtf.cli.loop import stop_on_signals
from mtf.cli.terminal import look_at_stdout
from mtf.cli.watch_choice import WatchChoice
from mtf.cli.watch_screen import Frame, frame_of, watch_lines
from mtf.cli.watched import Watched

__all__ = ["WatchSession", "is_screen"]

REFRESH_S: Final = 0.2
IDLE_S: Final = 1.0  # from one frame to the next if no event comes, so that the rate goes down
TAKE_S: Final = 0.05  # how long events are taken in between two frames
READ_BYTES: Final = 1024
SIGNAL_CODES: Final = 128


class WatchSession:
    """The running screen of *watched*, headed by *title*."""

    def __init__(self, watched: Watched, title: str) -> None:
        self._watched: Final = watched
        self._title: Final = title
        self._choice: Final = WatchChoice()
        self._decoder: Final = KeyDecoder()
        self._woken: Final = asyncio.Event()  # by a key or a signal
        self._pressed = 0  # keys so far
        self._frame: Frame | None = None  # that is on the screen
        self._code = 0  # of the exit

    async def run(self) -> int:
        """Draw until a key or a signal ends it; return the exit code."""
        with stop_on_signals(self._stop), LiveScreen() as screen, self._keys():
            shown: object = None
            while not self._choice.ended:
                more = self._watched.take(TAKE_S)
                await self._step(screen)
                look = look_at_stdout()
                due = (self._watched.seq, look, self._pressed, int(time.monotonic() / IDLE_S))
                if due != shown:
                    shown = due
                    self._frame = frame_of(self._watched, self._choice, self._title, look)
                    screen.draw(watch_lines(self._frame, look), look)
                await self._wait(0.0 if more else REFRESH_S)
        return self._code

    async def _step(self, screen: LiveScreen) -> None:
        """Take the requested steps, one after the other; the log may have to be replayed for it."""
        choice = self._choice
        while choice.steps and not choice.ended:
            step = choice.steps.pop(0)
            if choice.symbol is not None:
                timeframe = self._watched.timeframe_names[choice.rank] if step.bar else None
                going = asyncio.to_thread(self._watched.step, choice.symbol, step.direction, timeframe)
                task = asyncio.create_task(going, name="mtf watch step")
                done, _ = await asyncio.wait([task], timeout=REFRESH_S)
                if not done and self._frame is not None:
                    look = look_at_stdout()
                    screen.draw(watch_lines(attrs.evolve(self._frame, busy=True), look), look)
                await task

    async def _wait(self, seconds: float) -> None:
        """Return after that time, or at once if a key was pressed."""
        await asyncio.sleep(0.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        if not self._woken.is_set():
            self._press(self._decoder.pause())
        self._woken.clear()

    def _stop(self, number: int) -> bool:
        """End cleanly; Ctrl-C is a way to quit."""
        self._code = 0 if number == signal.SIGINT else SIGNAL_CODES + number
        self._choice.ended = True
        self._woken.set()
        return True

    def _press(self, keys: list[str]) -> None:
        symbols = self._watched.symbols()
        for key in keys:
            self._pressed += 1
            self._choice.press(key, symbols, self._watched.timeframes)

    @contextlib.contextmanager
    def _keys(self) -> Iterator[None]:
        """A context in which keys are read, if stdin is a suitable terminal."""
        if not sys.stdin.isatty():
            yield
            return
        descriptor = sys.stdin.fileno()
        loop = asyncio.get_running_loop()

        def read() -> None:
            try:
                data = os.read(descriptor, READ_BYTES)
            except OSError:
                data = b""
            if not data:  # the terminal was closed
                loop.remove_reader(descriptor)
                self._choice.ended = True
            self._press(self._decoder.feed(data))
            self._woken.set()

        try:
            import termios  # noqa: F401 - whether there is one
        except ImportError:
            yield
            return
        with keys_at_once(descriptor):
            blocking = os.get_blocking(descriptor)
            loop.add_reader(descriptor, read)
            # uvloop makes it non-blocking, and so stdout, which is the same terminal: half a frame would be lost.
            os.set_blocking(descriptor, blocking)
            try:
                yield
            finally:
                loop.remove_reader(descriptor)
                os.set_blocking(descriptor, blocking)


def is_screen() -> bool:
    """Whether stdout is a terminal that can be redrawn."""
    return sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")
