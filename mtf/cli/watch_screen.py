"""The screen of `mtf watch` as lines: the symbols, and the timeframes of the selected one, all at one seq.

Owns the layout. A frame is drawn from snapshots that were taken together; nothing here waits, or knows the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import attrs
from rich.style import Style
from rich.text import Text

from mtf.charts.charted import chart_of
from mtf.cli.candles import bars_that_fit, candle_lines
from mtf.cli.drawing import Cell, bar_text, direction, fitted, matrix_lines, place_text, price_text, spark_text, table
from mtf.cli.terminal import BLOCKS, Look
from mtf.cli.times import moment_text
from mtf.cli.watch_choice import WatchChoice
from mtf.cli.watched import Watched
from mtf.frames.snapshot import NO_TIME_NS, Snapshot
from mtf.matrix import Matrix, matrix_of
from mtf.numbers import number_text

__all__ = ["Frame", "Listed", "frame_of", "watch_lines"]

HEIGHT_MIN: Final = 16
WIDTH_MIN: Final = 60
LIST_CELLS: Final = 48  # beside the timeframes, on a wide terminal
WIDE: Final = (130, 30)  # with at least these columns and lines, the two are side by side
CLOSES: Final = 14
LIST_BAR: Final = 8
LIST_ROWS: Final = 10  # at most, before candles get the rest of the lines
CANDLES_MIN: Final = 8
SYMBOL_CELLS: Final = 16
BAR_STYLE: Final = Style(reverse=True)


class _ListLayout(NamedTuple):
    """The columns of the list besides last price, change and the bar of the shortest timeframe."""

    closes: int
    ticks: bool
    words: bool  # of the state, after its mark
    name: int = SYMBOL_CELLS


LIST_LAYOUTS: Final = (  # the first that fits is used
    _ListLayout(CLOSES, True, True),
    _ListLayout(6, True, True),
    _ListLayout(6, False, True),
    _ListLayout(0, False, True),
    _ListLayout(0, False, False),
    _ListLayout(0, False, False, 10),
)


@attrs.frozen(kw_only=True)
class Listed:
    """One symbol of the list. *newly_rejected* events were rejected while it was watched."""

    matrix: Matrix
    ticks: int
    is_open: bool
    newly_rejected: int


@attrs.frozen(kw_only=True)
class Frame:
    """Everything that one frame shows, at *seq*: *listed* are those in view, from *first* of *matching* symbols on.

    *later* is the number of events since, for a moment of the past. *busy*: another moment is being searched.
    """

    directory: str
    seq: int
    later: int | None = None
    busy: bool = False
    rate: float
    listed: tuple[Listed, ...]
    first: int
    matching: int
    symbols: int
    selected: Snapshot | None
    choice: WatchChoice


def frame_of(watched: Watched, choice: WatchChoice, directory: str, look: Look) -> Frame:
    """Return the present frame. No events are taken in meanwhile, so all of it is at one seq."""
    symbols = watched.symbols()
    matching = choice.shown(symbols)
    selected = None if choice.symbol is None else watched.snapshot(choice.symbol)
    rows = _list_rows(look, 0 if selected is None else len(selected), len(matching))
    place = matching.index(choice.symbol) if choice.symbol in matching else 0
    first = max(0, min(place - rows // 2, len(matching) - rows))
    snapshots = [watched.snapshot(name) for name in matching[first : first + rows]]
    assert all(each.seq == watched.seq for each in snapshots), "a frame is at one seq"
    listed = [
        Listed(
            matrix=matrix_of(each, closes=CLOSES),
            ticks=each.counts.ticks,
            is_open=watched.is_open(each),
            newly_rejected=watched.newly_rejected(each),
        )
        for each in snapshots
    ]
    return Frame(
        directory=directory, seq=watched.seq, later=None if watched.is_live else watched.newest_seq - watched.seq,
        rate=watched.rate(), listed=tuple(listed), first=first,
        matching=len(matching), symbols=len(symbols), selected=selected, choice=choice,
    )  # fmt: skip


def watch_lines(frame: Frame, look: Look) -> list[Text]:
    """Return the lines of the screen, as many as *look* is high."""
    if look.width < WIDTH_MIN or look.height < HEIGHT_MIN:
        words = [f"mtf watch needs {WIDTH_MIN} x {HEIGHT_MIN}", "q quit"]
        lines = [*map(Text, words), *[Text()] * (look.height - len(words))]
    else:
        body, candles = _beside(frame, look) if _is_wide(look) else _beneath(frame, look)
        room = look.height - 2
        filler = [Text()] * (room - len(body))
        lines = [_header(frame, look), *body[:room], *filler, _footer(frame, look, candles=candles)]
    for line in lines:
        line.truncate(look.width)
    return lines[: look.height]


def _is_wide(look: Look) -> bool:
    return look.width >= WIDE[0] and look.height >= WIDE[1]


def _list_rows(look: Look, timeframes: int, matching: int) -> int:
    """Return how many symbols the list shows."""
    if _is_wide(look):
        return max(1, look.height - 4)
    spare = look.height - 8 - timeframes  # without titles, rules, heading, counts, header and footer
    return max(1, spare if spare <= LIST_ROWS + CANDLES_MIN else min(spare, max(LIST_ROWS, spare // 3), matching))


def _beneath(frame: Frame, look: Look) -> tuple[list[Text], bool]:
    """Return the list, and the selected symbol beneath it; and whether there are candles."""
    timeframes = 0 if frame.selected is None else len(frame.selected)
    rows = _list_rows(look, timeframes, frame.matching)
    above = _list(frame, look)
    above += [Text()] * (1 + min(rows, LIST_ROWS, frame.matching) - len(above))
    room = look.height - 2 - len(above) - 1
    below, candles = _selected(frame, look, room)
    return [*above, _rule(look), *below], candles


def _beside(frame: Frame, look: Look) -> tuple[list[Text], bool]:
    """Return the list, and the selected symbol beside it; and whether there are candles."""
    room = look.height - 2
    left = _list(frame, attrs.evolve(look, width=LIST_CELLS))
    right_look = attrs.evolve(look, width=look.width - LIST_CELLS - 2)
    right, candles = _selected(frame, right_look, room)
    lines = []
    for row in range(room):
        line = left[row].copy() if row < len(left) else Text()
        line.truncate(LIST_CELLS, pad=True)
        split = Text(f"{look.glyphs.split} ", look.colours.dim)
        lines.append(Text.assemble(line, split, right[row] if row < len(right) else Text()))
    return lines, candles


def _rule(look: Look) -> Text:
    return Text(("─" if look.glyphs is BLOCKS else "-") * look.width, look.colours.dim)


def _header(frame: Frame, look: Look) -> Text:
    times = [each.matrix.time_ns for each in frame.listed if each.matrix.time_ns != NO_TIME_NS]
    parts = [
        fitted(f"mtf watch {frame.directory}", look.width // 2, look),
        _state_of(frame, look),
        f"seq {frame.seq:,}",
        *([moment_text(max(times))] if times else []),
        f"{frame.rate:,.0f} events/s" if frame.later is None else f"{frame.later:,} later events",
    ]
    while len(parts) > 2 and len("   ".join(parts)) + 2 > look.width:
        parts.pop()
    return Text(f" {'   '.join(parts)}".ljust(look.width), BAR_STYLE)


def _state_of(frame: Frame, look: Look) -> str:
    """Return which moment is shown, in a word."""
    live, waits, past = ("●", "○", "◀") if look.glyphs is BLOCKS else ("*", "o", "<")
    if frame.busy:
        return f"{past} reading the log"
    if frame.later is not None:
        return f"{past} past"
    return f"{live} live" if frame.rate > 0.0 else f"{waits} waiting"


def _footer(frame: Frame, look: Look, *, candles: bool) -> Text:
    choice = frame.choice
    if choice.finding:
        text = f"find: {fitted(choice.query, look.width // 3, look)}_   {frame.matching:,} of {frame.symbols:,}"
        text += "   enter keeps  esc clears"
    else:
        text = _keys(frame, look, candles=candles)
        if frame.matching > len(frame.listed):
            text += f"   {frame.first + 1:,} to {frame.first + len(frame.listed):,} of {frame.matching:,}"
        if choice.query:
            query = fitted(choice.query, look.width // 3, look)
            text = f"{frame.matching:,} of {frame.symbols:,} match {query}  esc all   {text}"
    return Text(f" {text}".ljust(look.width), BAR_STYLE)


def _keys(frame: Frame, look: Look, *, candles: bool) -> str:
    """Return what the keys do, without the least important ones if not all of it fits."""
    blocks = look.glyphs is BLOCKS
    parts = [("↑↓ symbol" if blocks else "up/down symbol"), "/ find"]
    selected = frame.selected
    if selected is not None:
        many = min(9, len(selected))
        name = selected.timeframes[min(frame.choice.rank, len(selected) - 1)].name
        parts += [f"1-{many} {'candles' if candles else 'timeframe'}"] if many > 1 else []
        parts += ["←→ tick" if blocks else "left/right tick", f"⇧←→ {name} bar" if blocks else f"shift: {name} bar"]
    parts += ["L live", "q quit"] if frame.later is not None else ["q quit"]
    while len("  ".join(parts)) + 2 > look.width and len(parts) > 3:
        del parts[2 if len(parts) > 4 else 0]
    return "  ".join(parts)


def _list(frame: Frame, look: Look) -> list[Text]:
    """Return the list of symbols under its titles, in the first layout that fits."""
    if not frame.listed:
        return [Text("  no event yet" if not frame.symbols else "  no symbol matches", look.colours.dim)]
    lines: list[Text] = []
    for layout in LIST_LAYOUTS:
        lines = _listed(frame, layout, look)
        if max(line.cell_len for line in lines) <= look.width:
            break
    return lines


def _listed(frame: Frame, layout: _ListLayout, look: Look) -> list[Text]:
    matrix = frame.listed[0].matrix
    shortest, longest = matrix.rows[0].timeframe, matrix.longest
    titles = ["", "symbol", "last", "day" if longest == "1d" else longest]
    left = [0, 1]
    if layout.closes:
        left.append(len(titles))
        titles.append(f"last bars {look.glyphs.split} now" if layout.closes > 9 else f"bars{look.glyphs.split}now")
    left.append(len(titles))
    titles += [shortest, *(["ticks"] if layout.ticks else [])]
    left.append(len(titles))
    titles.append("state" if layout.words else "")
    rows: list[Sequence[Cell]] = [[Text(title, look.colours.dim) for title in titles]]
    rows += [_list_row(each, layout, look, chosen=each.matrix.symbol == frame.choice.symbol) for each in frame.listed]
    return [line[1:] for line in table(rows, left=left)]


def _list_row(each: Listed, layout: _ListLayout, look: Look, *, chosen: bool) -> list[Cell]:
    matrix = each.matrix
    colours = look.colours
    row = matrix.rows[0]
    mark = ("▸" if look.glyphs is BLOCKS else ">") if chosen else ""
    name = Text(fitted(matrix.symbol, layout.name, look), colours.bold)
    last: Cell = Text("none", colours.dim) if matrix.last is None else number_text(matrix.last, matrix.decimals)
    cells: list[Cell] = [mark, name, last, _change(matrix, look)]
    if layout.closes:
        cells.append(spark_text(row, layout.closes, look))
    cells.append(Text("none", colours.dim) if row.percent is None else bar_text(row.percent, LIST_BAR, look))
    if layout.ticks:
        cells.append(f"{each.ticks:,}")
    return [*cells, _state(each, look, words=layout.words)]


def _change(matrix: Matrix, look: Look) -> Text:
    change = matrix.change
    if change is None or change.share is None:
        return Text("none", look.colours.dim)
    arrow, style = direction(change.difference, look)
    return Text(f"{arrow} {number_text(abs(change.share) * 100.0, 2)}%", style)


def _state(each: Listed, look: Look, *, words: bool) -> Text:
    """Return whether the market is open, or that events are being rejected."""
    shapes = look.glyphs is BLOCKS
    if each.newly_rejected:
        mark, word, style = "△" if shapes else "!", f"rejects {each.newly_rejected:,}", look.colours.warn
    elif each.is_open:
        mark, word, style = "●" if shapes else "*", "open", Style()
    else:
        mark, word, style = "─" if shapes else "-", "closed", look.colours.dim
    return Text(f"{mark} {word}" if words else mark, style)


def _selected(frame: Frame, look: Look, room: int) -> tuple[list[Text], bool]:
    """Return the timeframes of the selected symbol in *room* lines; and whether there was room for candles."""
    snapshot = frame.selected
    if snapshot is None:
        return [], False
    matrix = matrix_of(snapshot)
    lines = [_title(matrix, look), *matrix_lines(matrix, look)]
    counts = _counts(snapshot, look)
    chart_room = room - len(lines) - len(counts) - 2
    candles = chart_room >= CANDLES_MIN
    if candles:
        name = snapshot.timeframes[min(frame.choice.rank, len(snapshot) - 1)].name
        chart = chart_of(snapshot, name, bars_that_fit(look))
        lines += [_rule(look), Text(f" {name}", look.colours.bold)]
        lines += candle_lines(chart, look, chart_room - 3)
    else:
        lines.append(_rule(look))
    return [*lines, *counts], candles


def _title(matrix: Matrix, look: Look) -> Text:
    """Return the line above the timeframes, without the time if that does not fit: the header has it."""
    name = Text(fitted(matrix.symbol, SYMBOL_CELLS, look), look.colours.bold)
    place = place_text(matrix, look)
    title = Text.assemble(" ", name, "  ", price_text(matrix, look), "   ", place)
    if title.cell_len > look.width:
        title = Text.assemble(" ", name, "  ", price_text(matrix, look), "   ", place.split(", ")[0])
    return title


def _counts(snapshot: Snapshot, look: Look) -> list[Text]:
    """Return how many of the symbol's events were accepted, and rejected by reason."""
    counts = snapshot.counts
    ticks = f" {counts.ticks:,} ticks accepted"
    rejected = counts.rejected
    if not rejected:
        return [Text(f"{ticks}, none rejected", look.colours.dim)]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items(), key=lambda each: -each[1]))
    return [Text.assemble((f"{ticks}, ", look.colours.dim), (f"{sum(rejected.values()):,} rejected", look.colours.warn),
                          (f": {reasons}", look.colours.dim))]  # fmt: skip
