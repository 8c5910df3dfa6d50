"""Judged blocks: the gate's output, which the aggregators read, and the instruments of their rows."""

from __future__ import annotations

from typing import Final

from librt.strings import read_f64_le, read_i32_le
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.blank import BLANK
from mtf.bars.verdicts import AUTO, BAD_SIDES, CROSSED, ID_REUSED, LATE_ACCEPTED, LOCKED
from mtf.calendars.calendar import Calendar
from mtf.events.block import HAS_ASK, HAS_BID, ROW_BYTES, Block, has_bar_head, is_of_bar
from mtf.units import NEVER_NS, TS_MAX_NS

__all__ = ["COUNTED", "IS_LIVE", "IS_ORDERED", "NO_ROW", "Instrument", "JudgedBlock", "tally"]

NO_ROW: Final = -1
COUNTED: Final = -1  # in place of the number of accepted events of a symbol: more than these was counted
# Flags of a symbol after a block.
IS_ORDERED: Final = 1  # it is read in time order
IS_LIVE: Final = 2  # its newest accepted tick arrived shortly after its stamp


@mypyc_attr(native_class=True)
class Instrument:
    """A symbol as the cores see it.

    *delay_ns* is how long after its stamp an event of its feed usually arrives, *side* the price that its bars are made
    of, as an index into `PRICE_SIDES`. `first_ns` is the time of its first accepted tick (for an input bar, its start);
    NEVER_NS before that.
    """

    __slots__ = ("calendar", "delay_ns", "first_ns", "name", "number", "side")

    def __init__(self, number: i64, name: str, calendar: Calendar, delay_ns: i64 = 0, side: i64 = AUTO) -> None:
        self.number: Final[i64] = number
        self.name: Final = name
        self.calendar: Final = calendar
        self.delay_ns: Final[i64] = delay_ns
        self.first_ns: i64 = NEVER_NS  # set once, by the gate, before an aggregator sees the tick
        self.side: i64 = side  # AUTO until the first accepted tick decides


