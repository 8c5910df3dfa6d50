"""How a part is read, for people and for the log: what was decided, and on what grounds.

A format's plan decides, and states it as a `ReadAs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from mtf.sources.layout import Layout
from mtf.sources.text_table import BARS, QUOTE_BARS

__all__ = ["ASSUMED", "BY_FILE", "BY_FORMAT", "BY_USER", "INFERRED", "ReadAs", "reading_text", "readings_of"]

# The grounds of a decision.
BY_USER: Final = "said"
BY_FORMAT: Final = "format"  # the vendor always does this
BY_FILE: Final = "file"  # from the file, or its name
INFERRED: Final = "inferred"  # from the rows, which allow no other reading
ASSUMED: Final = "assumed"  # without evidence


@attrs.frozen(kw_only=True)
class ReadAs:
    """How the rows of a part are interpreted. The log and `--json` have its `to_dict`."""

    kind: str  # "quotes", "trades" or "bars"
    zone: str
    zone_by: str
    format: str = ""  # its name, set when the part is opened
    timeframe: str = ""  # the length of bars
    timeframe_by: str = ""
    stamp: str = ""  # bars are stamped at their "open" or "close"
    side: str = ""  # bars are of one side, "bid" or "ask"
    point: str = "1"  # the factor for prices
    point_by: str = ""
    times: str = ""  # as in TIME_FORMATS
    blank: str = ""  # the meaning of a quote's empty side, if not that it is missing
    columns: Mapping[str, str | int] = attrs.field(factory=dict)  # role to header name, or to index
    ignored: str = ""  # the names of unread columns, if known

    @classmethod
    def of(
        cls,
        layout: Layout,
        header: Sequence[str] | None = None,
        *,
        zone_by: str,
        timeframe_by: str = BY_FORMAT,
        point_by: str = BY_FORMAT,
    ) -> ReadAs:
        """Return how a table with *layout* and *header* is read."""
        bars = layout.kind in (BARS, QUOTE_BARS)
        names = header or ()
        return cls(
            kind="bars" if bars else layout.label,
            zone=layout.zone,
            zone_by=zone_by,
            timeframe=str(layout.timeframe) if bars else "",
            timeframe_by=timeframe_by if bars else "",
            stamp=("close" if layout.close_stamped else "open") if bars else "",
            side=layout.side_name if bars else "",
            point=f"1e{layout.shift}" if layout.shift else "1",
            point_by=point_by if layout.shift else "",
            times=layout.time_format,
            blank="" if layout.blank == "missing" else layout.blank,
            columns={
                role: (names[index] or index) if index < len(names) else index for role, index in layout.columns.items()
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON value; what does not apply is left out."""
        found = attrs.asdict(self, recurse=False)
        return {name: value for name, value in found.items() if value not in ("", {})} | {"columns": dict(self.columns)}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> ReadAs:
        """Return the value that gave *found*, which may have more entries."""
        return cls(**{field.name: found[field.name] for field in attrs.fields(cls) if field.name in found})


def reading_text(reading: Mapping[str, Any]) -> str:
    """Return the result of `ReadAs.to_dict` as one line for people."""
    words = [reading["format"], f"{reading['side']} {reading['kind']}" if "side" in reading else reading["kind"]]
    if "timeframe" in reading:
        words.append(f"{reading['timeframe']}{_by(reading['timeframe_by'])}")
    words.append(f"zone {reading['zone']}{_by(reading['zone_by'])}")
    if "stamp" in reading:
        words.append(f"stamped at the {reading['stamp']}")
    if "times" in reading:
        words.append(f"times {reading['times']}")
    if reading["point"] == "1":
        words.append("prices as written")
    else:
        words.append(f"prices x {reading['point']}{_by(reading['point_by'])}")
    if "blank" in reading:
        words.append(f"an empty side is {reading['blank']}")
    if reading["columns"]:
        words.append("columns " + " ".join(f"{role}={column}" for role, column in reading["columns"].items()))
    if "ignored" in reading:
        words.append(f"not read: {reading['ignored']}")
    return ", ".join(words)


def readings_of(identity: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how the source of *identity*, or each of its parts, is read, each reading once.

    Without the layouts, which are the same information for the program.
    """
    found: list[dict[str, Any]] = []
    parts = identity.get("parts")
    for each in (identity, *(parts if isinstance(parts, list) else ())):
        for reading in each.get("reading", ()):
            said = {name: value for name, value in reading.items() if name not in ("layout", "symbol")}
            if said not in found:
                found.append(said)
    return found


_WORDS: Final = {INFERRED: " (inferred)", ASSUMED: " (assumed)"}


def _by(who: str) -> str:
    return _WORDS.get(who, "")
