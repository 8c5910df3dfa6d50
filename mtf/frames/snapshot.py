"""The snapshot: every timeframe of one symbol at one seq, as an immutable value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.columns import BarState
from mtf.bars.judged_block import Instrument
from mtf.bars.verdicts import AUTO, PRICE_SIDES, Counts
from mtf.calendars.calendar import Calendar
from mtf.frames.symbol_state import SymbolState
from mtf.frames.timeframe_state import Schema, TimeframeState
from mtf.indicators.values import ValueState
from mtf.markup import html_table, time_text
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS

__all__ = ["NO_TIME_NS", "Snapshot"]

HTML_VALUES_MAX: Final = 12
NO_TIME_NS: Final = -1  # a symbol's clock before its first accepted tick, as readers see it


@mypyc_attr(native_class=True, acyclic=True)
class Snapshot:
    """The whole state of one symbol after the event `seq`, as `snapshot["5m"].partial.high`. Immutable.

    `seq` is the newest event of the pipeline that it includes (of any symbol, as later events of other symbols change
    nothing in it), `time_ns` the symbol's clock; -1 before its first accepted tick.
    """

    __slots__ = ("_last", "_schema", "_state", "_states", "seq", "symbol", "time_ns")

    def __init__(self, schema: Schema, state: SymbolState, seq: i64, time_ns: i64, last: bool = False) -> None:
        self._schema: Final = schema
        self._state: Final = state
        self._last: Final = last
        self._states: list[TimeframeState | None] | None = None  # by rank, built on first access
        self.seq: Final[i64] = seq
        self.symbol: Final = state.instrument.name
        self.time_ns: Final[i64] = -1 if time_ns == NEVER_NS else time_ns

    def __getitem__(self, timeframe: str | Timeframe) -> TimeframeState:
        """Return one timeframe's state; UnknownTimeframe if it is not kept."""
        return self._at(self._schema.rank(timeframe))

    @property
    def timeframes(self) -> list[Timeframe]:
        """The timeframes in it, shortest first."""
        return list(self._schema.timeframes)

    @property
    def counts(self) -> Counts:
        """Counts of the symbol's events up to `seq`: accepted, rejected (by reason), crossed and locked."""
        return self._state.counts

    @property
    def side(self) -> str:
        """The price that bars are made of: `mid`, `bid`, `ask` or `last`; `auto` until the first accepted tick."""
        state = self._state
        return PRICE_SIDES[AUTO] if state.counts.ticks == 0 else PRICE_SIDES[state.instrument.side]

    def to_dict(self, bars: int = 5) -> dict[str, Any]:
        """Return every timeframe's state by name, each with its last *bars* completed bars, ready for orjson."""
        return {
            "symbol": self.symbol,
            "seq": self.seq,
            "time_ns": self.time_ns,
            "timeframes": {each.timeframe.name: each.to_dict(bars) for each in self},
        }

    def _repr_html_(self) -> str:
        """Return an HTML table for notebooks: for each timeframe the forming bar, the last close, and live values."""
        names: list[str] = []
        for state in self:
            names += [name for name in state.live.keys() if name not in names]  # noqa: SIM118 - no dict
        shown = names[:HTML_VALUES_MAX]
        columns = [
            "timeframe",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "ticks",
            "progress",
            "completed",
            *shown,
        ]
        rows: list[list[Any]] = []
        for state in self:
            bar = state.partial
            row: list[Any] = [state.timeframe.name]
            if bar is None:
                row += [None] * 7
            else:
                row += [bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks, f"{bar.progress:.0%}"]
            row.append(state.bars[-1].close if len(state.bars) else None)
            rows.append(row + [state.live.get(name) for name in shown])
        time = "no time yet" if self.time_ns == -1 else time_text(self.time_ns)
        note = f"and {len(names) - len(shown)} more values" if len(names) > len(shown) else ""
        return html_table(f"{self.symbol} at seq {self.seq}, {time}: forming bars, live values", columns, rows, note)

    def __iter__(self) -> Iterator[TimeframeState]:
        return iter([self._at(rank) for rank in range(len(self._schema.timeframes))])

    def __contains__(self, timeframe: object) -> bool:
        return timeframe in self._schema.timeframes

    def __len__(self) -> int:
        return len(self._schema.timeframes)

    def __copy__(self) -> Snapshot:
        return self

    def __deepcopy__(self, memo: object) -> Snapshot:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        state = self._state
        side = state.instrument.side
        return (
            _restored,
            (
                self._schema,
                self.symbol,
                side,
                state.counts,
                state.bars,
                state.values,
                self.seq,
                self.time_ns,
                self._last,
            ),
        )

    def _at(self, rank: i64) -> TimeframeState:
        states = self._states
        if states is None:
            states = [None] * len(self._schema.timeframes)
            self._states = states
        found = states[rank]
        if found is None:
            state = self._state
            values = state.values[rank] if state.values else None
            live = vec[float]([]) if values is None else values.live
            found = TimeframeState(
                self.symbol,
                self._schema,
                rank,
                self.time_ns,
                state.bars[rank],
                values,
                live,
                0,
                self._last,
            )
            states[rank] = found
        return found

    def __repr__(self) -> str:
        return f"Snapshot({self.symbol} at seq {self.seq}, {', '.join(t.name for t in self._schema.timeframes)})"


def _restored(
    schema: Schema,
    symbol: str,
    side: int,
    counts: Counts,
    bars: list[BarState],
    values: list[ValueState],
    seq: int,
    time_ns: int,
    last: bool,
) -> Snapshot:
    """Rebuild a snapshot for pickle."""
    instrument = Instrument(0, symbol, Calendar(), side=side)  # a snapshot uses neither the calendar nor the number
    return Snapshot(schema, SymbolState(instrument, NEVER_NS, counts, bars, values), seq, time_ns, last)
