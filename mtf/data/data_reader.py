"""The reader of a data directory or another storage, returned by `mtf.open`. Only reads, and takes no lock:

a pipeline may write meanwhile, in this process or another. Each answer is as of one event, the newest at the time of
the call, or an earlier one on request; later events do not change it.
"""

from __future__ import annotations

import contextlib
import datetime
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, NamedTuple

from mtf.bars.bar import Bar
from mtf.bars.bar_window import BarWindow
from mtf.config import Config
from mtf.data.completed_bars import END, SEQ, BarQuery, Series
from mtf.data.counted import counted_base
from mtf.data.follow import POLL_S, follow_bars
from mtf.data.logged_ticks import TICKS, LoggedTick, TickQuery
from mtf.data.longer import base_of
from mtf.data.moments import Moment, Time, moment, nanoseconds
from mtf.data.newest import Newest
from mtf.data.outages import LoggedOutage, logged_outages
from mtf.data.table import Table
from mtf.errors import ConfigError, DataDirError, UnknownIndicator, UnknownSymbol, UnknownTimeframe
from mtf.frames.snapshot import Snapshot
from mtf.kernel import Kernel
from mtf.log import ReadableLog
from mtf.storage.datadir import DataDir, Place, storage_of
from mtf.storage.history.contents import outputs_of, versions_of
from mtf.storage.history.store import HistoryStore
from mtf.storage.imported import NOTHING, Imported, imported_of
from mtf.storage.restore import engine_at
from mtf.storage.storage import Storage
from mtf.timeframe import TICKS as TICK_BARS
from mtf.timeframe import Timeframe
from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = ["DataReader", "States", "SymbolSpan", "open_data"]


class SymbolSpan(NamedTuple):
    """From the start of a symbol's first completed bar to the end of its last one, in nanoseconds UTC."""

    start_ns: int
    end_ns: int


class States(NamedTuple):
    """Every symbol's snapshot as of the event *seq*, by name in order of appearance."""

    seq: int
    symbols: Mapping[str, Snapshot]


