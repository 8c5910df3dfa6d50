"""The consumers' side of a pipeline: who is shown what, how each of them does, and who asks for an answer."""

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
    """What a pipeline offers to those who are shown its events."""

    def __init__(self, config: Config, options: Options) -> None:
        self.config: Config = config  # from the start on, with the calendars of the log
        self._options = options
        self._added: list[Added] = []  # before the start
        self._alive: Run | None = None  # from the start on; asked for through `_outside` and `_started` only

    # Who asks. Everything that a pipeline answers goes through one of these three.

    def _shown(self) -> Cursor | None:
        """Return what the callback is shown that the caller is inside of; None outside of all callbacks."""
        return None if self._alive is None else self._alive.showing.cursor()

    def _outside(self, what: str) -> Run | None:
        """Return the run for an answer as of the newest event; None before the start. LookAheadError in a callback."""
        if self._shown() is not None:
            raise LookAheadError(f"{what} is about events that this callback has not been shown: ask outside of it")
        return self._alive

    def _started(self) -> Run:
        """Return the run; PipelineStopped before the start."""
        if self._alive is None:
            raise PipelineStopped(NOT_RUNNING)
        return self._alive

    def _running(self, what: str) -> Run:
        """Return the run, to do something with; raises inside a callback, and if it is not running."""
        run = self._started()
        run.check_loop()
        if run.showing.cursor() is not None:
            raise PushInCallback(
                f"cannot {what} inside a callback: it would wait for what comes after the callback; use a task"
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

        *name* replaces that of the consumer. With *timeframes*, `on_bar` is called for bars of those only; with
        *symbols*, `on_bar`, `on_tick` and `on_reject` for those only (clock events have no symbol). What it did not ask
        for costs it nothing.

        *policy* says what becomes of events for which it is too slow. `wait`: the pipeline waits once *queue_limit*
        blocks (8) do. `latest`: it is shown each completed bar, and of the other events the newest one only; the
        pipeline waits once *queue_limit* bars (4096) do. `drop`: what comes while *queue_limit* blocks wait is lost,
        and counted. `fail`: that ends this consumer.

        *on_error* says what an exception in one of its callbacks does: it stops the pipeline (`stop`), or this consumer
        alone (`detach`), or starts it again (`restart`): `load` is called with what `save` returned last, then
        `on_start`, and it is shown what came since; each time later, and after five times not any more. With *thread*
        its callbacks, plain ones, run in a thread of their own, where they may block.

        ConfigError if a callback has a wrong name or wrong parameters, these settings contradict each other, or the
        consumer's saved state is older than where the pipeline stands.
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
        """Show *consumer* nothing more, from now on; ConfigError if it was not added.

        What is returned can be awaited: it is done once a callback that is under way has ended, inside of the
        consumer's own callbacks at once.
        """
        run = self._started()
        run.check_loop()
        return run.audience.remove(consumer)

    @property
    def consumers(self) -> tuple[ConsumerStatistics, ...]:
        """How each consumer does that was added and not removed, in order; mtf's own are among them."""
        run = self._outside("consumers")
        return () if run is None else run.audience.statistics()

    def watch(self, symbols: str | Iterable[str] | None = None, *, every: float = 0.1) -> SnapshotReader:
        """Return the newest snapshot of one symbol, several, or all (None), again and again, as an async iterator.

        Each time that something of a symbol has changed its snapshot comes, at most once in *every* seconds, and what
        was passed over does not: a reader that is slow, or does not read, costs nothing and holds up nobody. It ends
        after the last state when the pipeline stops.
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
        """Return the completed bars of a timeframe from now on, of one symbol or all, as an async iterator.

        At most *limit* bars wait to be read. Then, by *policy*, the pipeline waits for the reader (`wait`, so read in
        another task than the one that pushes), the oldest bar is lost and counted (`drop`), or the reader gets
        ConsumerBehind after what it has (`fail`). `async with p.bars(...) as bars` or `aclose` leaves it; it ends when
        the pipeline stops. With *fill*, silences in an open market come as flat bars, marked `filled`, when the bar
        that ends them comes.
        """
        config = self.config
        kept = self._kept(timeframe)
        calendar_of = config.calendars.calendar_of if fill else None
        stream = BarStream(kept, symbol, limit, calendar_of, config.anchor_ns, policy)
        self.add(stream, timeframes=(kept,), symbols=symbol)
        return BarReader(stream, partial(self._outside, "the next bar"))

    def _kept(self, timeframe: str | Timeframe) -> Timeframe:
        """Return a timeframe that this pipeline keeps; UnknownTimeframe if it does not."""
        return self.config.timeframes[self.config.timeframes.index(timeframe)]


def _listed(timeframes: str | Timeframe | Iterable[str | Timeframe]) -> list[str | Timeframe]:
    return [timeframes] if isinstance(timeframes, str | Timeframe) else list(timeframes)


def symbols_of(symbols: str | Iterable[str]) -> tuple[str, ...]:
    """Return *symbols*, one or several; ConfigError for an empty list, or what is not text."""
    listed: tuple[object, ...] = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    texts = tuple(symbol for symbol in listed if isinstance(symbol, str) and symbol)
    if not texts or len(texts) < len(listed):
        raise ConfigError(f"symbols must be a symbol or several, got {symbols!r}")
    return texts
