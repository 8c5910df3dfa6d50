"""Candles drawn with characters: one column per bar, with a resolution of half a cell.

A completed bar is a solid line, thick for its body; the forming bar is dashed, on a shaded column, so that no colour is
needed to tell them apart. Without colours, the form of the body shows whether it rises.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import attrs
from rich.style import Style
from rich.text import Text

from mtf.bars.bar import Bar
from mtf.charts.charted import Chart, gap_word, round_starts, time_label, volume_text
from mtf.cli.drawing import bar_text, direction, fitted, paragraph
from mtf.cli.terminal import BLOCKS, Look
from mtf.markup import left_text
from mtf.numbers import distance_text, number_text

__all__ = ["bars_that_fit", "candle_lines", "chart_lines"]

LABEL_ROWS: Final = 3  # from one price of the scale to the next
TIME_CELLS: Final = 14  # from one time of the axis to the next, at least
SYMBOL_CELLS: Final = 24
PRICE_CELLS: Final = 12  # of the axis, before its prices are known
STEP_MAX: Final = 4  # columns from one bar to the next, for few bars
PLOT_ROWS_MIN: Final = 5
AROUND: Final = 6  # lines of a chart besides the candles, and the line of the shell's prompt
BAR_CELLS: Final = 12

# By the content of the upper and the lower half of a cell: 0 nothing, 1 wick, 2 body.
SHARP: Final = {
    (1, 1): "│", (2, 2): "┃", (1, 2): "╽", (2, 1): "╿", (0, 1): "╷", (1, 0): "╵", (0, 2): "╻", (2, 0): "╹",
}  # fmt: skip
SOFT: Final = {(1, 1): "│", (0, 1): "╷", (1, 0): "╵"}


@attrs.frozen(kw_only=True)
class _Marks:
    """The characters of a chart, except those of completed bars with colours."""

    wick: str
    up: str  # a body that rises, without colours
    down: str
    forming: str  # the body of the forming bar
    forming_wick: str
    column: str  # behind the forming bar
    gap: str
    lines: str  # of indicators, one each
    axis: str
    tick: str  # of the axis
    here: str  # under the forming bar


UNICODE: Final = _Marks(
    wick="│", up="║", down="█", forming="┇", forming_wick="┆", column="░", gap="╎", lines="·∘×+", axis="│", tick="┤",
    here="▲",
)  # fmt: skip
LETTERS: Final = _Marks(
    wick="|", up="o", down="#", forming="%", forming_wick="!", column=".", gap=":", lines="-~x+", axis="|", tick="+",
    here="^",
)  # fmt: skip
BLOCK_FORMING: Final = "▓"  # without colours

Cell = tuple[str, Style | None]
Slot = int | None  # the number of a bar; None is a gap


def bars_that_fit(look: Look) -> int:
    """Return roughly how many bars fit a chart of this width: the scale may turn out narrower than assumed."""
    return max(8, look.width - PRICE_CELLS + 4)


def chart_lines(chart: Chart, look: Look) -> list[Text]:
    """Return the whole chart in *look*'s size: heading, candles, volume, times, and the legend."""
    legend = _legend(chart, look)
    rows = max(PLOT_ROWS_MIN, look.height - AROUND - len(legend) + 1)
    return [_heading(chart, look), *candle_lines(chart, look, rows), *legend]


def candle_lines(chart: Chart, look: Look, rows: int) -> list[Text]:
    """Return *rows* lines of candles with the price scale, a line of volume, one of times, and the mark of the present.

    The newest bars that fit are shown; if there are few, they are farther apart.
    """
    if not chart.all_bars:
        return [Text("  no bars to show", look.colours.dim)]
    plot = _Plot(chart, look, rows)
    return [*plot.rows(), plot.volume(), plot.times(), *plot.present()]


