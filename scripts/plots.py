"""Plots of figures that grow, as pictures: lines over two logarithmic axes, each with its name at its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from mtf.charts.picture import FAMILY, Picture

__all__ = ["growth_plot"]

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 50, 55
COLORS = ("#0b6bcb", "#c2410c", "#15803d", "#7e22ce", "#475569", "#b91c1c")
LABEL_STEP = 15  # least distance of two names

Points = Sequence[tuple[float, float]]


def growth_plot(title: str, across: str, up: str, lines: Mapping[str, Points]) -> Picture:
    """Return a plot of *lines* by name; *across* and *up* say what the axes are. All values are above 0."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    left, right = math.log10(min(xs)), math.log10(max(xs))
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def place(x: float, y: float) -> tuple[float, float]:
        share_x = (math.log10(x) - left) / ((right - left) or 1)
        share_y = (math.log10(y) - low) / ((high - low) or 1)
        return LEFT + share_x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - share_y * (HEIGHT - TOP - BOTTOM)

    parts = [*_frame(title, across, up)]
    for power in range(low, high + 1):
        _, y = place(min(xs), 10.0**power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e2e8f0"/>')
        parts.append(_text(LEFT - 8, y + 4, _number(10.0**power), "end"))
    for x_value in sorted(set(xs)):
        x, _ = place(x_value, 10.0**low)
        parts.append(f'<path d="M{x:.1f} {HEIGHT - BOTTOM}v5" stroke="#64748b"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 20, _number(x_value), "middle"))
    ends = []
    for (name, points), color in zip(lines.items(), COLORS, strict=False):
        at = [place(x, y) for x, y in sorted(points)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        parts.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in at]
        ends.append((at[-1][1], name, color))
    below = float(TOP)
    for y, name, color in sorted(ends):
        below = max(y + 4, below + LABEL_STEP)
        parts.append(_text(WIDTH - RIGHT + 12, below, name, "start", color))
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = f'font-family="{FAMILY}, sans-serif" font-size="12"'
    return Picture(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{"".join(parts)}</svg>')


def _frame(title: str, across: str, up: str) -> Iterator[str]:
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield _text(LEFT, 24, title, "start", "#0f172a", 15)
    yield _text(LEFT, TOP - 8, up, "start", "#475569")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, across, "middle", "#475569")
    yield f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="#64748b"/>'


def _text(x: float, y: float, text: str, anchor: str, color: str = "#334155", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}">{escape(text)}</text>'
    )


def _number(value: float) -> str:
    """Return a number as an axis has it: 10,000,000 as 10M."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"
