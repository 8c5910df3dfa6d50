"""The length of a file's bars, inferred from the steps between them, or not at all.

A length is inferred only if the smallest step is a usual one and is the step of most rows. Three bars two minutes apart
may last one minute or two: then an option is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from mtf.errors import OptionNeeded
from mtf.timeframe import Timeframe
from mtf.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

__all__ = ["check_length", "days_name", "infer_length"]

THURSDAY: Final = 3  # 1970-01-01 was one, if Monday is 0
FRIDAY: Final = 4

_USUAL: Final = ("1s", "5s", "15s", "30s", "1m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h")
_BY_STEP: Final = {Timeframe(name).length_ns: name for name in _USUAL}


def infer_length(times: Iterable[tuple[str, int, int]]) -> Timeframe:
    """Return the length of bars that start (or end) at *times*, each with its symbol, local and UTC time in ns.

    A zone's clock may be set forward or back between two bars, so that either the local or the UTC steps are equal.
    OptionNeeded if the steps do not show it.
    """
    rows = list(times)
    utc = _steps([(symbol, utc_ns) for symbol, _, utc_ns in rows])
    in_utc = all(local_ns == utc_ns for _, local_ns, utc_ns in rows)
    for steps in (utc,) if in_utc else (_steps([(symbol, local_ns) for symbol, local_ns, _ in rows]), utc):
        length = _clear(steps)
        if length is not None:
            return length
    raise OptionNeeded(f"the length of the bars cannot be inferred: {_why(utc)}; give {{timeframe}}", timeframe="1m")


def check_length(length: Timeframe, times: Iterable[tuple[str, int, int]], says: str) -> None:
    """Raise OptionNeeded if bars follow each other more closely than the *length* given by *says*."""
    steps = _steps([(symbol, utc_ns) for symbol, _, utc_ns in times])
    if steps and length.intraday and min(steps)[0] < length.length_ns:
        raise OptionNeeded(
            f"{says} says bars of {length}, but two of them are {_text(min(steps)[0])} apart: give {{timeframe}}",
            timeframe="1m",
        )


def days_name(days: int) -> str:
    """Return the length of bars that last this many days: a day, a week or a month; "" for another number."""
    return "1d" if days == 1 else "1w" if days == 7 else "1mo" if 28 <= days <= 31 else ""


def _steps(rows: Sequence[tuple[str, int]]) -> list[tuple[int, bool]]:
    """Return the steps from each bar to the next of its symbol, and whether each is over a weekend.

    In either order of the file; steps against that order, and zero steps, are left out.
    """
    newest: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for symbol, now in rows:
        if symbol in newest:
            pairs.append((newest[symbol], now))
        newest[symbol] = now
    if sum(1 for before, now in pairs if now < before) * 2 > len(pairs):
        pairs = [(now, before) for before, now in pairs]
    return [(now - before, _weekend(before, now)) for before, now in pairs if now > before]


def _weekend(before: int, now: int) -> bool:
    """Whether it is three days from *before* to *now*, from a Friday on, or from the Thursday evening that opens it."""
    return abs(now - before - 3 * DAY_NS) in (0, HOUR_NS) and (before // DAY_NS + THURSDAY) % 7 in (THURSDAY, FRIDAY)


def _days(step: int) -> int:
    """Return the number of days in *step*, give or take an hour for a clock change; 0 if it is not whole days."""
    days = round(step / DAY_NS)
    return days if abs(step - days * DAY_NS) in (0, HOUR_NS) else 0


def _clear(steps: Sequence[tuple[int, bool]]) -> Timeframe | None:
    """Return the usual length that is both the smallest and the most frequent of *steps*; a weekend counts as a day."""
    if not steps:
        return None
    smallest = _name(min(steps)[0])
    different = Counter(steps)  # few different ones, however many steps
    count = sum(
        each for (step, weekend), each in different.items() if _name(step) == smallest or (weekend and smallest == "1d")
    )
    return Timeframe(smallest) if smallest and count * 2 > len(steps) else None


def _name(step: int) -> str:
    """Return *step* as a usual length of bars; "" if it is not one."""
    days = _days(step)
    return days_name(days) if days else _BY_STEP.get(step, "")


def _why(steps: Sequence[tuple[int, bool]]) -> str:
    if not steps:
        return "no symbol has two rows"
    smallest = min(steps)[0]
    if not _name(smallest):
        return f"the smallest step from one row to the next is {_text(smallest)}"
    count = sum(1 for step, _ in steps if step == smallest)
    return f"the smallest step from one row to the next is {_text(smallest)}, but only {count} of {len(steps)} are so"


def _text(step: int) -> str:
    for unit, length in (("day", DAY_NS), ("hour", HOUR_NS), ("minute", MINUTE_NS), ("second", SECOND_NS)):
        if step % length == 0:
            return f"{step // length} {unit}{'s' if step != length else ''}"
    return f"{step / SECOND_NS:.9g} seconds"
