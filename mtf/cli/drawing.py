"""Drawing a matrix as text: a heading, and a row per timeframe that fits the width of the terminal.

Owns columns and wording; the values come from `mtf.matrix`. If the width is too small, columns are omitted one by one,
the last close first; a line that is still too long is left to the terminal, so that no number is ever cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from mtf.cli.output import plain
from mtf.cli.terminal import Look
from mtf.cli.times import moment_text
from mtf.frames.snapshot import NO_TIME_NS
from mtf.markup import left_text
from mtf.matrix import ABSENT, WARMING, Change, IndicatorReading, Matrix, Row
from mtf.numbers import distance_text, number_text, scale_decimals

__all__ = [
    "Cell",
    "Section",
    "bar_text",
    "direction",
    "fitted",
    "headed",
    "matrix_lines",
    "own_decimals",
    "paragraph",
    "place_text",
    "price_text",
    "reading_text",
    "sheet",
    "spark_text",
    "table",
]

GAP: Final = 2
INDENT: Final = 2
LABEL_CELLS: Final = 30  # width of its name next to its row
NAME_CELLS: Final = 14  # width of an indicator output's name above its column
SYMBOL_CELLS: Final = 40
BAR_CELLS: Final = 10

NO_BAR: Final = "no bar yet"
NONE_FORMS: Final = "none forms"
ALL: Final = ("", "", "both", "all three", "all four", "all five", "all six", "all seven", "all eight", "all nine")


class _Layout(NamedTuple):
    """Which columns there are, and how many."""

    closes: int
    closed: bool  # the last close
    bar: bool  # progress as a bar; the percentage is always there
    readings: int


LAYOUTS: Final = (  # the first that fits is used; those with the last close need 100 columns
    _Layout(24, True, True, 2),
    _Layout(14, False, True, 2),
    _Layout(14, False, True, 1),
    _Layout(14, False, False, 1),
    _Layout(14, False, False, 0),
    _Layout(6, False, False, 0),
)
WIDE: Final = 100

Cell = Text | str
Section = tuple[
    str, Sequence[str], Sequence[Sequence[Cell]]
]  # of a sheet: title, labels of rows, a column for each head


def matrix_lines(matrix: Matrix, look: Look) -> list[Text]:
    """Return the rows of *matrix* under their titles, in the widest layout that fits."""
    lines: list[Text] = []
    for layout in LAYOUTS:
        if layout.closed and look.width < WIDE:
            continue
        lines = _laid_out(matrix, layout, look)
        if max(line.cell_len for line in lines) <= look.width:
            break
    if matrix.live_off:
        lines.append(Text("  values are those after the last closed bar: live ones are off", look.colours.dim))
    return lines


def headed(symbol: str, left: Text, right: Text, rows: Sequence[Text], look: Look) -> list[Text]:
    """Return *rows* under a line of *symbol*, *left* and *right*, as wide as the rows; several lines if necessary."""
    name = Text(fitted(symbol, min(SYMBOL_CELLS, look.width), look), look.colours.bold)
    taken = name.cell_len + GAP + left.cell_len
    room = max(row.cell_len for row in rows) - taken - right.cell_len
    if taken + GAP + right.cell_len <= look.width:
        return [Text.assemble(name, " " * GAP, left, " " * max(GAP, room), right), *rows]
    parts = [right] if INDENT + right.cell_len <= look.width else list(right.split(", "))
    if taken <= look.width:
        name = Text.assemble(name, " " * GAP, left)
    else:
        parts = [left, *parts]
    return [name, *(Text.assemble(" " * INDENT, part) for part in parts), *rows]


def fitted(text: str, cells: int, look: Look) -> str:
    """Return *text*, safe to print and no wider than *cells*."""
    text = plain(text)
    if cell_len(text) <= cells:
        return text
    kept = ""
    for each in text:
        if cell_len(kept + each) + 1 > cells:
            break
        kept += each
    return kept + look.glyphs.cut


def table(rows: Sequence[Sequence[Cell]], left: Iterable[int] = ()) -> list[Text]:
    """Return *rows*, the first of which are titles, in columns; those numbered in *left* are flush left."""
    flush_left = set(left)
    texts = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [max(row[k].cell_len for row in texts) for k in range(len(texts[0]))]
    lines = []
    for row in texts:
        line = Text(" " * (INDENT - GAP))
        for k, cell in enumerate(row):
            room = " " * (widths[k] - cell.cell_len)
            line.append(" " * GAP)
            line.append_text(Text.assemble(cell, room) if k in flush_left else Text.assemble(room, cell))
        line.rstrip()
        lines.append(line)
    return lines


def sheet(sections: Sequence[Section], heads: Sequence[str], look: Look) -> list[Text]:
    """Return *sections* beneath one another in the same columns, *heads* across; in parts if that is too wide."""
    rows: list[list[Cell]] = []
    for title, labels, columns in sections:
        if rows:
            rows.append([""] * (1 + len(heads)))
        rows.append([Text(each, look.colours.dim) for each in (title, *heads)])
        rows += [
            [fitted(label, LABEL_CELLS, look), *(column[k] for column in columns)] for k, label in enumerate(labels)
        ]
    lines = table(rows)
    if len(heads) == 1 or max(line.cell_len for line in lines) <= look.width:
        return lines
    half = (len(heads) + 1) // 2
    lines = []
    for part in (slice(None, half), slice(half, None)):
        some = [(title, labels, columns[part]) for title, labels, columns in sections]
        lines += [*sheet(some, heads[part], look), *([] if part.stop is None else [Text()])]
    return lines


def paragraph(label: str, words: Sequence[str], look: Look, *, gap: int = 3) -> list[Text]:
    """Return *words* in a row after *label*, continued on further lines if they do not fit."""
    lines: list[str] = []
    line = ""
    for word in words:
        longer = f"{line}{' ' * gap}{word}" if line else word
        if line and INDENT + cell_len(label) + cell_len(longer) > look.width:
            lines.append(line)
            longer = word
        line = longer
    lines.append(line)
    return [Text(f"{' ' * INDENT}{label if not k else ' ' * cell_len(label)}{each}") for k, each in enumerate(lines)]


def price_text(matrix: Matrix, look: Look) -> Text:
    """Return the last price and its change in percent: of the day if `1d` is kept, else with its beginning."""
    if matrix.last is None:
        return Text(NO_BAR, look.colours.dim)
    last = (number_text(matrix.last, matrix.decimals), look.colours.bold)
    change = matrix.change
    if change is None:
        return Text.assemble(last)
    share = change.share
    size = abs(change.difference if share is None else share * 100.0)
    shown = number_text(size, matrix.decimals if share is None else 2)
    sign = "" if not change.difference else look.glyphs.minus if change.difference < 0.0 else "+"
    arrow, style = direction(change.difference, look)
    moved = f"{arrow} {sign}{shown}{'' if share is None else ' %'}"
    return Text.assemble(last, "  ", (moved, style), (_since(change), look.colours.dim))


def place_text(matrix: Matrix, look: Look) -> Text:
    """Return the place of *matrix* in the log: `all six at seq 246,170, 2014-05-08 13:33:40Z`."""
    count = len(matrix.rows)
    how_many = f"{ALL[count] if count < len(ALL) else f'all {count}'} " if count > 1 else ""
    time = f", {moment_text(matrix.time_ns)}" if matrix.time_ns != NO_TIME_NS else ""
    return Text.assemble(f"{how_many}at ", (f"seq {matrix.seq:,}", look.colours.bold), time)


def reading_text(reading: IndicatorReading, matrix: Matrix, own_decimals: int, look: Look) -> Text:
    """Return one value: a number, or how many of the required bars have closed, such as `5/20`."""
    if reading.value is not None:
        return Text(number_text(reading.value, matrix.decimals if reading.on_price else own_decimals))
    if reading.state == WARMING:
        more = "+" if reading.at_least else ""
        return Text(f"{reading.seen:,}/{reading.needed:,}{more}", look.colours.dim)
    return Text("n/a" if reading.state == ABSENT else "waits", look.colours.dim)


def own_decimals(readings: Iterable[IndicatorReading]) -> int:
    """Return the decimals that the values of one output share, if it is not a price."""
    return scale_decimals([each.value for each in readings if each.value is not None])


def spark_text(row: Row, closes: int, look: Look) -> Text:
    """Return the last closes as levels between the lowest and the highest, with the forming bar's set apart."""
    shown = row.closes[-closes:]
    partial = row.partial
    if not shown and partial is None:
        return Text(NO_BAR, look.colours.dim)
    now = [] if partial is None else [partial.close]
    levels = _levels([*shown, *now], look)
    closed = " " * (closes - len(shown)) + levels[: len(shown)] + look.glyphs.split
    _, style = direction(row.change or 0.0, look)
    return Text.assemble((closed, look.colours.dim), (levels[len(shown) :], style))


