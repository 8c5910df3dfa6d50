"""The tables of the history, and checking them before any other query.

SQLite reads a schema without acting on it, but the next query runs its triggers, views and defaults. So no other query
is made before the schema is known to be this one, or that of the version before.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.calendars.day import Gap
from mtf.errors import CorruptHistory
from mtf.kernel import RESULTS

__all__ = [
    "AFRESH",
    "COLUMNS",
    "FIND_SCHEMA",
    "FORMER_TABLES",
    "FORMER_VERSION",
    "TABLES",
    "VERSION",
    "Row",
    "bar_row",
    "check_schema",
]

Row = tuple[Any, ...]  # of `COLUMNS`

VERSION: Final = 3000 + RESULTS  # 3 for the schema, then the version of the results that its bars are
FORMER_VERSION: Final = 2000 + RESULTS  # one row per bar, without values: read as it is, and converted by a run
COLUMNS: Final = (
    "symbol",
    "timeframe",
    "start_ns",
    "end_ns",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "ticks",
    "trading_day",
    "first",
    "incomplete",
    "day_incomplete",
    "off_session",
    "from_bars",
    "gap_closed_ns",
    "gap_holiday_ns",
    "gap_break_ns",
    "gap_silence_ns",
    "seq",
)
# Integers have no default and no check, so that they are read as they were written. A series is a symbol and
# timeframe by number, and a layout lists the values that packs have.
TABLES: Final = {
    "position": """CREATE TABLE position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    log INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    zones TEXT NOT NULL,
    rejects_after INTEGER NOT NULL,
    pruned_ns INTEGER NOT NULL,
    names INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    rejects INTEGER NOT NULL,
    sum INTEGER NOT NULL
)""",
    "series": """CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    sum INTEGER NOT NULL
)""",
    "layouts": """CREATE TABLE layouts (
    id INTEGER PRIMARY KEY,
    outputs TEXT NOT NULL,
    sum INTEGER NOT NULL
)""",
    "runs": """CREATE TABLE runs (
    last_seq INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    layout INTEGER NOT NULL,
    first_pack INTEGER NOT NULL,
    bars INTEGER NOT NULL,
    directory BLOB NOT NULL,
    sum INTEGER NOT NULL
)""",
    "packs": """CREATE TABLE packs (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
)""",
    "rejects": """CREATE TABLE rejects (
    last_seq INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    events INTEGER NOT NULL,
    data BLOB NOT NULL,
    sum INTEGER NOT NULL
)""",
}
FORMER_TABLES: Final = {
    "bars": """CREATE TABLE bars (
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    open REAL NOT NULL,
    high REAL NOT NULL,
    low REAL NOT NULL,
    close REAL NOT NULL,
    volume REAL NOT NULL,
    ticks INTEGER NOT NULL,
    trading_day TEXT NOT NULL,
    first INTEGER NOT NULL,
    incomplete INTEGER NOT NULL,
    day_incomplete INTEGER NOT NULL,
    off_session INTEGER NOT NULL,
    from_bars INTEGER NOT NULL,
    gap_closed_ns INTEGER NOT NULL,
    gap_holiday_ns INTEGER NOT NULL,
    gap_break_ns INTEGER NOT NULL,
    gap_silence_ns INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    before_ns INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (symbol, timeframe, start_ns)
) WITHOUT ROWID""",
    "series": """CREATE TABLE series (
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    bars INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    PRIMARY KEY (symbol, timeframe)
) WITHOUT ROWID""",
    "position": """CREATE TABLE position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    zones TEXT NOT NULL,
    series INTEGER NOT NULL,
    sum INTEGER NOT NULL
)""",
}
FIND_SCHEMA: Final = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
AFRESH: Final = "move it away: the next start rebuilds it from the log"


def check_schema(path: Path, found: Iterable[tuple[Any, ...]]) -> int:
    """Return the version of the tables, 0 if there are none yet.

    CorruptHistory if *found* has anything but the tables of a version, or only some of them.
    """
    schema = {(kind, name): sql for kind, name, sql in found}
    if not schema:
        return 0
    for version, tables in ((VERSION, TABLES), (FORMER_VERSION, FORMER_TABLES)):
        if schema == {("table", name): sql for name, sql in tables.items()}:
            return version
    names = ", ".join(sorted(str(name)[:80] for _, name in list(schema)[:10]))
    raise CorruptHistory(f"{path}: not a history of this version of mtf (it has {names}); {AFRESH}")


def bar_row(bar: Bar, seq: int) -> Row:
    """Return *bar*, revealed by the event *seq*, as a row of `COLUMNS`; a zero has no sign."""
    gap = bar.gap or _NO_GAP
    return (
        bar.symbol,
        bar.timeframe.name,
        bar.start_ns,
        bar.end_ns,
        bar.open + 0.0,
        bar.high + 0.0,
        bar.low + 0.0,
        bar.close + 0.0,
        bar.volume + 0.0,
        bar.ticks,
        "" if bar.trading_day is None else bar.trading_day.isoformat(),
        int(bar.first),
        int(bar.incomplete),
        int(bar.day_incomplete),
        int(bar.off_session),
        int(bar.from_bars),
        gap.closed_ns,
        gap.holiday_ns,
        gap.break_ns,
        gap.silence_ns,
        seq,
    )


_NO_GAP: Final = Gap()
