"""The consumers' side of a pipeline: adding and removing them, their statistics, and who asks for an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from functools import partial

from mtf.actors.bar_reader import BarReader, BarStream
from mtf.actors.consumer import Consumer
from mtf.actors.contract import callbacks_of, check_new, name_of
from mtf.actors.supervisor import NOT_RUNNING
from mtf.config import Config
from mtf.errors import ConfigError, LookAheadError, PipelineStopped, PushInCallback
from mtf.frames.cursor import Cursor
from mtf.pipeline.consumer_statistics import ConsumerStatistics
from mtf.pipeline.options import Options
from mtf.pipeline.run import Run
from mtf.pipeline.terms import Added, Terms
from mtf.pipeline.watching import SnapshotReader
from mtf.timeframe import Timeframe

__all__ = ["Consuming"]


class Consuming:
    """The part of a pipeline's interface for those who are shown its events."""

    def __init__(self, config: Config, options: Options) -> None:
        self.config: Config = config  # from the start on, with the calendars of the log
        self._options = options
        self._added: list[Added] = []  # before the start
        self._alive: Run | None = None  # from the start on

    # Who asks. Every answer of a pipeline goes through one of these.

    def _shown(self) -> Cursor | None:
        """Return the cursor of the callback that the caller is in; None outside of callbacks."""
        return None if self._alive is None else self._alive.showing.cursor()

    def _outside(self, what: str) -> Run | None:
        """Return the run for an answer as of the newest event; None before the start. LookAheadError in a callback."""
        if self._shown() is not None:
            raise LookAheadError(
                f"{what} is about events that this callback has not been shown: ask outside of the callback"
            )
        return self._alive

    def _started(self) -> Run:
        """Return the run; PipelineStopped before the start."""
        if self._alive is None:
            raise PipelineStopped(NOT_RUNNING)
        return self._alive

    def _running(self, what: str) -> Run:
        """Return the run for an action; raises inside a callback, and if it is not running."""
        run = self._started()
        run.check_loop()
        if run.showing.cursor() is not None:
            raise PushInCallback(
                f"cannot {what} inside a callback: it would wait for events after the one being shown; use a task"
            )
        return run

    # Consumers.

    def add(
        self,
        consumer: Consumer,
        *,
        name: str = "",
        policy: str = "wait",
        symbols: str | Iterable[str] | None = None,
        timeframes: str | Timeframe | Iterable[str | Timeframe] | None = None,
        on_error: str = "stop",
        queue_limit: int | None = None,
        thread: bool = False,
    ) -> None:
        """Show *consumer* everything from now on; before the first event of a run, everything.

        *name* replaces that of the consumer. With *timeframes*, `on_bar` is only called for bars of those; with
        *symbols*, `on_bar`, `on_tick` and `on_reject` only for those (clock events have no symbol). What is left out
        costs nothing.

        *policy* says what happens if it is too slow. `wait`: the pipeline waits once *queue_limit* blocks (8) are
        queued. `latest`: it is shown each completed bar, but only the newest of the other events; the pipeline waits
        once *queue_limit* bars (4096) are queued. `drop`: events that come while *queue_limit* blocks are queued are
        lost, and counted. `fail`: such an event ends this consumer.

        *on_error* says what an exception in one of its callbacks does: it stops the pipeline (`stop`), or only this
        consumer (`detach`), or restarts it (`restart`): `load` is called with the last result of `save`, then
        `on_start`, and it is shown the events since; the delay grows each time, and there are at most five restarts.
        With *thread*, its callbacks, which must be plain functions, run in their own thread, where they may block.

        ConfigError if a callback has a wrong name or wrong parameters, these settings contradict each other, or the
        consumer's saved state is too old for a pipeline that has already caught up.
        """
        callbacks = callbacks_of(consumer)
        name = name_of(consumer, name)
        terms = Terms.checked(
            queue_limit,
            timeframes=None if timeframes is None else tuple(map(self._kept, _listed(timeframes))),
            symbols=None if symbols is None else symbols_of(symbols),
            policy=policy,
            on_error=on_error,
            thread=bool(thread),
        )
        terms.check(consumer, callbacks)
        added = Added(consumer, name, callbacks, terms)
        if self._alive is None:
            check_new(consumer, name, ((other.consumer, other.name) for other in self._added))
            self._added.append(added)
            return
        self._alive.check_loop()
        self._alive.enrolment.attach(added)

    def remove(self, consumer: Consumer) -> Awaitable[None]:
        """Show *consumer* nothing more from now on; ConfigError if it was not added.

        The returned future is done once a running callback has ended; inside the consumer's own callbacks, at once.
        """
        run = self._started()
        run.check_loop()
        return run.audience.remove(consumer)

    @property
    def consumers(self) -> tuple[ConsumerStatistics, ...]:
        """The statistics of each consumer that was added and not removed, in order, mtf's own included."""
        run = self._outside("consumers")
        return () if run is None else run.audience.statistics()

    def watch(self, symbols: str | Iterable[str] | None = None, *, every: float = 0.1) -> SnapshotReader:
        """Return an async iterator over the newest snapshots of one symbol, several, or all (None).

        It yields a symbol's snapshot when the symbol has changed, at most once in *every* seconds, and skips the states
        in between: a reader that is slow, or does not read, costs nothing and delays nobody. It ends after the last
        state when the pipeline stops.
        """
        wanted = None if symbols is None else symbols_of(symbols)
        return SnapshotReader(wanted, every, self._options.wall, self._started_run, partial(self._outside, "watch"))

    def _started_run(self) -> Run:
        """Return the run, on its loop; raises if there is none."""
        run = self._started()
        run.check_loop()
        return run

    def bars(
        self,
        timeframe: str | Timeframe,
        *,
        symbol: str | None = None,
        limit: int = 1024,
        fill: bool = False,
        policy: str = "wait",
    ) -> BarReader:
        """Return an async iterator over the completed bars of a timeframe from now on, of one symbol or all.

        At most *limit* bars wait to be read. Beyond that, depending on *policy*, the pipeline waits for the reader
        (`wait`: so do not read in the task that pushes), the oldest bar is lost and counted (`drop`), or the reader
        gets ConsumerBehind after the waiting bars (`fail`). Leave it with `async with p.bars(...) as bars` or `aclose`;
        it ends when the pipeline stops. With *fill*, silences in an open market come as flat bars, marked `filled`,
        together with the bar that ends them; ConfigError for bars of activity, which no silence lacks.
        """
        config = self.config
        kept = self._kept(timeframe)
        if fill and not kept.timed:
            raise ConfigError(f"fill=True: bars of {kept} are not of time, so that none is missing in a silence")
        calendar_of = config.calendars.calendar_of if fill else None
        stream = BarStream(kept, symbol, limit, calendar_of, config.anchor_ns, policy)
        self.add(stream, timeframes=(kept,), symbols=symbol)
        return BarReader(stream, partial(self._outside, "the next bar"))

    def _kept(self, timeframe: str | Timeframe) -> Timeframe:
        """Return *timeframe* as one of this pipeline's; UnknownTimeframe if it is not one."""
        return self.config.timeframes[self.config.timeframes.index(timeframe)]


def _listed(timeframes: str | Timeframe | Iterable[str | Timeframe]) -> list[str | Timeframe]:
    return [timeframes] if isinstance(timeframes, str | Timeframe) else list(timeframes)


def symbols_of(symbols: str | Iterable[str]) -> tuple[str, ...]:
    """Return *symbols*, one or several, as a tuple; ConfigError if there are none, or one is not a string."""
    listed: tuple[object, ...] = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    texts = tuple(symbol for symbol in listed if isinstance(symbol, str) and symbol)
    if not texts or len(texts) < len(listed):
        raise ConfigError(f"symbols must be one or more symbols, got {symbols!r}")
    return texts
