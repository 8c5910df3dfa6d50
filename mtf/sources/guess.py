"""Infers the layout of a table from its first lines and the user's options, which always win.

If the lines are ambiguous (is 01/02 in January or in February?), it does not choose: OptionNeeded names the option to
give. The majority of rows decides, so that a broken one among the first few changes nothing.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from mtf.errors import ConfigError, OptionNeeded
from mtf.sources.cells import CLOCK, COMPACT, DATE, DATED, EPOCH, WORDED, is_date, mostly, plain
from mtf.sources.decimals import POINT, decimal
from mtf.sources.file_format import FormatOptions
from mtf.sources.headings import OHLC, find_named, roles_of
from mtf.sources.input_files import InputFile
from mtf.sources.layout import SIDES, TIME_FORMATS, Layout
from mtf.sources.length import infer_length
from mtf.sources.local_time import NO_TIME_MAX, Zone
from mtf.sources.markets import check_one_market
from mtf.sources.marks import decimal_mark, mark_of
from mtf.sources.sniffing import SniffedTable, look
from mtf.sources.stamps import StampReader, time_problem
from mtf.sources.text_table import BARS, QUOTE_BARS, QUOTES, TRADE_TICKS
from mtf.timeframe import Timeframe

__all__ = ["SniffedTable", "bar_times", "guess_layout", "look", "shift_of", "unused_note"]

EPOCH_DIGITS_MIN: Final = 9  # smaller numbers are milliseconds of a day, or not a time
STAND_IN: Final = Timeframe("1m")  # for bars that are not read
BACKWARD: Final = 0.9  # with at least this share of steps back in time, a table is newest first

DATE_DIGITS: Final = 8  # of a date without separators
DATE_MAX: Final = 12  # characters in a date with separators
COMPACT_DIGITS: Final = (8, 14, 17)  # of a date, or a date and a time of day, without separators
_COMPACT_SHAPE: Final = re.compile(r"0{8}")  # the beginning of what COMPACT matches

_TEXTS: Final = ("time", "clock", "symbol", "id")  # roles of columns that do not hold numbers


def guess_layout(
    part: InputFile, table: SniffedTable, options: FormatOptions, *, symbol: str = "", zone: str = "UTC"
) -> Layout:
    """Return the layout of *table*, the start of *part*; *symbol* and *zone* are defaults."""
    mark = None if options.decimal is None else mark_of(options.decimal)
    columns = _columns(table, options, POINT if mark is None else mark)
    notes = _header_notes(table)
    kind = _kind(table, columns, options)
    _name_sizes(kind, columns)
    if not table.rows:
        return _unread(part, table, options, kind, columns)
    if "time" in columns and "clock" not in columns:
        _find_clock(table, columns)
    _find_ids(table, columns, options, notes)
    zone = options.zone or zone
    time_format = options.time_format or _time_format(table, columns)
    if time_format not in TIME_FORMATS:
        raise ConfigError(f"time_format must be one of {', '.join(TIME_FORMATS)}, got {time_format!r}")
    if not options.symbol and "symbol" not in columns:
        symbol = _symbol_in(table) or symbol or part.symbol
    utc = _stamps(table.fitted, columns, time_format, zone) if "time" in columns else []
    watched: tuple[int, ...] = ()
    if not options.symbol and "symbol" not in columns:
        same = table.rows is table.fitted or "time" not in columns
        stamps = utc if same else _stamps(table.rows, columns, time_format, zone)
        watched = check_one_market(table, columns.values(), stamps, bars=kind in (BARS, QUOTE_BARS))
    if mark is None:
        mark = decimal_mark(_figures(table, columns))
    backward = _is_backward([utc_ns for utc_ns in utc if utc_ns > NO_TIME_MAX], options.reverse)
    if backward and not options.reverse:
        raise OptionNeeded(
            "the rows are newest first: give {reverse} to read them from the end of the file to its start",
            reverse=True,
        )
    timeframe, unread = options.timeframe, ""
    if timeframe is None and kind in (BARS, QUOTE_BARS) and "time" in columns:
        times = bar_times(table, columns, time_format, zone)
        timeframe, unread = (infer_length(times), "") if times else (STAND_IN, time_problem(utc[0]))
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
        mark=mark,
        timeframe=timeframe,
        close_stamped=options.stamp == "close",
        side=SIDES[options.side or "last"],
        blank=options.blank or "missing",
        backward=backward,
        unread=unread,
        watched=tuple((column, table.header[column] if table.header else str(column)) for column in watched),
        keys=table.keys,
        notes=tuple(notes),
        limits=options.limits,
    )


def _name_sizes(kind: int, columns: dict[str, int]) -> None:
    """Call the amount `volume` in bars and `size` in trades, whichever name its column has."""
    if kind == BARS and "volume" not in columns and "size" in columns:
        columns["volume"] = columns["size"]
    if kind == TRADE_TICKS and "size" not in columns and "volume" in columns:
        columns["size"] = columns["volume"]


def shift_of(point: float | None, otherwise: int) -> int:
    """Return the exponent of *point* as a power of ten; ConfigError if it is not one."""
    if point is None:
        return otherwise
    for power in range(-12, 13):
        if point == float(f"1e{power}"):
            return power
    raise ConfigError(f"invalid point {point}: it must be a power of ten, such as 0.00001")


def bar_times(
    table: SniffedTable, columns: Mapping[str, int], time_format: str, zone: str
) -> list[tuple[str, int, int]]:
    """Return the symbol, the local and the UTC time of all rows of *table* whose time can be read, even broken ones."""
    symbols = [row[columns["symbol"]] if "symbol" in columns else "" for row in table.fitted]
    utc = _stamps(table.fitted, columns, time_format, zone)
    local = utc if zone == "UTC" else _stamps(table.fitted, columns, time_format, "UTC")
    return [each for each in zip(symbols, local, utc, strict=True) if min(each[1:]) > NO_TIME_MAX]


def _stamps(rows: Sequence[Sequence[str]], columns: Mapping[str, int], time_format: str, zone: str) -> list[int]:
    """Return the time of each of *rows* in ns UTC, or the time reader's code if it is not a time."""
    kind, unit_ns = TIME_FORMATS[time_format]
    stamps = StampReader(kind, Zone(zone), unit_ns=unit_ns)
    date, clock = columns["time"], columns.get("clock")
    return stamps.read_all([row[date] for row in rows], None if clock is None else [row[clock] for row in rows])