@mypyc_attr(native_class=True, acyclic=True)
class JudgedBlock:
    """A block and the gate's judgement of it: for each row its verdict, effect, price, volume, and the clock after it.

    `clocks[i]` is the clock of the row's symbol after the row (for a clock event: its own time). Row `moves_row[k]`
    moves the clock of *another* symbol, `moves_number[k]`, to `moves_ns[k]`, in row order: because of the timer, or
    because sources are read in time order, and then only for symbols of which a bar may close. `run_ns` is the clock of
    those sources after the block. For a bar's event, `ranks[i]` is the rank of the shortest timeframe that it counts
    in. `tears` has, by row, the start of unfinished bars; `one_sided` the sides that count, for quotes with an invalid
    side; `reused` the accepted rows with an id that another event had.

    `touched` lists the numbers of the symbols that this block may change, without repeats. The following are in step
    with it and hold after the block: `last_rows` (NO_ROW if none), `clocks_after` and `flags` (IS_ORDERED, IS_LIVE).
    `accepted` is how many events of it the block has accepted, if nothing else was counted; if it is COUNTED, the next
    COUNTS numbers of `counts` are the symbol's after the block. `instruments` is the gate's own list, by number: it
    grows with later blocks, and the first `symbols` are those up to this one. `horizon_ns` is the gate's.
    """

    __slots__ = (
        "accepted",
        "block",
        "clocks",
        "clocks_after",
        "counts",
        "effects",
        "flags",
        "has_clock",
        "has_ordered",
        "has_private",
        "horizon_ns",
        "instruments",
        "joins_row",
        "last_rows",
        "moves_ns",
        "moves_number",
        "moves_row",
        "one_sided",
        "prices",
        "rank_max",
        "ranks",
        "repairs",
        "reused",
        "run_ns",
        "symbols",
        "tears",
        "touched",
        "verdicts",
        "volumes",
    )

    def __init__(self, block: Block, instruments: list[Instrument]) -> None:
        n = block.count
        self.block: Final = block
        self.instruments: Final = instruments
        self.verdicts: vec[u8] = vec[u8]([0] * n)
        self.effects: vec[u8] = vec[u8]([0] * n)
        self.prices: vec[float] = BLANK.floats(n)
        self.volumes: vec[float] = BLANK.floats(n)
        self.clocks: vec[i64] = BLANK.integers(n)
        self.ranks: vec[u8] = vec[u8]([])  # empty unless the block has an event of an input bar
        self.rank_max: i64 = 0  # the highest of `ranks`
        self.moves_row: vec[i64] = vec[i64]([])
        self.moves_number: vec[i64] = vec[i64]([])
        self.moves_ns: vec[i64] = vec[i64]([])
        self.one_sided: dict[int, int] = {}
        self.tears: dict[int, int] = {}
        self.repairs: set[int] = set()  # rows of accepted bars that complete their symbol's newest unfinished bar
        self.reused: set[int] = set()
        self.touched: vec[i64] = vec[i64]([])
        self.last_rows: vec[i64] = vec[i64]([])
        self.clocks_after: vec[i64] = vec[i64]([])
        self.flags: vec[u8] = vec[u8]([])
        self.accepted: vec[i64] = vec[i64]([])
        self.counts: vec[i64] = vec[i64]([])
        self.run_ns: i64 = NEVER_NS
        self.symbols: i64 = 0
        self.horizon_ns: i64 = TS_MAX_NS
        self.joins_row: i64 = -1  # the row from which on the log's first symbol is read in time order; -1: none
        self.has_clock = False  # it has clock events
        self.has_ordered = False  # it has accepted ORDERED rows
        self.has_private = False  # it has rows with data outside their canonical bytes

    def wants_rows(self, rows: bool) -> bool:
        """Return whether to compute live values for each row, even if only each symbol's last row is requested.

        A block with a clock event, or one that closes bars of symbols without a row in it, may touch more symbols than
        it has rows.
        """
        return rows or self.has_clock or len(self.touched) > self.block.count

    def touch(self, number: i64) -> None:
        """Note that the block may change the symbol *number*, which was not noted before."""
        self.touched = append(self.touched, number)

    def settle(self) -> None:
        """Make room for what the touched symbols are after the block, once all are known."""
        n = len(self.touched)
        self.last_rows = vec[i64]([NO_ROW] * n)
        self.clocks_after = vec[i64]([NEVER_NS] * n)
        self.flags = vec[u8]([0] * n)
        self.accepted = vec[i64]([0] * n)

    def move(self, row: i64, number: i64, ns: i64) -> None:
        """Note that *row* moves the clock of another symbol."""
        self.moves_row = append(self.moves_row, row)
        self.moves_number = append(self.moves_number, number)
        self.moves_ns = append(self.moves_ns, ns)


def tally(judged: JudgedBlock, i: i64, numbers: vec[i64]) -> None:
    """Add row *i* to its symbol's counts in *numbers*, as the gate does."""
    rows = judged.block.rows
    base: i64 = i * ROW_BYTES
    tag: i64 = i64(read_i32_le(rows, base + 12))
    flags = tag >> 8 & 0xFF
    verdict: i64 = i64(judged.verdicts[i])
    of_bar = is_of_bar(tag)
    inside = of_bar and not has_bar_head(tag)
    if inside and verdict > LATE_ACCEPTED:
        return  # a rejected bar counts once
    numbers[verdict] += 1
    if verdict > LATE_ACCEPTED:
        return
    if judged.one_sided and int(i) in judged.one_sided:
        if not inside:
            numbers[BAD_SIDES] += 1
    elif not of_bar and flags & HAS_BID and flags & HAS_ASK:
        bid = read_f64_le(rows, base + 16)
        ask = read_f64_le(rows, base + 24)
        if ask <= bid:
            numbers[CROSSED if ask < bid else LOCKED] += 1
    if len(judged.reused) > 0 and int(i) in judged.reused:
        numbers[ID_REUSED] += 1
