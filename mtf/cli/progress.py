"""The progress bar: on stderr, only if that is a terminal, and removed when the work is done."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from mtf.cli.output import plain, prints_lines

__all__ = ["Report", "Share", "progress_bar", "work_bar"]

REFRESH_S: Final = 0.1

Share = tuple[str, float | None, int]  # the activity, the share done (None: unknown), events so far
Report = Callable[[str, float | None, int], None]  # takes the same, from the code doing the work


class _Percent(ProgressColumn):
    """The share that is done, if known."""

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{int(task.percentage):>3}%")


class _Rate(ProgressColumn):
    """Events, or whatever is counted, so far, and their rate since the activity last changed."""

    def render(self, task: Task) -> Text:
        events, rate, unit = task.fields["events"], task.fields["rate"], task.fields["unit"]
        return Text(f"{events:,} {unit}  {rate:,.0f}/s" if rate else f"{events:,} {unit}")


@contextlib.asynccontextmanager
async def progress_bar(look: Callable[[], Share], *, quiet: bool = False, unit: str = "events") -> AsyncIterator[None]:
    """A context that shows what *look* returns, ten times a second, from a separate task; nothing if *quiet*.

    *unit* is what is counted.
    """
    if quiet or prints_lines() or not sys.stderr.isatty():
        yield
        return
    with _bar() as bar:
        line = _Line(bar, look, unit)
        watcher = asyncio.create_task(line.watch(), name="mtf progress")
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])
            line.draw()  # a run that ends before the first update is shown too


@contextlib.contextmanager
def work_bar(what: str, unit: str = "events") -> Iterator[Report]:
    """A context that yields a function and shows its arguments, at most ten times a second.

    For work that blocks the event loop. *what* is the first activity, *unit* what is counted.
    """
    if prints_lines() or not sys.stderr.isatty():
        yield lambda _what, _share, _count: None
        return
    newest: Share = (what, None, 0)
    drawn_s = time.monotonic()

    def report(what: str, share: float | None, count: int) -> None:
        nonlocal newest, drawn_s
        changed = what != newest[0]
        newest = what, share, count
        now_s = time.monotonic()
        if changed or now_s - drawn_s >= REFRESH_S:
            drawn_s = now_s
            line.draw()

    with _bar() as bar:
        line = _Line(bar, lambda: newest, unit)
        line.draw()
        try:
            yield report
        finally:
            line.draw()


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        _Percent(),
        _Rate(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )


class _Line:
    """The line of the bar, and the start of its activity."""

    def __init__(self, bar: Progress, look: Callable[[], Share], unit: str = "events") -> None:
        self._bar: Final = bar
        self._look: Final = look
        self._what, _, self._start_events = look()
        self._start_s = time.monotonic()
        self._task: Final = bar.add_task(self._what, total=None, events=self._start_events, rate=0.0, unit=unit)

    async def watch(self) -> None:
        """Draw the line again and again."""
        while True:
            self.draw()
            await asyncio.sleep(REFRESH_S)

    def draw(self) -> None:
        what, share, events = self._look()
        if what != self._what:
            self._what, self._start_s, self._start_events = what, time.monotonic(), events
            self._bar.reset(self._task)
        elapsed_s = time.monotonic() - self._start_s
        rate = (events - self._start_events) / elapsed_s if elapsed_s > 0.0 else 0.0
        self._bar.update(
            self._task,
            description=plain(what),
            total=None if share is None else 1.0,
            completed=share or 0.0,
            events=events,
            rate=rate,
        )
        self._bar.refresh()