def _columns(table: SniffedTable, options: FormatOptions, mark: int) -> dict[str, int]:
    """Return the columns by role: those named by the user, and if these are not enough, others by their headings."""
    said = {role: _index(table, role, column) for role, column in (options.columns or {}).items()}
    if said and (table.header is None or _is_enough(said)):
        return said
    if table.header is None:
        return _unnamed_columns(table, options, mark)
    found = roles_of(table.header, table.rows, said)
    return found if "time" in found else _find_time(table, found)


def _is_enough(columns: Mapping[str, int]) -> bool:
    """Whether *columns* has everything that a row needs."""
    prices = any(role in columns for role in ("bid", "ask", "price", "bid_open", "ask_open"))
    return "time" in columns and (prices or all(role in columns for role in OHLC))


def _index(table: SniffedTable, role: str, column: str | int) -> int:
    if isinstance(column, str) and table.header is not None:
        found = find_named(table.header, column)
        if found is not None:
            return found
    number = int(column) if isinstance(column, int) or column.isdigit() else -1
    if 0 <= number < table.fields:
        return number
    raise ConfigError(f"there is no column {column!r} for {role}: {_there(table)}")


def _there(table: SniffedTable) -> str:
    """Return a sentence about the columns."""
    if table.header:
        return f"the {table.what} has {', '.join(repr(name) for name in table.header)}"
    return f"the file has no header, so give numbers from 0 to {table.fields - 1}"


def _find_time(table: SniffedTable, columns: dict[str, int]) -> dict[str, int]:
    """Return *columns* with the first one as the time, if it has dates and no name, or the name of something else."""
    assert table.header is not None, "columns without names are identified by their content"
    name, cells = plain(table.header[0]), table.column(0)
    unnamed = name in ("", "index", "unnamed0")
    if not unnamed and 0 not in columns.values():
        return columns
    dates = sum(1 for cell in cells if is_date(cell) or (unnamed and _written(cell) not in ("", "short")))
    if not mostly(dates, len(cells)):
        return columns
    return {role: column for role, column in columns.items() if column != 0} | {"time": 0}