class DataReader:
    """Reads the data directory *place*, or another storage; DataDirError if there is no log, CorruptLog for damage.

    It follows the log once asked for the newest state, or for bars that are not stored yet: from then on it has the
    state of the market in memory, until it is closed.

    A context manager; `close` closes files, and existing tables stay usable. Methods read files and never wait for a
    writer; in an event loop, call them through `asyncio.to_thread`. One thread at a time.
    """

    def __init__(self, place: Place) -> None:
        self.storage: Final[Storage] = storage_of(place)
        self.name: Final[str] = self.storage.name  # of the storage: the path of a directory
        self.path: Final = self.storage.path if isinstance(self.storage, DataDir) else None
        self._log: Final[ReadableLog] = self.storage.read_log()
        self.config: Final[Config] = Config.from_json(
            self._log.config, self.name
        )  # the configuration that it was made with
        self._store: HistoryStore | None = None  # opened when it is first needed
        self._run_id = b""  # of the log in a directory, once read
        self._imported: Imported | None = None  # once read: it cannot change once there are other events
        self._newest: Final = Newest(self.storage)
        self._closed = False

    def __enter__(self) -> DataReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close files. Safe to call twice."""
        self._closed = True
        self._newest.close()
        self._log.close()

    @property
    def symbols(self) -> list[str]:
        """The symbols in the log so far, in order of appearance."""
        self._check_open()
        return self._log.symbols

    @property
    def timeframes(self) -> list[Timeframe]:
        """The timeframes of the run, shortest first."""
        return list(self.config.timeframes)

    @property
    def imported(self) -> Imported:
        """The part of the log that was imported as history, before anything came live."""
        self._check_open()
        if self._imported is None:
            if not self._log.last_seq:
                return NOTHING
            self._imported = imported_of(self._log)
        return self._imported

    @property
    def seq(self) -> int:
        """The newest event in the log; 0 if there is none."""
        return self._look()

    @property
    def first_seq(self) -> int:
        """The first event that the log still has; 1 unless old ones were removed."""
        self._check_open()
        return self._log.first_seq

    def bars(
        self,
        symbol: str | Sequence[str],
        timeframe: str | Timeframe | Sequence[str | Timeframe],
        *,
        start: Time | None = None,
        end: Time | None = None,
        last: int | None = None,
        indicators: bool | str | Sequence[str] = False,
        as_of: Time | Moment | None = None,
    ) -> Table[Bar]:
        """Return the completed bars that start in `[start, end)`, or the *last* ones, by symbol, timeframe and start.

        With *indicators*, there is a float64 column for each completed value, named as in `live` (`rsi_14`): of all
        that were run, or of the named ones. It is null if an indicator was not ready, and for bars without stored
        values: those of a timeframe that was not run, and those stored without values.

        Times are nanoseconds, aware datetimes or ISO text with a zone. *as_of* is a seq, or a time as in `state`: only
        what was known then. A timeframe that was not run is built from the longest one that was run and divides it.
        UnknownSymbol, UnknownTimeframe or ConfigError for what does not exist, DataDirError if a history is damaged; an
        empty table if there are no such bars.
        """
        last_seq, then = self._as_of(as_of)
        symbols = self._known_symbols(symbol, self._log.symbols)
        series = [Series(name, each, self._base(each)) for name in symbols for each in self._timeframes(timeframe)]
        if last is not None and last < 1:
            raise ConfigError(f"last must be 1 or more, got {last}")
        store = self._history()
        stored_seq = 0 if store is None else store.position()
        query = BarQuery(
            newest=self._newest,
            store=store,
            config=self.config,
            series=series,
            start_ns=None if start is None else nanoseconds(start),
            end_ns=None if end is None else nanoseconds(end),
            last=last,
            stored_seq=min(stored_seq, last_seq),
            last_seq=last_seq,
            known_seqs=None if then is None else self._known_seqs(series, last_seq, then),
            outputs=self._outputs(series, indicators),
            imported=self.imported,
        )
        names = ", ".join(dict.fromkeys(each.timeframe.name for each in series))
        what = f"{names} bars of {', '.join(symbols)}, as of seq {last_seq}"
        return Table(what, query.columns(), query.pages, batch_of=query.batch_of, values_of=query.values_of)

    def ticks(
        self, symbol: str | Sequence[str] | None = None, *, start: Time | None = None, end: Time | None = None
    ) -> Table[LoggedTick]:
        """Return the ticks stamped in `[start, end)` in log order, including rejected ones, each with its verdict.

        Without *symbol*, those of all symbols. Verdicts depend on earlier events; if the log's beginning was removed,
        the first ones may differ from the original ones.
        """
        return self._ticks("ticks", symbol, start, end, rejected_only=False)

    def rejects(
        self, symbol: str | Sequence[str] | None = None, *, start: Time | None = None, end: Time | None = None
    ) -> Table[LoggedTick]:
        """Return those of `ticks` that were rejected. Malformed rows are not in the log, but in `malformed.jsonl`."""
        return self._ticks("rejected ticks", symbol, start, end, rejected_only=True)

    def outages(self, *, start: Time | None = None, end: Time | None = None) -> Iterator[LoggedOutage]:
        """Yield when feeds were down, in the order of the log: outages that overlap `[start, end)`.

        Their times are those of the wall clock. The log is read from an hour before *start* on, or all of it.
        """
        start_ns = TS_MIN_NS if start is None else nanoseconds(start)
        end_ns = TS_MAX_NS + 1 if end is None else nanoseconds(end)
        return logged_outages(self._log, self._look(), start_ns, end_ns)

    def state(self, symbol: str, *, at: Time | Moment | None = None) -> Snapshot:
        """Return every timeframe of *symbol* at one seq: forming and completed bars, and indicator values.

        *at* is a seq, or a time: the symbol's state before its first accepted event that is stamped later.
        UnknownSymbol if it had no event by then.
        """
        with self._engine(moment(at)) as engine:
            number = engine.number_of(symbol)
            if number < 0:
                raise self._unknown(symbol, engine.symbols(), f" up to seq {engine.joiner.seq}")
            return engine.snapshot(number)

    def states(self, *, at: Time | Moment | None = None) -> States:
        """Return every symbol's state, as `state` does for one."""
        with self._engine(moment(at)) as engine:
            return States(
                engine.joiner.seq, {name: engine.snapshot(engine.number_of(name)) for name in engine.symbols()}
            )

    def span(self, symbol: str) -> SymbolSpan | None:
        """Return the span of the completed bars of *symbol*, by its shortest timeframe with bars; None without bars."""
        for timeframe in self.timeframes:
            newest = list(self.bars(symbol, timeframe, last=1))
            if newest:
                oldest = next(iter(self.bars(symbol, timeframe)))
                return SymbolSpan(oldest.start_ns, newest[0].end_ns)
        return None

    def follow(
        self,
        symbol: str | Sequence[str] | None = None,
        timeframe: str | Timeframe | Sequence[str | Timeframe] | None = None,
        *,
        poll_s: float = POLL_S,
    ) -> AsyncGenerator[Bar, None]:
        """Yield the bars that are completed from now on, each once its event is in the log, for ever.

        Of all symbols, including new ones, and all timeframes of the run, unless some are named. Checks for new events
        every *poll_s* seconds. Use `contextlib.aclosing` to close the log at once.
        """
        last_seq = self._look()
        symbols = None if symbol is None else {symbol} if isinstance(symbol, str) else set(symbol)
        names = None
        if timeframe is not None:
            kept = self.config.timeframes
            names = {kept[kept.index(each)].name for each in self._timeframes(timeframe)}
        return follow_bars(self.storage, last_seq, symbols, names, poll_s)

    def _ticks(
        self,
        what: str,
        symbol: str | Sequence[str] | None,
        start: Time | None,
        end: Time | None,
        *,
        rejected_only: bool,
    ) -> Table[LoggedTick]:
        last_seq = self._look()
        names = self._log.symbols
        symbols = names if symbol is None else self._known_symbols(symbol, names)
        query = TickQuery(
            storage=self.storage,
            symbols=symbols,
            names=names,
            start_ns=TS_MIN_NS if start is None else nanoseconds(start),
            end_ns=TS_MAX_NS + 1 if end is None else nanoseconds(end),
            last_seq=last_seq,
            log=self._log,
            rejected_only=rejected_only,
            store=self._history_for_ticks(rejected_only),
            late_accepted=self.config.late == "accept",
        )
        whose = "all symbols" if symbol is None else ", ".join(symbols)
        what = f"{what} of {whose}, as of seq {last_seq}"
        return Table(what, TICKS, query.pages, batch_of=query.batch_of, values_of=query.values_of)

    def _history(self) -> HistoryStore | None:
        """Return the history, which caches what it has read; None if there is none yet."""
        if self._store is None:
            self._store = self.storage.stored_bars(versions_of(self.config))
        return self._store

    def _history_for_ticks(self, rejected_only: bool) -> HistoryStore | None:
        """Return the history, or None if it cannot be opened: most ticks can be read without it."""
        try:
            return self._history()
        except DataDirError:
            if rejected_only:
                raise
            return None

    def _outputs(self, series: Sequence[Series], asked: bool | str | Sequence[str]) -> list[str]:
        """Return the names of the *asked* indicator values, in the order of the run."""
        if asked is False:
            return []
        run = outputs_of(self.config)
        there = dict.fromkeys(name for each in series for name in run.get(each.timeframe.name, ()))
        if asked is True:
            return list(there)
        names = list(dict.fromkeys([asked] if isinstance(asked, str) else asked))
        for name in names:
            if name not in there:
                raise UnknownIndicator(
                    f"no indicator value {name!r} was run in {self.name} for these timeframes; "
                    f"choose from {', '.join(there) or 'none'}"
                )
        return names

    def _look(self) -> int:
        self._check_open()
        last_seq = self._log.last_seq
        if self.path is not None:
            run_id = self._log.run_id
            if self._run_id not in (b"", run_id):
                raise DataDirError(
                    f"{self.name}: an import has replaced the log since this reader was opened: open a new one"
                )
            self._run_id = run_id
        return last_seq

    def _check_open(self) -> None:
        if self._closed:
            raise DataDirError(f"{self.name}: this reader is closed: open a new one")

    def _as_of(self, given: Time | Moment | None) -> tuple[int, int | None]:
        """Return the last event that an answer may include, and its time, if one was given."""
        last_seq = self._look()
        at = moment(given)
        if at.seq is not None and at.seq > last_seq:
            raise ConfigError(f"{self.name}: the log ends at seq {last_seq}: choose a seq up to there")
        return (last_seq if at.seq is None else at.seq), at.ts_ns

    @contextlib.contextmanager
    def _engine(self, at: Moment) -> Iterator[Kernel]:
        """A context with the engine as it is *at* a moment, to look at."""
        last_seq = self._look()
        if at == Moment():
            with self._newest.engine(last_seq) as engine:
                yield engine
        else:
            yield engine_at(self.storage, seq=at.seq, time_ns=at.ts_ns)

    def _known_seqs(self, series: Sequence[Series], last_seq: int, time_ns: int) -> dict[tuple[str, str], int]:
        """Return the event that closed the newest bar known at *time_ns*, by symbol and timeframe of the run.

        0 if none was known.
        """
        engine = engine_at(self.storage, seq=last_seq, time_ns=time_ns)
        found: dict[tuple[str, str], int] = {}
        for each in series:
            number = engine.number_of(each.symbol)
            bars = engine.snapshot(number)[each.base].bars if number >= 0 else None
            if not bars and self.first_seq > 1:
                written = datetime.datetime.fromtimestamp(time_ns // 1_000_000_000, datetime.UTC).isoformat()
                raise ConfigError(
                    f"{self.name}: the log begins at seq {self.first_seq}, and what was known of {each.symbol} at "
                    f"{written} is not in it: give as_of as a seq, or a later time"
                )
            found[each.symbol, each.base.name] = self._closed_by(each, bars, last_seq) if bars else 0
        return found

    def _closed_by(self, series: Series, known: BarWindow, last_seq: int) -> int:
        """Return the event that closed the newest of *known*; 0 if it is no longer stored."""
        newest = known[-1]
        start_ns = int(newest.start_ns)
        fellows = self.bars(series.symbol, series.base, start=start_ns, end=start_ns + 1, as_of=Moment(seq=last_seq))
        rows = [row for page in fellows.pages() for row in page]
        count = len(known) - bisect_left(known.start_ns, start_ns)  # bars of activity may share a start
        if count == self.config.history:  # and there may have been more than are kept
            count = bisect_right(rows, newest.end_ns, key=lambda row: row[END])
        rows = rows[:count]
        return int(rows[-1][SEQ]) if rows else 0

    def _known_symbols(self, given: str | Sequence[str], known: Sequence[str]) -> list[str]:
        """Return the given symbols, each once; UnknownSymbol for one that is not *known*."""
        symbols = [given] if isinstance(given, str) else list(dict.fromkeys(given))
        for symbol in symbols:
            if symbol not in known:
                raise self._unknown(symbol, known)
        return symbols

    def _unknown(self, symbol: object, known: Sequence[str], when: str = "") -> UnknownSymbol:
        shown = ", ".join(known[:SYMBOLS_SHOWN]) or "none"
        more = f" and {len(known) - SYMBOLS_SHOWN} more" if len(known) > SYMBOLS_SHOWN else ""
        return UnknownSymbol(f"no event of {symbol!r} is in {self.name}{when}; known symbols: {shown}{more}")

    def _timeframes(self, given: str | Timeframe | Sequence[str | Timeframe]) -> list[Timeframe]:
        return list(dict.fromkeys(map(Timeframe, [given] if isinstance(given, str | Timeframe) else given)))

    def _base(self, timeframe: Timeframe) -> Timeframe:
        kept = self.config.timeframes
        base = base_of(timeframe, kept) or counted_base(timeframe, self.config)
        if base is None:
            raise UnknownTimeframe(
                f"{timeframe} was not run in {self.name}, and cannot be built from what was "
                f"({', '.join(kept.names)}): "
                + ("a shorter one must divide it" if timeframe.timed else self._why_not(timeframe))
            )
        return base

    def _why_not(self, timeframe: Timeframe) -> str:
        """Return why bars of activity that were not run cannot be built."""
        if timeframe.kind != TICK_BARS:
            return "such bars need the ticks themselves; run it with mtf replay --set timeframes=..."
        for name, needed in (("overnight", "close"), ("late", "reject")):
            if getattr(self.config, name) != needed:
                return f"that needs {name}={needed}, and the run has {name}={getattr(self.config, name)}"
        return "one of fewer ticks must divide it"


SYMBOLS_SHOWN: Final = 50


def open_data(path: Place) -> DataReader:
    """Open the data directory *path*, or another storage, for reading, even while a pipeline writes it."""
    return DataReader(path)
