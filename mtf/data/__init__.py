"""Data: what is in a data directory, read out as tables and states.

`reader` is the face (`mtf.open`); `bars`, `longer` and `ticks` are what it can be asked for, `table` what it answers
with, `arrow` and `frames` how others take that. Sits on the log, the storage and the engine, and knows no pipeline; the
command line reads through it.
"""

from __future__ import annotations

from mtf.data.data_reader import DataReader, States, SymbolSpan, open_data
from mtf.data.logged_ticks import LoggedTick
from mtf.data.outages import LoggedOutage
from mtf.data.table import Table

__all__ = ["DataReader", "LoggedOutage", "LoggedTick", "States", "SymbolSpan", "Table", "open_data"]
