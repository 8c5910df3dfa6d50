"""Guesses how a table is laid out, from its first lines and from what the user says. What the user says wins.

Where the lines allow two readings (is 01/02 in January or in February?) it does not choose: ConfigError says what to
give.
"""

from __future__ import annotations

import csv
import functools
import itertools
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from mtf.errors import ConfigError
from mtf.sources.format import Options
from mtf.sources.layout import SIDES, TIME_FORMATS, Layout
from mtf.sources.naming import symbol_of
from mtf.sources.parts import Part
from mtf.sources.stamps import StampReader
from mtf.sources.table import BARS, QUOTE_BARS, QUOTES, TRADE_TICKS
from mtf.sources.zone import SKIPPED_TIME, Zone
from mtf.timeframe import Timeframe

__all__ = ["Table", "guess_layout", "guess_timeframe", "look", "shift_of"]

SAMPLE_ROWS: Final = 2_000
DELIMITERS: Final = ",;\t|"
EPOCH_DIGITS_MIN: Final = 9  # fewer are milliseconds of a day, or no time at all
SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS

# Header names, in lower case and without anything but letters and digits, by what they mean.
_NAMES: Final[Mapping[str, str]] = {
    name: role
    for role, names in {
        "time": "time timestamp datetime date ts tsevent gmttime localtime utctime opentime dateandtime unix epoch",
        "symbol": "symbol pair instrument ticker sym security market",
        "id": "id tradeid tid aggtradeid",
        "bid": "bid bidprice bestbid bidpx",
        "ask": "ask askprice bestask askpx offer",
        "bid_size": "bidsize bidvolume bidvol bidamount bidqty bidquantity bestbidsize bestbidqty",
        "ask_size": "asksize askvolume askvol askamount askqty askquantity bestasksize bestaskqty",
        "price": "price last lastprice tradeprice px",
        "size": "size amount qty quantity lastsize tradesize",
        "open": "open o",
        "high": "high h",
        "low": "low l",
        "close": "close c",
        "volume": "volume vol v tickvolume tickvol ticks",
        "bid_open": "bidopen openbid",
        "bid_high": "bidhigh highbid",
        "bid_low": "bidlow lowbid",
        "bid_close": "bidclose closebid",
        "ask_open": "askopen openask",
        "ask_high": "askhigh highask",
        "ask_low": "asklow lowask",
        "ask_close": "askclose closeask",
    }.items()
    for name in names.split()
}
_OPEN: Final = ("open", "high", "low", "close")
_PRICES: Final = (*_OPEN, "bid", "ask", "price")

