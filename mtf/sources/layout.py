"""The layout of a table: its columns and the format of its times. A value; it makes the reader of a part.

`time_format` is the order of a civil date (`ymd`, `dmy`, `mdy`), or the unit of an epoch (`s`, `ms`, `us`, `ns`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from mtf.errors import ConfigError, OptionNeeded
from mtf.events.bar_rows import length_code
from mtf.events.block import BOTH_SIDES, HAS_ASK, HAS_BID
from mtf.sources.column_reader import ColumnReader
from mtf.sources.decimals import POINT
from mtf.sources.json_lines import JsonLines
from mtf.sources.limits import DEFAULT_LIMITS, Limits
from mtf.sources.local_time import Zone
from mtf.sources.quotes import QuoteReader
from mtf.sources.row_reader import TRADES
from mtf.sources.stamps import CIVIL_DMY, CIVIL_MDY, CIVIL_YMD, EPOCH, StampReader
from mtf.sources.tabular import Wanted, wanted_columns
from mtf.sources.text_table import BARS, QUOTE_BARS, QUOTES, ROLES, TRADE_TICKS, TableReader
from mtf.timeframe import Timeframe

__all__ = ["BLANKS", "SIDES", "TIME_FORMATS", "Layout"]

SIDES: Final = {"last": TRADES, "bid": HAS_BID, "ask": HAS_ASK, "mid": BOTH_SIDES}

APART: Final = ("symbol", "notes", "limits")  # fields of one part, which do not affect how its rows are read

BLANKS: Final = ("missing", "unchanged")

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

# The roles that matter, of rows of any kind and of each.
_TELLS: Final = ("time", "clock", "symbol")
_READ: Final = {
    QUOTES: ("id", "bid", "ask", "bid_size", "ask_size"),
    TRADE_TICKS: ("id", "price", "size"),
    BARS: ("open", "high", "low", "close", "volume", "more_volume"),
    QUOTE_BARS: tuple(role for role in ROLES if role.startswith(("bid_", "ask_"))),
}


def _pairs(watched: Iterable[Sequence[Any]]) -> tuple[tuple[int, str], ...]:
    return tuple((int(column), str(name)) for column, name in watched)


def _names(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(keys)


def _check_columns(layout: Layout, _: object, columns: Mapping[str, int]) -> None:
    for role, column in columns.items():
        if not 0 <= column < layout.fields:
            raise ConfigError(f"there is no column {column} for {role}: the table has {layout.fields}")
    for role in ("time", *_NEEDED[layout.kind]):
        if role not in columns:
            raise OptionNeeded(f"no column is the {role}: name it with {{columns}}", columns=f"{role}=NAME")


@attrs.frozen(kw_only=True)
class Layout:
    """How the rows of a table are read; see `TableReader` for what each field does.

    Layouts are equal if they read rows in the same way, whatever the symbol.
    """

    kind: int
    fields: int
    columns: Mapping[str, int] = attrs.field(validator=_check_columns)
    delimiter: str = ","
    skip: int = 0
    time_format: str = "ymd"
    zone: str = "UTC"
    day_ns: int | None = None  # the midnight that an epoch is counted from, in the local time of `zone`
    symbol: str = attrs.field(default="", eq=False)
    shift: int = 0
    mark: int = POINT  # the decimal mark
    whole: bool = False
    timeframe: Timeframe | None = None
    close_stamped: bool = False
    side: int = TRADES
    blank: str = "missing"  # the meaning of a quote's empty side
    undefined: str = ""  # the text of a side without a price
    backward: bool = False  # the rows are newest first, and read from the last one on
    unread: str = ""  # why no row can be read: all are refused
    watched: tuple[tuple[int, str], ...] = attrs.field(default=(), converter=_pairs)  # columns that stay the same
    notes: tuple[str, ...] = attrs.field(default=(), eq=False)  # what a user should know of how the table is read
    keys: tuple[str, ...] = attrs.field(default=(), converter=_names)  # rows are JSON objects, with these fields
    limits: Limits = attrs.field(default=DEFAULT_LIMITS, eq=False)

    def __attrs_post_init__(self) -> None:
        if self.time_format not in TIME_FORMATS:
            raise ConfigError(f"time_format must be one of {', '.join(TIME_FORMATS)}, got {self.time_format!r}")
        if self.kind in (BARS, QUOTE_BARS) and self.timeframe is None:
            raise OptionNeeded("the length of the bars is not clear from the rows: give {timeframe}", timeframe="1m")
        if self.blank not in BLANKS:
            raise ConfigError(f"blank must be {' or '.join(BLANKS)}, got {self.blank!r}")
        if not self.symbol and "symbol" not in self.columns:
            raise OptionNeeded("neither a column nor the file's name has the symbol: give {symbol}", symbol="NAME")

    @property
    def label(self) -> str:
        """What the rows are, in a word or two."""
        if self.kind == QUOTES:
            return "quotes"
        if self.kind == TRADE_TICKS:
            return "trades"
        return f"{self.side_name} bars {self.timeframe}".lstrip()

    @property
    def side_name(self) -> str:
        """The side that bars are of, "bid", "ask" or "mid"; "" for trades."""
        return next((name for name, value in SIDES.items() if value == self.side != TRADES), "")

    def to_dict(self) -> dict[str, Any]:
        """Return the layout as a JSON value, without what belongs to the part that is read."""
        found = attrs.asdict(self, filter=lambda field, _: field.name not in APART, recurse=False)
        if not self.keys:
            del found["keys"]
        return found | {
            "columns": dict(self.columns),
            "timeframe": self.timeframe and str(self.timeframe),
            "watched": [list(each) for each in self.watched],
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], *, symbol: str, limits: Limits) -> Layout:
        """Return the layout that *found* was made from, for a part of *symbol*."""
        timeframe = found["timeframe"] and Timeframe(found["timeframe"])
        known = {field.name: found[field.name] for field in attrs.fields(cls) if field.name in found}
        return cls(**{**known, "timeframe": timeframe, "symbol": symbol, "limits": limits})

    def reader(self, place: str, *, in_columns: bool = False) -> TableReader:
        """Return a reader of the part called *place*, at its start: of text, or of rows *in_columns*."""
        time_kind, unit_ns = TIME_FORMATS[self.time_format]
        stamps = StampReader(
            time_kind,
            Zone(self.zone),
            unit_ns=unit_ns,
            base_ns=self.day_ns or 0,
            local=self.day_ns is not None,
        )
        made: type[TableReader] = QuoteReader if self.leaves_out else TableReader
        if in_columns or self.keys:
            made = ColumnReader if in_columns else JsonLines
        reader = made(
            place,
            kind=self.kind,
            delimiter=ord(self.delimiter),
            fields=self.fields,
            columns=[self.columns.get(role, -1) for role in ROLES],
            stamps=stamps,
            symbol=self.symbol,
            skip=self.skip,
            shift=self.shift,
            mark=self.mark,
            whole=self.whole,
            length=length_code(self.timeframe) if self.timeframe is not None else 0,
            close_stamped=self.close_stamped,
            side=self.side,
            watched=self.watched,
            unread=self.unread,
        )
        reader.backward = self.backward
        reader.header_lines = self.skip
        reader.line_bytes_max = self.limits.line_bytes
        if isinstance(reader, ColumnReader):
            reader.begin(self._wanted(), unchanged=self.leaves_out)
        elif isinstance(reader, QuoteReader):
            reader.leave_out(unchanged=self.blank == "unchanged", undefined=self.undefined.encode())
            if isinstance(reader, JsonLines):
                reader.begin(list(self.keys))
        return reader

    def _wanted(self) -> list[Wanted]:
        """Return the kind of cells to read from each column, if rows come in columns."""
        names = (*_TELLS, *_READ[self.kind], *(_READ[QUOTES] + _READ[TRADE_TICKS] if self.leaves_out else ()))
        epoch = TIME_FORMATS[self.time_format]
        return wanted_columns(
            self.fields,
            [(role, self.columns[role]) for role in dict.fromkeys(names) if role in self.columns],
            unit_ns=epoch[1] if epoch[0] == EPOCH else 0,
            walls=self.timeframe is not None and not self.timeframe.intraday,
            watched=[column for column, _ in self.watched],
        )

    @property
    def leaves_out(self) -> bool:
        """Whether rows of quotes or trades may omit what another row contained."""
        says_less = self.blank == "unchanged" or self.undefined != "" or bool(self.keys)
        return self.kind in (QUOTES, TRADE_TICKS) and says_less
