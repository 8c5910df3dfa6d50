"""The layout of a table: what its columns are and how its times are written. A value; it makes the reader of a part.

`time_format` is how a civil date is ordered (`ymd`, `dmy`, `mdy`), or the unit of an epoch (`s`, `ms`, `us`, `ns`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from mtf.errors import ConfigError
from mtf.events.block import HAS_ASK, HAS_BID
from mtf.sources.limits import DEFAULT_LIMITS, Limits
from mtf.sources.reader import TRADES
from mtf.sources.stamps import CIVIL_DMY, CIVIL_MDY, CIVIL_YMD, EPOCH, StampReader
from mtf.sources.table import BARS, QUOTE_BARS, QUOTES, ROLES, TRADE_TICKS, TableReader
from mtf.sources.zone import Zone
from mtf.timeframe import Timeframe

__all__ = ["SIDES", "TIME_FORMATS", "Layout"]

SIDES: Final = {"last": TRADES, "bid": HAS_BID, "ask": HAS_ASK}

TIME_FORMATS: Final = {
    "ymd": (CIVIL_YMD, 1),
    "dmy": (CIVIL_DMY, 1),
    "mdy": (CIVIL_MDY, 1),
    "s": (EPOCH, 1_000_000_000),
    "ms": (EPOCH, 1_000_000),
    "us": (EPOCH, 1_000),
    "ns": (EPOCH, 1),
}

_NEEDED: Final = {
    QUOTES: (),
    TRADE_TICKS: ("price",),
    BARS: ("open", "high", "low", "close"),
    QUOTE_BARS: (),
}


def _check_columns(layout: Layout, _: object, columns: Mapping[str, int]) -> None:
    for role, column in columns.items():
        if not 0 <= column < layout.fields:
            raise ConfigError(f"there is no column {column} for {role}: the file has {layout.fields}")
    for role in ("time", *_NEEDED[layout.kind]):
        if role not in columns:
            raise ConfigError(f"no column is the {role}: say which with columns={{'{role}': NAME}}")


@attrs.frozen(kw_only=True)
class Layout:
    """How the rows of a table are read; see `TableReader` for what each field does."""

    kind: int
    fields: int
    columns: Mapping[str, int] = attrs.field(validator=_check_columns)
    delimiter: str = ","
    skip: int = 0
    time_format: str = "ymd"
    zone: str = "UTC"
    day_ns: int | None = None  # the midnight that an epoch is counted from, in the local time of `zone`
    symbol: str = ""
    shift: int = 0
    whole: bool = False
    timeframe: Timeframe | None = None
    close_stamped: bool = False
    side: int = TRADES
    limits: Limits = DEFAULT_LIMITS

    def __attrs_post_init__(self) -> None:
        if self.time_format not in TIME_FORMATS:
            raise ConfigError(f"no time format {self.time_format!r}: it is one of {', '.join(TIME_FORMATS)}")
        if self.kind in (BARS, QUOTE_BARS) and self.timeframe is None:
            raise ConfigError("how long a bar lasts cannot be told from the file: give timeframe='1m'")
        if not self.symbol and "symbol" not in self.columns:
            raise ConfigError("no column is the symbol and the file's name does not tell it: give symbol=")

    @property
    def label(self) -> str:
        """What the rows are, in a word or two."""
        if self.kind == QUOTES:
            return "quotes"
        if self.kind == TRADE_TICKS:
            return "trades"
        return f"bars {self.timeframe}"

    def reader(self, place: str) -> TableReader:
        """Return a reader of the text called *place*, at its start."""
        time_kind, unit_ns = TIME_FORMATS[self.time_format]
        stamps = StampReader(
            time_kind,
            Zone(self.zone),
            unit_ns=unit_ns,
            base_ns=self.day_ns or 0,
            local=self.day_ns is not None,
        )
        reader = TableReader(
            place,
            kind=self.kind,
            delimiter=ord(self.delimiter),
            fields=self.fields,
            columns=[self.columns.get(role, -1) for role in ROLES],
            stamps=stamps,
            symbol=self.symbol,
            skip=self.skip,
            shift=self.shift,
            whole=self.whole,
            length_ns=self.timeframe.length_ns if self.timeframe is not None else 0,
            close_stamped=self.close_stamped,
            side=self.side,
        )
        reader.line_bytes_max = self.limits.line_bytes
        return reader