def bar_text(percent: int, cells: int, look: Look) -> Text:
    """Return the elapsed part of a bar's time as a line of *cells*."""
    over = percent * cells // 100
    before, after = look.glyphs.ends
    return Text.assemble(before, look.glyphs.over * over, (look.glyphs.ahead * (cells - over), look.colours.dim), after)


def direction(change: float, look: Look) -> tuple[str, Style]:
    """Return arrow and style of a change."""
    if change > 0.0:
        return look.glyphs.up, look.colours.up
    if change < 0.0:
        return look.glyphs.down, look.colours.down
    return look.glyphs.same, look.colours.dim


def _laid_out(matrix: Matrix, layout: _Layout, look: Look) -> list[Text]:
    dim = look.colours.dim
    readings = range(min(layout.readings, len(matrix.rows[0].readings)))
    spark = f"last bars {look.glyphs.split} now" if layout.closes > 9 else f"bars{look.glyphs.split}now"
    titles = ["", spark, "forming", *(("progress",) if layout.bar else ()), "", "left"]
    titles += ["closed"] if layout.closed else []
    names = [matrix.rows[0].readings[k].name for k in readings]
    titles += [fitted(name, NAME_CELLS, look) for name in names]
    decimals = [own_decimals(row.readings[k] for row in matrix.rows) for k in readings]
    rows: list[list[Cell]] = [[Text(title, dim) for title in titles]]
    for row in matrix.rows:
        cells: list[Cell] = [Text(row.timeframe, look.colours.bold), spark_text(row, layout.closes, look)]
        cells += _forming(row, matrix, look, bar=layout.bar)
        if layout.closed:
            cells.append(Text("none", dim) if row.closed is None else number_text(row.closed, matrix.decimals))
        cells += [reading_text(row.readings[k], matrix, decimals[k], look) for k in readings]
        rows.append(cells)
    return table(rows, left=(1, 2, 3) if layout.bar else (1, 2))


