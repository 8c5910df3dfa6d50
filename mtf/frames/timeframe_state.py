"""One timeframe of one symbol, as readers see it: partial bar, completed bars, live and completed values.

Immutable values, made on demand. The same class serves views and snapshots.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import PartialBar
from mtf.bars.bar_window import BarWindow
from mtf.bars.columns import BarState
from mtf.errors import UnknownIndicator, UnknownTimeframe
from mtf.indicators.declaration import Output
from mtf.indicators.values import ValueState
from mtf.timeframe import Timeframe

NAN: Final = float("nan")

__all__ = ["Schema", "TimeframeState", "Values"]


@mypyc_attr(native_class=True)
class Schema:
    """What a pipeline computes: its timeframes by rank, and for each its indicator outputs, one column per output.

    `disordered` lists first and last seq of each run of finite sources' events out of time order (see `mtf.order`).
    """

    __slots__ = ("columns", "disordered", "has_values", "outputs", "ranks", "timeframes")

    def __init__(self, timeframes: list[Timeframe], outputs: list[list[Output]]) -> None:
        self.timeframes: Final = timeframes
        self.outputs: Final = outputs  # by rank, in column order
        self.has_values: Final = any([len(row) > 0 for row in outputs])
        self.disordered: list[tuple[int, int]] = []  # ascending; the last one may grow
        # column by output name, one dict per rank
        self.columns: Final[list[dict[str, int]]] = [
            {output.name: k for k, output in enumerate(row)} for row in outputs
        ]
        self.ranks: Final[dict[str, int]] = {timeframe.name: rank for rank, timeframe in enumerate(timeframes)}

    def __reduce__(self) -> tuple[object, ...]:
        return (Schema, (self.timeframes, self.outputs))  # `disordered` describes a log, not the schema

    def is_disordered(self, seq: i64) -> bool:
        """Whether event *seq* is from finite sources read out of time order."""
        for k in range(len(self.disordered)):
            first, last = self.disordered[k]
            if first <= seq <= last:
                return True
        return False

    def rank(self, key: object) -> i64:
        """Return the rank of a timeframe, passed by name or as an object; UnknownTimeframe if it is not kept."""
        if isinstance(key, str):
            found = self.ranks.get(key)
            if found is not None:
                return found
        name = Timeframe(str(key)).name
        found = self.ranks.get(name)
        if found is None:
            raise UnknownTimeframe(f"timeframe {name} is not kept here; choose from {', '.join(self.ranks)}")
        return found


@mypyc_attr(native_class=True, acyclic=True)
class Values:
    """Indicator values by output name, such as `values["rsi_14"]`; NaN until ready. A read-only mapping."""

    __slots__ = ("_columns", "_offset", "_values")

    def __init__(self, columns: dict[str, int], values: vec[float], offset: i64) -> None:
        self._columns: Final = columns
        self._values: vec[float] = values
        self._offset: Final[i64] = offset

    def __getitem__(self, name: str) -> float:
        column = self._columns.get(name)
        if column is None:
            raise UnknownIndicator(
                f"indicator output {name!r} is not kept here; choose from {', '.join(self._columns) or 'none'}"
            )
        return self._values[self._offset + column]

    def get(self, name: str, default: float | None = None) -> float | None:
        column = self._columns.get(name)
        return default if column is None else self._values[self._offset + column]

    def keys(self) -> list[str]:
        return list(self._columns)

    def values(self) -> list[float]:
        return [self._values[self._offset + k] for k in range(len(self._columns))]

    def items(self) -> list[tuple[str, float]]:
        return list(zip(self.keys(), self.values(), strict=True))

    def to_dict(self) -> dict[str, float]:
        """Return the values by output, ready for orjson, which writes NaN as null."""
        return dict(self.items())

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __copy__(self) -> Values:
        return self

    def __deepcopy__(self, memo: object) -> Values:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored_values, (self.keys(), self.values()))

    def __repr__(self) -> str:
        return f"Values({dict(self.items())})"


@mypyc_attr(native_class=True, acyclic=True)
class TimeframeState:
    """One timeframe of one symbol, at one seq."""

    __slots__ = (
        "_bars",
        "_columns",
        "_last",
        "_live",
        "_offset",
        "_outputs",
        "_partial",
        "_values",
        "symbol",
        "time_ns",
        "timeframe",
    )

    def __init__(
        self,
        symbol: str,
        schema: Schema,
        rank: i64,
        time_ns: i64,
        bars: BarState,
        values: ValueState | None,
        live: vec[float],
        offset: i64,
        last: bool,
    ) -> None:
        self.symbol: Final = symbol
        self.timeframe: Final = schema.timeframes[rank]
        self.time_ns: Final[i64] = time_ns
        self._bars: Final = bars
        self._columns: Final = schema.columns[rank]
        self._outputs: Final = schema.outputs[rank]
        self._values: Final = values
        self._live: vec[float] = live
        self._offset: Final[i64] = offset
        self._last: Final = last
        self._partial: PartialBar | None = None  # built on first access

    @property
    def partial(self) -> PartialBar | None:
        """The forming bar; None from the end of one until the timeframe's next tick."""
        if self._partial is None and self._bars.header is not None:
            self._partial = self._bars.partial(self.symbol, self.timeframe, self.time_ns, self._last)
        return self._partial

    @property
    def bars(self) -> BarWindow:
        """The last completed bars, oldest first, up to the history limit."""
        return self._bars.window

    @property
    def live(self) -> Values:
        """Indicator values as if the partial bar closed now; the completed values if there is no partial bar.

        NaN if they were not computed: with `live="off"`, or with `"asked"` if no consumer requested them.
        """
        if self._bars.header is None:
            return self.completed
        if len(self._live) == 0:
            return Values(self._columns, vec[float]([NAN] * len(self._columns)), 0)
        return Values(self._columns, self._live, self._offset)

    @property
    def completed(self) -> Values:
        """Indicator values after the newest completed bar."""
        values = self._values
        if values is None:
            return Values(self._columns, vec[float]([]), 0)
        return Values(self._columns, values.completed(), 0)

    @property
    def outputs(self) -> list[Output]:
        """The properties of each indicator output: its warm-up in bars, and whether it is a price."""
        return list(self._outputs)

    @property
    def bars_seen(self) -> int:
        """The number of completed bars the indicators have seen since the log began; `bars` keeps the last ones."""
        values = self._values
        return 0 if values is None else values.count

    def history(self, name: str) -> memoryview[float]:
        """Return the completed values of one output, one per bar of `bars`, oldest first; NaN until ready.

        It is a read-only buffer of doubles, which NumPy and Arrow take without a copy; `list(...)` makes a list of it.
        """
        column = self._columns.get(name)
        values = self._values
        if column is None or values is None:
            raise UnknownIndicator(
                f"indicator output {name!r} is not kept here; choose from {', '.join(self._columns) or 'none'}"
            )
        return values.rows.column(column, values.start, values.stop)

    def to_dict(self, bars: int = 5) -> dict[str, Any]:
        """Return the partial bar, the last *bars* completed ones, and the values, by name, ready for orjson."""
        partial, window = self.partial, self.bars
        return {
            "partial": None if partial is None else partial.to_dict(),
            "bars_kept": len(window),
            "bars": [bar.to_dict() for bar in window[max(0, len(window) - bars) :]],
            "live": self.live.to_dict(),
            "completed": self.completed.to_dict(),
        }

    def bar_state(self) -> BarState:
        """Return the bars as one value."""
        return self._bars

    def value_state(self) -> ValueState | None:
        """Return the indicator values as one value that keeps no frame alive; None without indicators."""
        values = self._values
        if values is None:
            return None
        live = vec[float]([])
        if len(self._live) and self._bars.header is not None:
            live = self._live[self._offset : self._offset + len(self._columns)]
        return ValueState(live, values.rows, values.start, values.stop)

    def __copy__(self) -> TimeframeState:
        return self

    def __deepcopy__(self, memo: object) -> TimeframeState:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        schema = Schema([self.timeframe], [self._outputs])
        return (_restored_state, (self.symbol, schema, self.time_ns, self._bars, self.value_state(), self._last))

    def __repr__(self) -> str:
        return f"TimeframeState({self.symbol} {self.timeframe}, {len(self.bars)} bars, partial {self.partial})"


def _restored_values(names: list[str], values: list[float]) -> Values:
    """Rebuild values for pickle."""
    return Values({name: k for k, name in enumerate(names)}, vec[float](values), 0)


def _restored_state(
    symbol: str, schema: Schema, time_ns: int, bars: BarState, values: ValueState | None, last: bool
) -> TimeframeState:
    """Rebuild a timeframe's state for pickle; *schema* has only that timeframe."""
    live = vec[float]([]) if values is None else values.live
    return TimeframeState(symbol, schema, 0, time_ns, bars, values, live, 0, last)