def _unnamed_columns(table: SniffedTable, options: FormatOptions, mark: int) -> dict[str, int]:
    """Return the roles of the columns, judging by their content: a time first, and prices that behave as such."""
    columns = {"time": 0}
    first = 1
    if table.fields > 1 and _are(CLOCK, table.column(1)) and _are(DATE, table.column(0)):
        columns["clock"] = 1
        first = 2
    roles = _numbers_mean(table, first, options.kind, mark)
    if roles is None:
        raise OptionNeeded(
            "there is no header, and the columns cannot be inferred: name them with {columns}",
            columns="time=0,bid=1,ask=2",
        )
    return columns | {role: index for index, role in enumerate(roles, first)}


def _are(pattern: re.Pattern[str], cells: Sequence[str]) -> bool:
    """Whether *cells* look like *pattern*, except for a few broken ones."""
    return mostly(sum(1 for cell in cells if pattern.fullmatch(cell)), len(cells))


def _numbers_mean(table: SniffedTable, first: int, kind: str | None, mark: int) -> tuple[str, ...] | None:
    if mark == POINT:
        mark = decimal_mark(cell for row in table.rows for cell in row[first:])
    numbers: list[list[float]] = []
    for row in table.rows:
        values = [_number(cell, mark) for cell in row[first:]]
        if all(value - value == 0.0 for value in values):
            numbers.append(values)
    if not numbers or len(numbers) * 2 < len(table.rows):
        return None
    width = len(numbers[0])
    count = len(numbers)
    bars = width >= 4 and mostly(
        sum(1 for o, high, low, c, *_ in numbers if min(o, c) >= low and max(o, c) <= high), count
    )
    near = width >= 2 and mostly(sum(1 for a, b, *_ in numbers if 0 < a <= b * 1.05 and b <= a * 1.05), count)
    if bars and (kind == "bars" or (kind is None and not (near and _leaps(numbers)))):
        return (*OHLC, "volume") if width >= 5 else OHLC
    if near and kind in (None, "quotes"):
        up = sum(1 for a, b, *_ in numbers if a < b)
        down = sum(1 for a, b, *_ in numbers if a > b)
        pair = ("bid", "ask") if up >= down else ("ask", "bid")
        return (*pair, f"{pair[0]}_size", f"{pair[1]}_size") if width == 4 else pair
    if width in (1, 2) and kind in (None, "trades"):
        return ("price", "size")[:width]
    return None


def _number(cell: str, mark: int) -> float:
    data = cell.encode()
    return decimal(data, 0, len(data), 0, mark)


def _leaps(numbers: Sequence[Sequence[float]]) -> bool:
    """Whether these are not bars: opens are further from the previous close than from the previous open.

    This is so for quotes with small sizes, 1.0850,1.0851,1,1, whose order is like that of open, high, low and close.
    """
    pairs = list(itertools.pairwise(numbers))
    if not pairs:
        return not all(abs(close - open_) <= open_ * 0.05 for open_, _, _, close, *_ in numbers)
    leap = statistics.median(abs(after[0] - before[3]) for before, after in pairs)
    step = statistics.median(abs(after[0] - before[0]) for before, after in pairs)
    return leap > step


def _kind(table: SniffedTable, columns: Mapping[str, int], options: FormatOptions) -> int:
    if options.kind is not None:
        kinds = {"quotes": QUOTES, "trades": TRADE_TICKS, "bars": QUOTE_BARS if "bid_open" in columns else BARS}
        if options.kind not in kinds:
            raise ConfigError(f"kind must be one of {', '.join(kinds)}, got {options.kind!r}")
        return kinds[options.kind]
    if all(role in columns for role in OHLC):
        return BARS
    if "bid_open" in columns or "ask_open" in columns:
        return QUOTE_BARS
    if all(role in columns for role in OHLC[:3]):
        raise OptionNeeded(
            f"no column is the close of the bars: name it with {{columns}}; {_there(table)}", columns="close=NAME"
        )
    if "bid" in columns or "ask" in columns:
        return QUOTES
    if "price" in columns:
        return TRADE_TICKS
    raise OptionNeeded(
        f"no column is a price: name them with {{columns}}; {_there(table)}", columns="time=NAME,bid=NAME,ask=NAME"
    )


