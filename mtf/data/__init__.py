"""Data: what is in a data directory, read out as tables and states.

`reader` is the face (`mtf.open`); `bars`, `longer` and `ticks` are what it can be asked for, `table` what it answers
with, `arrow` and `frames` how others take that. Sits on the log, the storage and the engine, and knows no pipeline; the
command line reads through it.
"""

from __future__ import annotations

from mtf.data.reader import DataReader, Span, States, open_data
from mtf.data.table import Table
from mtf.data.ticks import LoggedTick

__all__ = ["DataReader", "LoggedTick", "Span", "States", "Table", "open_data"]