def _forming(row: Row, matrix: Matrix, look: Look, *, bar: bool) -> list[Cell]:
    """Return the cells of the forming bar: change, progress, percentage, time left."""
    dim = look.colours.dim
    partial, change, percent = row.partial, row.change, row.percent
    if partial is None or change is None or percent is None:
        return [Text(NONE_FORMS if row.closes else "", dim), *(("",) if bar else ()), "", ""]
    arrow, style = direction(change, look)
    cells: list[Cell] = [Text(f"{arrow} {distance_text(partial.open, partial.close, matrix.decimals)}", style)]
    if bar:
        cells.append(bar_text(percent, BAR_CELLS, look))
    return [*cells, f"{percent}%", left_text(partial.remaining_ns) if partial.timeframe.timed else ""]


def _levels(values: Sequence[float], look: Look) -> str:
    glyphs = look.glyphs.levels
    low, high = min(values), max(values)
    span = high / 2.0 - low / 2.0  # halves, as the whole may overflow a float
    if not span > 0.0:
        return glyphs[len(glyphs) // 2 - 1] * len(values)
    top = len(glyphs) - 1
    return "".join(glyphs[min(top, int((value / 2.0 - low / 2.0) / span * len(glyphs)))] for value in values)


def _since(change: Change) -> str:
    if change.timeframe == "1d" and not change.opened:
        return ""
    return f" since {change.timeframe} {'open' if change.opened else 'close'}"