def _find_clock(table: SniffedTable, columns: dict[str, int]) -> None:
    """If the time column has dates and the next one times of day, read both."""
    after = columns["time"] + 1
    if after >= table.fields or after in columns.values():
        return
    if _are(DATE, table.column(columns["time"])) and _are(CLOCK, table.column(after)):
        columns["clock"] = after


def _find_ids(table: SniffedTable, columns: dict[str, int], options: FormatOptions, notes: list[str]) -> None:
    """Drop a column of ids that repeat: they belong to a market, a venue or a user."""
    column = columns.get("id")
    if column is None or "id" in (options.columns or {}):
        return
    symbol = columns.get("symbol")
    rows = [row for row in table.rows if row[column]]
    seen: dict[tuple[str, str], list[str]] = {}
    again = 0
    for row in rows:
        key = (row[column], "" if symbol is None else row[symbol])
        again += seen.setdefault(key, row) != row
    if len(rows) > 1 and again * 2 >= len(rows):
        del columns["id"]
        notes.append(f"column {_called(table, column)} has the same value in many rows: it is not read as a trade's id")


def unused_note(table: SniffedTable, layout: Layout) -> tuple[str, ...]:
    """Note the columns that a quote of *layout* does not use."""
    if layout.kind != QUOTES or layout.leaves_out:
        return ()
    unused = [column for role in ("volume", "size", "price") if (column := layout.columns.get(role)) is not None]
    names = ", ".join(_called(table, column) for column in dict.fromkeys(unused))
    return (f"not used beside bid and ask: {names}",) if names else ()


def _called(table: SniffedTable, column: int) -> str:
    return repr(table.header[column]) if table.header is not None else str(column)


def _header_notes(table: SniffedTable) -> list[str]:
    """Return a note about which line is the header, if that is not obvious."""
    if not table.passed:
        return []
    lines = ", ".join(map(str, table.passed))
    passed = f"lines {lines} are skipped" if len(table.passed) > 1 else f"line {lines} is skipped"
    return [f"line {table.header_line} is taken as the header, and {passed}" if table.header_line else passed]


def _symbol_in(table: SniffedTable) -> str:
    """Return the symbol in the headings, "" if there is none."""
    if len(table.symbols) > 1:
        raise OptionNeeded(
            f"there are {len(table.symbols)} markets side by side ({', '.join(table.symbols[:5])}): name the columns "
            "of one of them with {columns}, and its symbol with {symbol}",
            columns="time=0,open=1,high=2,low=3,close=4",
            symbol=table.symbols[0],
        )
    return table.symbols[0] if table.symbols else ""


def _figures(table: SniffedTable, columns: Mapping[str, int]) -> list[str]:
    """Return the cells of the numeric columns."""
    numbers = {column for role, column in columns.items() if role not in _TEXTS}
    return [cell for column in numbers for cell in table.column(column)]


def _written(cell: str) -> str:
    """Return how the time in *cell* is written: its time format, `dated`, `short` for a short epoch, "" for none."""
    epoch = EPOCH.fullmatch(cell)
    if epoch is not None and not (len(epoch[1]) in COMPACT_DIGITS and COMPACT.fullmatch(cell)):
        digits = len(epoch[1])
        if digits < EPOCH_DIGITS_MIN:
            return "short"
        return "s" if digits <= 11 else "ms" if digits <= 14 else "us" if digits <= 17 else "ns"
    if COMPACT.fullmatch(cell) or WORDED.fullmatch(cell):
        return "ymd"
    return "dated" if DATED.fullmatch(cell) else ""


def _all_written(cells: Sequence[str], shapes: Sequence[str]) -> list[str]:
    """Return `_written` of each of *cells*, which have these *shapes*.

    The shape decides, unless the digits could be a date: then the first digits, of date and hour, do.
    """
    ways = {shape: None if _may_be_date(shape) else _written(shape) for shape in set(shapes)}
    if None not in ways.values():
        return [ways[shape] or "" for shape in shapes]
    telling = {shape: shape.find("0", DATE_DIGITS) + 1 or DATE_DIGITS for shape in ways}
    dates: dict[tuple[str, str], str] = {}
    found: list[str] = []
    for cell, shape in zip(cells, shapes, strict=True):
        way = ways[shape]
        if way is None:
            key = (shape, cell[: telling[shape]])
            way = dates.get(key)
            if way is None:
                way = dates[key] = _written(cell)
        found.append(way)
    return found


