"""A chart as SVG: candles, volume, gaps and axes; no script, no font and no link in it.

Completed bars are filled, the forming bar is outlined with dashes on a shaded column. Blue rises, and brown, which is
darker too, falls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from mtf.bars.bar import Bar
from mtf.charts.charted import Chart, gap_word, round_starts, time_label, volume_text
from mtf.markup import left_text, plain, time_text
from mtf.numbers import number_text

__all__ = ["svg_of"]

WIDTH: Final = 1200  # px, as all of these
HEIGHT: Final = 600
LEFT: Final = 16
TOP: Final = 48
AXIS: Final = 96  # right of the candles
PRICES: Final = 400  # height of the candles
VOLUMES_TOP: Final = 468
VOLUMES: Final = 80  # height
TIMES_TOP: Final = 572
LEVELS: Final = 6  # prices on the scale, less one
TIME_PX: Final = 110  # from one time on the axis to the next, at least
LABEL_PX: Final = 16
BODY_MIN: Final = 1.0

STYLE: Final = """\
text{font:12px system-ui,sans-serif;fill:#4c5662}.h{font-size:16px;font-weight:600;fill:#15191e}
.grid{stroke:#e3e6ea}.up{fill:#2f7fd6;stroke:#2f7fd6}.down{fill:#94420b;stroke:#94420b}
.forming{fill:#fff;stroke-dasharray:3 2}.v{opacity:.45;stroke:none}.band{fill:#15191e;opacity:.07}
.gap{stroke:#616c78;stroke-dasharray:2 4}.last{stroke:#15191e;stroke-dasharray:1 3}
.l0{stroke:#3a424c}.l1{stroke:#6741d9}.l2{stroke:#0b7a66}.l3{stroke:#856000}.line{fill:none;stroke-width:1.5}"""


def svg_of(chart: Chart) -> str:
    """Return *chart* as the text of an SVG file."""
    return "\n".join(_parts(chart)) + "\n"


def _parts(chart: Chart) -> Iterator[str]:
    title = escape(plain(f"{chart.symbol} {chart.timeframe}"))
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{title.replace(chr(34), "&quot;")}">'
    )
    yield f"<title>{', '.join(filter(None, (title, chart.place)))}</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    yield f'<text class="h" x="{LEFT}" y="28">{title}</text>'
    yield _text(LEFT + AXIS * 2, 28, _heading(chart))
    if chart.all_bars:
        yield from _Drawing(chart).parts()
    yield "</svg>"


def _heading(chart: Chart) -> str:
    if not chart.all_bars:
        return "   ".join(filter(None, ("no bars to show", chart.place)))
    bar = chart.all_bars[-1]
    values = zip("OHLC", (bar.open, bar.high, bar.low, bar.close), strict=True)
    words = [f"{letter} {number_text(value, chart.decimals)}" for letter, value in values]
    if chart.partial is not None:
        percent = min(99, int(chart.partial.progress * 100))
        timed = chart.partial.timeframe.timed
        left = f"{percent}%, {left_text(chart.partial.remaining_ns)} left" if timed else f"{percent}% full"
        words.append(f"forming, {left}")
    return "   ".join(filter(None, (*words, chart.place)))


class _Drawing:
    """The scales of one chart, and what is drawn by them."""

    def __init__(self, chart: Chart) -> None:
        self._chart: Final = chart
        bars = chart.all_bars
        self._bars: Final = bars
        self._lines: Final = chart.all_lines
        values = [value for line in self._lines for value in line if value is not None]
        self._high: Final = max([*(bar.high for bar in bars), *values])
        self._low: Final = min([*(bar.low for bar in bars), *values])
        self._step: Final = (WIDTH - LEFT - AXIS) / len(bars)
        self._body: Final = max(1.0, min(24.0, self._step * 0.7))

    def parts(self) -> Iterator[str]:
        yield from self._scale()
        yield from self._times()
        for k, bar in enumerate(self._bars):
            if k and (word := gap_word(bar)):
                yield from self._gap(k, bar, word)
        if self._chart.partial is not None:
            x = self._x(len(self._bars) - 1) - self._step / 2
            yield f'<rect class="band" x="{x:.1f}" y="{TOP}" width="{self._step:.1f}" height="{TIMES_TOP - TOP - 16}"/>'
        yield from self._volumes()
        for k, bar in enumerate(self._bars):
            yield from self._candle(k, bar)
        for number, values in enumerate(self._lines):
            yield from self._line(number, values)
        yield from self._last()

    def _x(self, k: int) -> float:
        return LEFT + (k + 0.5) * self._step

    def _y(self, price: float) -> float:
        span = self._high / 2.0 - self._low / 2.0  # halves, as the whole may overflow a float
        share = (self._high / 2.0 - price / 2.0) / span if span > 0.0 else 0.5
        return TOP + share * PRICES

    def _scale(self) -> Iterator[str]:
        right = WIDTH - AXIS
        for level in range(LEVELS + 1):
            share = level / LEVELS
            price = self._high * (1.0 - share) + self._low * share
            y = TOP + share * PRICES
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>'
            if abs(y - self._y(self._bars[-1].close)) > LABEL_PX:  # the newest price has that place
                yield _text(right + 8, y + 4, number_text(price, self._chart.decimals))

    def _times(self) -> Iterator[str]:
        free, day = 0.0, ""
        for k in round_starts(self._bars, TIME_PX / self._step):
            x = self._x(k)
            if x < free or x > WIDTH - AXIS - 40:
                continue
            label, day_of = time_label(self._bars[k], day)
            yield f'<path class="grid" d="M{x:.1f} {TOP}V{TIMES_TOP - 14}"/>'
            yield _text(x, TIMES_TOP, label)
            free, day = x + TIME_PX, day_of

    def _gap(self, k: int, bar: Bar, word: str) -> Iterator[str]:
        x = self._x(k) - self._step / 2
        assert bar.gap is not None, "gap_word found it"
        length = left_text(bar.gap.total_ns - bar.gap.silence_ns)
        yield f'<path class="gap" d="M{x:.1f} {TOP}V{VOLUMES_TOP + VOLUMES}"><title>{word} {length}</title></path>'

    def _volumes(self) -> Iterator[str]:
        volumes = [bar.volume for bar in self._bars]
        what = "volume" if any(volumes) else "ticks"
        sizes = volumes if any(volumes) else [float(bar.ticks) for bar in self._bars]
        most = max(sizes)
        for k, (bar, size) in enumerate(zip(self._bars, sizes, strict=True)):
            height = size / most * VOLUMES if most > 0.0 else 0.0
            y = VOLUMES_TOP + VOLUMES - height
            yield _rect(f"v {_kind(bar)}", self._x(k) - self._body / 2, y, self._body, height)
        yield _text(WIDTH - AXIS + 8, VOLUMES_TOP + 10, what)
        yield _text(WIDTH - AXIS + 8, VOLUMES_TOP + 26, volume_text(most))

    def _candle(self, k: int, bar: Bar) -> Iterator[str]:
        x, kind = self._x(k), _kind(bar)
        top, bottom = self._y(max(bar.open, bar.close)), self._y(min(bar.open, bar.close))
        yield f'<g><path class="{kind}" d="M{x:.1f} {self._y(bar.high):.1f}V{self._y(bar.low):.1f}"/>'
        forming = "" if bar.completed else " forming"
        height = max(BODY_MIN, bottom - top)
        yield _rect(f"{kind}{forming}", x - self._body / 2, top, self._body, height)
        yield f"<title>{self._words(bar)}</title></g>"

    def _words(self, bar: Bar) -> str:
        """Return what a browser shows of a bar that is pointed at."""
        when = time_text(bar.start_ns) if bar.timeframe.intraday else str(bar.trading_day or time_text(bar.start_ns))
        values = zip("OHLC", (bar.open, bar.high, bar.low, bar.close), strict=True)
        prices = [f"{letter} {number_text(value, self._chart.decimals)}" for letter, value in values]
        size = f"volume {volume_text(bar.volume)}" if bar.volume else f"{bar.ticks:,} ticks"
        return "  ".join([when, *prices, size, *([] if bar.completed else ["forming"])])

    def _line(self, number: int, values: Sequence[float | None]) -> Iterator[str]:
        """Yield one line of indicator values with its name, and its last step, to the live value, with dashes."""
        y = TOP + 18 + 18 * number
        yield f'<path class="line l{number}" d="M{LEFT + 8} {y - 4}h18"/>'
        yield _text(LEFT + 32, y, self._chart.lines[number].name)
        points = [(self._x(k), self._y(value)) for k, value in enumerate(values) if value is not None]
        live = self._chart.partial is not None and values[-1] is not None
        solid = points[:-1] if live else points
        if len(solid) > 1:
            yield f'<path class="line l{number}" d="{_path(solid)}"/>'
        if live and len(points) > 1:
            yield f'<path class="line l{number}" stroke-dasharray="3 3" d="{_path(points[-2:])}"/>'

    def _last(self) -> Iterator[str]:
        close = self._bars[-1].close
        y = self._y(close)
        yield f'<path class="last" d="M{LEFT} {y:.1f}H{WIDTH - AXIS}"/>'
        yield f'<rect x="{WIDTH - AXIS + 2}" y="{y - 9:.1f}" width="{AXIS - 6}" height="18" fill="#15191e"/>'
        shown = number_text(close, self._chart.decimals)
        yield f'<text x="{WIDTH - AXIS + 8}" y="{y + 4:.1f}" style="fill:#fff">{shown}</text>'


def _kind(bar: Bar) -> str:
    return "up" if bar.close >= bar.open else "down"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" xml:space="preserve">{escape(plain(text))}</text>'