_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d{1,9})?)?|\d{6}(\d{3})?")
_DATE: Final = re.compile(r"\d{8}|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
_DATED: Final = re.compile(r"(\d{1,4})([-./])(\d{1,2})[-./](\d{1,4})(\D.*)?")
_COMPACT: Final = re.compile(r"(19|20|21)\d\d[01]\d[0-3]\d([ T_]?[0-2]\d.*)?")
_EPOCH: Final = re.compile(r"(\d{6,19})(\.\d{1,9})?")


@attrs.frozen(kw_only=True)
class Table:
    """The start of a table as text: *header* names of columns or None, *rows* that have as many fields as the first."""

    delimiter: str
    skip: int
    header: list[str] | None
    rows: list[list[str]]

    @property
    def fields(self) -> int:
        return len(self.header) if self.header is not None else len(self.rows[0])

    def column(self, index: int) -> list[str]:
        """The cells of one column that have something in them."""
        return [row[index].strip() for row in self.rows if row[index].strip()]

    def named(self) -> dict[str, int]:
        """Return the columns by the names in the header, in lower case, without anything but letters and digits."""
        return {_plain(name): index for index, name in reversed(list(enumerate(self.header or [])))}


@functools.lru_cache(maxsize=4)  # each format looks at the same start of a file
def look(part: Part, *, delimiter: str | None = None, header: bool | None = None) -> Table | None:
    """Return the table that *part* starts with; None where it has no rows, or is no table."""
    lines = part.lines[: SAMPLE_ROWS + 20]
    skip = 0
    while skip < len(lines) and (not lines[skip].strip() or lines[skip].startswith("#")):
        skip += 1
    lines = lines[skip:]
    if not lines or "\x00" in lines[0]:
        return None
    if delimiter is None:
        delimiter = _delimiter(lines[:50])
        if delimiter is None:
            return None
    rows = [row for line in lines if (row := _cells(line, delimiter))]
    if not rows:
        return None
    names = None
    if header or (header is None and _is_header(rows[0])):
        names = rows.pop(0)
        skip += 1
    fields = len(names) if names is not None else Counter(map(len, rows)).most_common(1)[0][0]
    rows = [row for row in rows[:SAMPLE_ROWS] if len(row) == fields]
    if names is None and not rows:
        return None
    return Table(delimiter=delimiter, skip=skip, header=names, rows=rows)


def guess_layout(part: Part, table: Table, options: Options, *, symbol: str = "", zone: str = "UTC") -> Layout:
    """Return how *table*, the start of *part*, is laid out; *symbol* and *zone* are for where nobody says."""
    columns = _columns(table, options)
    kind = _kind(columns, options)
    if kind == BARS and "volume" not in columns and "size" in columns:
        columns["volume"] = columns["size"]
    if kind == TRADE_TICKS and "size" not in columns and "volume" in columns:
        columns["size"] = columns["volume"]
    if "time" in columns and "clock" not in columns:
        _find_clock(table, columns)
    time_format = options.time_format or _time_format(table, columns)
    zone = options.zone or zone
    if not options.symbol and "symbol" not in columns:
        symbol = symbol or symbol_of(part.member or part.path.name)
    timeframe = options.timeframe
    if timeframe is None and kind in (BARS, QUOTE_BARS) and "time" in columns:
        timeframe = guess_timeframe(table, columns, time_format, zone)
    return Layout(
        kind=kind,
        fields=table.fields,
        columns=columns,
        delimiter=table.delimiter,
        skip=table.skip,
        time_format=time_format,
        zone=zone,
        symbol=options.symbol or ("" if "symbol" in columns else symbol),
        shift=shift_of(options.point, 0),
        timeframe=timeframe,
        close_stamped=options.stamp == "close",
        side=SIDES[options.side or "last"],
        limits=options.limits,
    )


def shift_of(point: float | None, otherwise: int) -> int:
    """Return the power of ten that *point* is; ConfigError where it is none."""
    if point is None:
        return otherwise
    for power in range(-12, 13):
        if point == float(f"1e{power}"):
            return power
    raise ConfigError(f"a point of {point} is no power of ten: give one, as 0.00001")


def guess_timeframe(table: Table, columns: Mapping[str, int], time_format: str, zone: str) -> Timeframe | None:
    """Return how long the bars of *table* last: the commonest step from one to the next; None for too few."""
    kind, unit_ns = TIME_FORMATS[time_format]
    stamps = StampReader(kind, Zone(zone), unit_ns=unit_ns)
    times: list[int] = []
    for row in table.rows:
        date = row[columns["time"]].encode()
        if "clock" in columns:
            clock = row[columns["clock"]].encode()
            both = date + clock
            answer = stamps.read_two(both, 0, len(date), len(date), len(both))
        else:
            answer = stamps.read(date, 0, len(date))
        if answer > SKIPPED_TIME:
            times.append(answer)
    steps = Counter(b - a for a, b in itertools.pairwise(times) if b > a)
    if not steps:
        return None
    step = min(steps, key=lambda length: (-steps[length], length))
    if step < SECOND_NS or step % SECOND_NS:
        return None
    if step % DAY_NS and not 23 * 3600 * SECOND_NS <= step <= 25 * 3600 * SECOND_NS:
        seconds = step // SECOND_NS
        return Timeframe(f"{seconds}s") if step < DAY_NS else None
    days = round(step / DAY_NS)
    return Timeframe("1d" if days == 1 else "1w" if days == 7 else "1mo") if days in (1, 7, 28, 29, 30, 31) else None


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line; a row is a line here, whatever its quotes say."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _delimiter(lines: Sequence[str]) -> str | None:
    """Return what parts the columns: as often in as many lines as can be, and of these the commonest."""
    best, best_score = None, (0, 0)
    for delimiter in DELIMITERS:
        counts = Counter(count for line in lines if (count := line.count(delimiter)))
        for count, found in counts.items():
            if (found, count) > best_score:
                best, best_score = delimiter, (found, count)
    return best


def _is_header(row: Sequence[str]) -> bool:
    """Whether *row* names columns: something in it has a letter in front, and no price or time is in it."""
    named = sum(1 for cell in row if _plain(cell) in _NAMES)
    figures = sum(1 for cell in row if cell.strip()[:1].isdigit())
    return named > 0 and figures == 0


def _columns(table: Table, options: Options) -> dict[str, int]:
    if options.columns is not None:
        return {role: _index(table, role, column) for role, column in options.columns.items()}
    if table.header is not None:
        return _named_columns(table.header)
    return _unnamed_columns(table, options)


def _index(table: Table, role: str, column: str | int) -> int:
    if isinstance(column, int):
        return column
    if table.header is not None:
        exact = [name.strip() for name in table.header]
        if column in exact:
            return exact.index(column)
        found = table.named().get(_plain(column))
        if found is not None:
            return found
    if column.isdigit():
        return int(column)
    there = (
        f"the file has {', '.join(table.header)}"
        if table.header
        else "the file has no header, so give numbers from 0 on"
    )
    raise ConfigError(f"there is no column {column!r} for {role}: {there}")


def _named_columns(header: Sequence[str]) -> dict[str, int]:
    """Return the columns by their names; of several that mean the same, the first."""
    columns: dict[str, int] = {}
    plain = [_plain(name) for name in header]
    if "date" in plain and "time" in plain:
        columns = {"time": plain.index("date"), "clock": plain.index("time")}
    elif "timestamp" in plain:
        columns = {"time": plain.index("timestamp")}
    for index, name in enumerate(plain):
        role = _NAMES.get(name)
        if role is not None:
            columns.setdefault(role, index)
    return columns


def _unnamed_columns(table: Table, options: Options) -> dict[str, int]:
    """Return what the columns must be, by what is in them: a time in front, and prices that behave as such."""
    columns = {"time": 0}
    first = 1
    if table.fields > 1 and all(map(_CLOCK.fullmatch, table.column(1))) and all(map(_DATE.fullmatch, table.column(0))):
        columns["clock"] = 1
        first = 2
    roles = _numbers_mean(table, first, options.kind)
    if roles is None:
        raise ConfigError(
            "what the columns are cannot be told without a header: say it, as columns={'time': 0, 'bid': 1, 'ask': 2}"
        )
    return columns | {role: index for index, role in enumerate(roles, first)}


def _numbers_mean(table: Table, first: int, kind: str | None) -> tuple[str, ...] | None:
    numbers: list[list[float]] = []
    for row in table.rows:
        try:
            numbers.append([float(cell) for cell in row[first:]])
        except ValueError:
            continue
    if not numbers or len(numbers) * 2 < len(table.rows):
        return None
    width = len(numbers[0])
    bars = width >= 4 and all(min(o, c) >= low and max(o, c) <= high for o, high, low, c, *_ in numbers)
    near = width >= 2 and all(0 < a <= b * 1.05 and b <= a * 1.05 for a, b, *_ in numbers)
    if bars and (kind == "bars" or (kind is None and not (near and _leaps(numbers)))):
        return (*_OPEN, "volume") if width >= 5 else _OPEN
    if near and kind in (None, "quotes"):
        up = sum(1 for a, b, *_ in numbers if a < b)
        down = sum(1 for a, b, *_ in numbers if a > b)
        pair = ("bid", "ask") if up >= down else ("ask", "bid")
        return (*pair, f"{pair[0]}_size", f"{pair[1]}_size") if width == 4 else pair
    if width in (1, 2) and kind in (None, "trades"):
        return ("price", "size")[:width]
    return None


def _leaps(numbers: Sequence[Sequence[float]]) -> bool:
    """Whether these are no bars: the next one opens further from a close than from the open before it.

    So it is with quotes and small sizes, 1.0850,1.0851,1,1, which are between one another as open, high, low and close.
    """
    pairs = list(itertools.pairwise(numbers))
    if not pairs:
        return not all(abs(close - open_) <= open_ * 0.05 for open_, _, _, close, *_ in numbers)
    leap = statistics.median(abs(after[0] - before[3]) for before, after in pairs)
    step = statistics.median(abs(after[0] - before[0]) for before, after in pairs)
    return leap > step


def _kind(columns: Mapping[str, int], options: Options) -> int:
    if options.kind is not None:
        kinds = {"quotes": QUOTES, "trades": TRADE_TICKS, "bars": QUOTE_BARS if "bid_open" in columns else BARS}
        if options.kind not in kinds:
            raise ConfigError(f"rows are not {options.kind!r}: they are one of {', '.join(kinds)}")
        return kinds[options.kind]
    if all(role in columns for role in _OPEN):
        return BARS
    if "bid_open" in columns or "ask_open" in columns:
        return QUOTE_BARS
    if "bid" in columns or "ask" in columns:
        return QUOTES
    if "price" in columns:
        return TRADE_TICKS
    raise ConfigError("no column is a price: say which, as columns={'time': 'when', 'bid': 'b', 'ask': 'a'}")


def _find_clock(table: Table, columns: dict[str, int]) -> None:
    """Where the time column holds dates and the one behind it times of day, read both."""
    after = columns["time"] + 1
    if after >= table.fields or after in columns.values():
        return
    dates, clocks = table.column(columns["time"]), table.column(after)
    if dates and clocks and all(map(_DATE.fullmatch, dates)) and all(map(_CLOCK.fullmatch, clocks)):
        columns["clock"] = after


def _time_format(table: Table, columns: Mapping[str, int]) -> str:
    """Return how the times are written, by the first cell that is one; what is none is the reader's to refuse."""
    cells = table.column(columns["time"]) if "time" in columns else []
    for cell in cells:
        epoch = _EPOCH.fullmatch(cell)
        if epoch is not None and not (len(epoch[1]) in (8, 14, 17) and _COMPACT.fullmatch(cell)):
            digits = len(epoch[1])
            if digits < EPOCH_DIGITS_MIN:
                raise ConfigError(
                    f"{cell!r} would be a time before 1974, if seconds since 1970: say with time_format= what it is"
                )
            return "s" if digits <= 11 else "ms" if digits <= 14 else "us" if digits <= 17 else "ns"
        if _COMPACT.fullmatch(cell):
            return "ymd"
        if _DATED.fullmatch(cell):
            return _date_order(cells)
    if cells:
        raise ConfigError(f"{cells[0]!r} is no time that is known here: give columns= or time_format=")
    return "ymd"


def _date_order(cells: Sequence[str]) -> str:
    dated = [match for match in map(_DATED.fullmatch, cells) if match is not None]
    if len(dated[0][1]) == 4:
        return "ymd"
    if any(int(match[1]) > 12 for match in dated) or dated[0][2] == ".":
        return "dmy"
    if any(int(match[3]) > 12 for match in dated):
        return "mdy"
    raise ConfigError(f"{dated[0][0]!r}: day or month first? Give time_format='dmy' or 'mdy'")
