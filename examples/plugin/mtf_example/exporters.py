"""An exporter: completed bars as lines of JSON."""

from __future__ import annotations

import json
from typing import BinaryIO

import mtf

__all__ = ["write_json_lines"]


def write_json_lines(table: mtf.Table[mtf.Bar], stream: BinaryIO) -> None:
    """Write a bar a line. The table is read a batch at a time, so that it may be larger than memory."""
    for bar in table:
        line = {"symbol": bar.symbol, "start_ns": bar.start_ns, "close": bar.close, "ticks": bar.ticks}
        stream.write(json.dumps(line).encode() + b"\n")
