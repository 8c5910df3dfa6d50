"""Text for people, and HTML for notebooks: what `_repr_html_` of values and tables shows, escaped and bounded.

Texts come from data (symbols, ids), and a page may be somebody else's: nothing of them is markup. Knows no values but
numbers, times and texts.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from mtf.units import SECOND_NS

__all__ = ["GAP", "html_table", "left_text", "plain", "time_text"]

CELL_CHARS_MAX: Final = 80
GAP: Final = "…"

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], note: str = "") -> str:
    """Return a table of *rows* under *caption*, with a *note* below it. Numbers stand right, None is an empty cell."""
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    foot = f"<div>{_text(note)}</div>" if note else ""
    return (
        f'<div><table><caption style="text-align:left">{_text(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>{foot}</div>"
    )


def time_text(ts_ns: int) -> str:
    """Return a time in UTC: `2024-03-06 10:00:00Z`, with the fraction there is."""
    seconds, rest = divmod(ts_ns, SECOND_NS)
    text = (_EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0") + "Z" if rest else text + "Z"


def left_text(ns: int) -> str:
    """Return a duration for people: `0:20`, `26:20`, `3h 26m`, `2d 7h`; a part of a second counts."""
    seconds = -(-ns // SECOND_NS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}:{seconds:02d}"


def plain(text: str) -> str:
    """Return *text* without what a terminal could take for a command: names in a log may be a stranger's."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in text)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f'<td style="text-align:left">{_text("" if value is None else str(value))}</td>'
    number = f"{value:.10g}" if isinstance(value, float) else str(value)
    return f'<td style="text-align:right">{"" if value != value else _text(number)}</td>'


def _text(text: str) -> str:
    return escape(text if len(text) <= CELL_CHARS_MAX else text[: CELL_CHARS_MAX - 1] + GAP)