def _may_be_date(shape: str) -> bool:
    """Whether a cell of this *shape* may be a date without separators, depending on its digits."""
    epoch = EPOCH.fullmatch(shape)
    return _COMPACT_SHAPE.match(shape) is not None and (epoch is None or len(epoch[1]) in COMPACT_DIGITS)


def _time_format(table: SniffedTable, columns: Mapping[str, int]) -> str:
    """Return the time format of most cells; the reader refuses the others."""
    cells = table.column(columns["time"]) if "time" in columns else []
    written = _all_written(cells, table.written(columns["time"])) if cells else []
    ways = Counter(filter(None, written))
    if not ways:
        if not cells:
            return "ymd"
        of_day = " (a time of day, and no column has dates)" if CLOCK.fullmatch(cells[0]) else ""
        raise OptionNeeded(
            f"{cells[0]!r}{of_day} cannot be read as a time: name the column of the time with {{columns}}, or "
            "its format with {time_format}",
            columns="time=NAME",
            time_format="dmy",
        )
    way = ways.most_common(1)[0][0]
    if way == "short":
        cell = cells[written.index("short")]
        raise OptionNeeded(
            f"{cell!r} as seconds since 1970 is before 1974: name its format with {{time_format}}",
            time_format="s",
        )
    if way != "dated":
        return way
    return _date_order([cell for cell, each in zip(cells, written, strict=True) if each == "dated"])


def _date_order(cells: Sequence[str]) -> str:
    """Return the order of day, month and year; a rare row that contradicts the others is broken."""
    ways = Counter([cell[: DATE_MAX + 1] for cell in cells])  # dates with the next character
    if sum(count for way, count in ways.items() if way[:3].isdigit()) * 2 >= len(cells):
        return "ymd"  # the first piece has more than two digits
    found = ((DATED.fullmatch(way), count) for way, count in ways.items())
    dates = [(match, count) for match, count in found if match is not None and len(match[1]) <= 2]
    first = dates[0][0]
    total = sum(count for _, count in dates)
    day_first = sum(count for match, count in dates if int(match[1]) > 12)
    month_first = sum(count for match, count in dates if int(match[3]) > 12)
    short = sum(count for match, count in dates if len(match[4]) <= 2)
    if day_first and not month_first and short * 2 > total:
        days, years = len({match[1] for match, _ in dates}), len({match[4] for match, _ in dates})
        if days != years:
            return "dmy" if days > years else "ymd"
        raise OptionNeeded(
            f"{_first(cells, first[0])!r}: does the day or the year come first? Give {{time_format}}, or ymd",
            time_format="dmy",
        )
    if day_first or month_first:
        if mostly(day_first, day_first + month_first) or mostly(month_first, day_first + month_first):
            return "dmy" if day_first > month_first else "mdy"
    elif first[2] == ".":
        return "dmy"
    raise OptionNeeded(
        f"{_first(cells, first[0])!r}: does the day or the month come first? Give {{time_format}}, or mdy",
        time_format="dmy",
    )


def _first(cells: Sequence[str], start: str) -> str:
    """Return the first of *cells* that begins with *start*."""
    return next(cell for cell in cells if cell.startswith(start))


def _is_backward(times: list[int], wanted: bool | None) -> bool:
    """Whether rows with these *times* run from the newest to the oldest; if that is unclear, *wanted* decides."""
    if wanted is False:
        return False
    if times and times == sorted(times):  # nearly always
        return wanted is True and times[0] == times[-1]
    steps = [after - before for before, after in itertools.pairwise(times) if after != before]
    if not steps:
        return wanted is True
    return sum(1 for step in steps if step < 0) >= BACKWARD * len(steps)


def _unread(part: InputFile, table: SniffedTable, options: FormatOptions, kind: int, columns: dict[str, int]) -> Layout:
    """Return a layout for a table without a row that has as many fields as the header: all are refused for that."""
    return Layout(
        kind=kind,
        fields=table.fields,
        columns={"time": 0} | columns,
        delimiter=table.delimiter,
        skip=table.skip,
        symbol=options.symbol or part.symbol,
        timeframe=options.timeframe or STAND_IN,
        keys=table.keys,
        unread=f"no row at the start of the file has {table.fields} fields, so their meaning is not known",
        notes=tuple(_header_notes(table)),
        limits=options.limits,
    )