class _Plot:
    """The candles of a chart on a grid of cells."""

    def __init__(self, chart: Chart, look: Look, rows: int) -> None:
        self._marks: Final = _marks(look)
        self._look: Final = look
        self._chart: Final = chart
        self._bars: Final = chart.all_bars
        self._rows: Final = rows
        bars = self._bars
        widest = max(len(number_text(price, chart.decimals)) for bar in bars for price in (bar.high, bar.low))
        room = max(1, look.width - widest - 3)  # the axis, a space, and the price
        slots = _slots(bars)
        self._step: Final = max(1, min(STEP_MAX, room // len(slots)))
        self._slots: Final[list[Slot]] = slots[-(room // self._step) :]
        self._width: Final = room
        self._left: Final = room - len(self._slots) * self._step  # the newest bar is at the right edge
        shown = [slot for slot in self._slots if slot is not None]
        self._shown: Final = shown
        self._lines: Final = chart.all_lines
        values = [line[k] for line in self._lines for k in shown]
        prices = [value for value in values if value is not None]
        self._high: Final = max([*(bars[k].high for k in shown), *prices])
        self._low: Final = min([*(bars[k].low for k in shown), *prices])

    def rows(self) -> list[Text]:
        """Return the lines of candles, each with its part of the price scale."""
        columns = [[self._blank(x)] * self._rows for x in range(self._width)]
        for place, slot in enumerate(self._slots):
            x = self._column(place)
            if slot is None:
                columns[x] = [(self._marks.gap, self._look.colours.dim)] * self._rows
            else:
                self._draw(columns[x], slot)
        last_row = self._half(self._bars[-1].close) // 2
        texts = []
        for row in range(self._rows):
            text = Text()
            for column in columns:
                character, style = column[row]
                text.append(character, style)
            texts.append(text.append_text(self._scale(row, last_row)))
        return texts

    def volume(self) -> Text:
        """Return the line of volumes, or of ticks if the source has no volume."""
        levels = self._look.glyphs.levels
        sizes = _sizes(self._bars)
        most = max((sizes[slot] for slot in self._slots if slot is not None), default=0.0)
        cells = [" "] * self._width
        for place, slot in enumerate(self._slots):
            if slot is not None and sizes[slot] > 0.0:
                level = math.ceil(sizes[slot] / most * len(levels)) - 1
                cells[self._column(place)] = levels[max(0, min(len(levels) - 1, level))]
        return Text("".join(cells) + self._marks.axis, self._look.colours.dim)

    def times(self) -> Text:
        """Return the axis of times, each with its first character under its bar."""
        cells = [" "] * self._look.width
        free, day = 0, ""
        shown = self._shown
        numbers = {shown[k] for k in round_starts([self._bars[slot] for slot in shown], TIME_CELLS / self._step)}
        for place, slot in enumerate(self._slots):
            x = self._column(place)
            if slot is None or slot not in numbers or x < free:
                continue
            label, day_of = time_label(self._bars[slot], day)
            if free and x + len(label) > self._width:
                break
            x = max(0, min(x, self._width - len(label)))
            cells[x : x + len(label)] = label
            free, day = x + max(TIME_CELLS, len(label) + 2), day_of
        return Text("".join(cells).rstrip(), self._look.colours.dim)

    def present(self) -> list[Text]:
        """Return the line that points at the forming bar, if there is one."""
        if self._chart.partial is None:
            return []
        x = self._column(len(self._slots) - 1)
        label = f"{self._marks.here} forming"
        if x + len(label) <= self._look.width:
            return [Text(" " * x + label, self._look.colours.dim)]
        label = f"forming {self._marks.here}"
        return [Text(" " * max(0, x - len(label) + 1) + label, self._look.colours.dim)]

    def _column(self, place: int) -> int:
        return self._left + place * self._step + (self._step - 1) // 2

    def _blank(self, x: int) -> Cell:
        forming = self._chart.partial is not None and x == self._column(len(self._slots) - 1)
        return (self._marks.column, self._look.colours.dim) if forming else (" ", None)

    def _half(self, price: float) -> int:
        """Return the half cell of *price*, counted from the top; calculates with halved floats, to avoid overflow."""
        span = self._high / 2.0 - self._low / 2.0
        share = (self._high / 2.0 - price / 2.0) / span if span > 0.0 else 0.5
        return max(0, min(2 * self._rows - 1, int(share * 2 * self._rows)))

    def _price(self, row: int) -> float:
        """Return the price in the middle of *row*."""
        share = (row + 0.5) / self._rows
        return self._high * (1.0 - share) + self._low * share

    def _draw(self, column: list[Cell], slot: int) -> None:
        bar = self._bars[slot]
        rises = bar.close >= bar.open
        style = self._look.colours.up if rises else self._look.colours.down
        top, bottom = self._half(bar.high), self._half(bar.low)
        body = (self._half(max(bar.open, bar.close)), self._half(min(bar.open, bar.close)))
        for row in range(top // 2, bottom // 2 + 1):
            upper, lower = (
                2 if body[0] <= half <= body[1] else 1 if top <= half <= bottom else 0
                for half in (2 * row, 2 * row + 1)
            )  # fmt: skip
            column[row] = (self._character((upper, lower), rises=rises, forming=not bar.completed), style)
        for number, values in enumerate(self._lines):
            value = values[slot]
            if value is not None and column[row := self._half(value) // 2][0] in (" ", self._marks.column):
                column[row] = (self._marks.lines[number], None)

    def _character(self, halves: tuple[int, int], *, rises: bool, forming: bool) -> str:
        marks, body = self._marks, 2 in halves
        if forming:
            if not body:
                return marks.forming_wick
            return marks.forming if self._look.coloured or marks is LETTERS else BLOCK_FORMING
        if marks is UNICODE and self._look.coloured:
            return SHARP[halves]
        if body:
            return marks.up if rises else marks.down
        return SOFT[halves] if marks is UNICODE else marks.wick

    def _scale(self, row: int, last_row: int) -> Text:
        """Return the axis at *row*: a price every few rows, and that of the newest bar in its own row."""
        marks, dim = self._marks, self._look.colours.dim
        if row == last_row:
            price = number_text(self._bars[-1].close, self._chart.decimals)
            return Text.assemble((f"{marks.tick} ", dim), (price, self._look.colours.bold))
        if row % LABEL_ROWS or abs(row - last_row) == 1:
            return Text(marks.axis, dim)
        return Text(f"{marks.tick} {number_text(self._price(row), self._chart.decimals)}", dim)


def _marks(look: Look) -> _Marks:
    return UNICODE if look.glyphs is BLOCKS else LETTERS


def _slots(bars: Sequence[Bar]) -> list[Slot]:
    """Return the bars by number, with an extra slot for each time that the market was closed in between."""
    slots: list[Slot] = []
    for k, bar in enumerate(bars):
        if k and gap_word(bar):
            slots.append(None)
        slots.append(k)
    return slots


def _sizes(bars: Sequence[Bar]) -> list[float]:
    volumes = [bar.volume for bar in bars]
    return volumes if any(volumes) else [float(bar.ticks) for bar in bars]


def _heading(chart: Chart, look: Look) -> Text:
    """Return the line above the candles, without what does not fit."""
    colours = look.colours
    name = Text(f"{fitted(chart.symbol, SYMBOL_CELLS, look)} {chart.timeframe}", colours.bold)
    seq = Text(f"  {chart.place}")
    if not chart.all_bars:
        return name + seq
    bar = chart.all_bars[-1]
    arrow, style = direction(bar.close - bar.open, look)
    moved = f" {arrow} {distance_text(bar.open, bar.close, chart.decimals)}"
    price = Text.assemble("  ", (number_text(bar.close, chart.decimals), colours.bold), (moved, style))
    parts = zip("OHL", (bar.open, bar.high, bar.low), strict=True)
    prices = Text("  " + " ".join(f"{letter} {number_text(value, chart.decimals)}" for letter, value in parts))
    progress, left = _progress(chart, look)
    layouts = ((price, prices, progress, left, seq), (price, prices, left, seq), (price, left, seq), (price, seq))
    lines = [Text().join([name, *each]) for each in layouts]
    return next((line for line in lines if line.cell_len <= look.width), lines[-1])


def _progress(chart: Chart, look: Look) -> tuple[Text, Text]:
    """Return the progress of the forming bar as a bar, and in words."""
    partial = chart.partial
    if partial is None:
        return Text(), Text("  no forming bar", look.colours.dim)
    percent = min(99, int(partial.progress * 100))
    return Text.assemble("  ", bar_text(percent, BAR_CELLS, look)), Text(
        f"  {percent}% {left_text(partial.remaining_ns)} left" if partial.timeframe.timed else f"  {percent}% full"
    )


def _legend(chart: Chart, look: Look) -> list[Text]:
    """Return the legend of the marks in the chart."""
    bars = chart.all_bars
    if not bars:
        return []
    marks = _marks(look)
    body = marks.forming if look.coloured or marks is LETTERS else BLOCK_FORMING
    words = ["┃ closed"] if marks is UNICODE and look.coloured else [f"{marks.up} up", f"{marks.down} down"]
    if chart.partial is not None:
        words.append(f"{body} {marks.column} forming")
    for mark, line in zip(marks.lines, chart.lines, strict=False):
        value, when = (line.live, "live") if chart.partial is not None else (([*line.values] or [None])[-1], "")
        shown = "warming up" if value is None else f"{number_text(value, chart.decimals)} {when}".strip()
        words.append(f"{mark} {line.name} {shown}")
    gaps = sorted({word for bar in bars[1:] if (word := gap_word(bar))})
    if gaps:
        words.append(f"{marks.gap} {', '.join(gaps)}")
    levels = look.glyphs.levels
    what = "volume" if any(bar.volume for bar in bars) else "ticks"
    words.append(f"{levels[0]}{levels[-1]} {what} up to {volume_text(max(_sizes(bars)))}")
    return [Text(each.plain[1:], look.colours.dim) for each in paragraph("", words, look, gap=2)]
