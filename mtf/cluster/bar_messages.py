"""Completed bars as messages: JSON, a bar a line, each with an id that is the same whichever worker sends it.

The id is (partition, seq, ordinal): the event that revealed the bar, and which of the bars it closed. So a bar that
comes twice is known, and what was sent is found from the last message.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from mtf.bars.bar import Bar
from mtf.calendars.day import Gap
from mtf.frames.frame import Frame
from mtf.kernel import Kernel
from mtf.timeframe import Timeframe

__all__ = ["NOTHING_SENT", "BarId", "ClusterBar", "bars_in", "encoded_bars", "last_id"]


class BarId(NamedTuple):
    """Which bar of a partition it is; ids are in the order in which bars close."""

    seq: int
    ordinal: int  # among the bars that this event closed, from 0 on


NOTHING_SENT: Final = BarId(0, -1)


class ClusterBar(NamedTuple):
    """A completed bar of a cluster: its id, the bar, and its completed indicator values by name."""

    partition: int
    seq: int
    ordinal: int
    bar: Bar
    values: dict[str, float | None]


def encoded_bars(kernel: Kernel, frame: Frame, partition: int, after: BarId, bytes_max: int) -> list[bytes]:
    """Return the bars that *frame* closed behind *after*, as messages of up to *bytes_max*; none if there are none."""
    closings = frame.closings
    outputs = [list(columns) for columns in kernel.schema.columns]
    messages: list[bytes] = []
    lines: list[bytes] = []
    size = 0  # of the lines, each with its end
    seq, ordinal = 0, 0
    for k in range(closings.count):
        of = frame.first_seq + int(closings.rows[k])
        seq, ordinal = of, (ordinal + 1 if of == seq else 0)
        if BarId(seq, ordinal) <= after:
            continue
        bar = closings.bar(k)
        fields: dict[str, Any] = {"id": [partition, seq, ordinal], **bar.to_dict()}
        if bar.gap is None:
            for name in _GAP:
                del fields[f"gap_{name}"]
        if outputs[closings.ranks[k]]:
            fields["values"] = dict(zip(outputs[closings.ranks[k]], closings.completed(k), strict=True))
        line = orjson.dumps(fields)
        if lines and size + len(line) > bytes_max:
            messages.append(b"\n".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    return [*messages, b"\n".join(lines)] if lines else messages


def last_id(data: bytes) -> BarId:
    """Return the id of the last bar in a message."""
    _, seq, ordinal = orjson.loads(data[data.rfind(b"\n") + 1 :])["id"]
    return BarId(seq, ordinal)


def bars_in(data: bytes) -> Iterator[ClusterBar]:
    """Yield the bars of a message."""
    for line in data.split(b"\n"):
        fields = orjson.loads(line)
        partition, seq, ordinal = fields.pop("id")
        values = fields.pop("values", {})
        yield ClusterBar(partition, seq, ordinal, _bar(fields), values)


def _bar(fields: dict[str, Any]) -> Bar:
    gap = Gap(**{name: fields.pop(f"gap_{name}") for name in _GAP}) if "gap_closed_ns" in fields else None
    day = fields.pop("trading_day")
    trading_day = None if day is None else datetime.date.fromisoformat(day)
    return Bar(**fields | {"timeframe": Timeframe(fields["timeframe"]), "trading_day": trading_day, "gap": gap})


_GAP: Final = ("closed_ns", "holiday_ns", "break_ns", "silence_ns")
