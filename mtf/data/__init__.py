"""Data: reading a data directory as tables and states.

`data_reader` is the interface (`mtf.open`); `completed_bars`, `longer` and `logged_ticks` are its queries, `table`
their results, `arrow` and `frames` their forms for other libraries. Built on the log, the storage and the engine,
without the pipeline; the command line reads through it.
"""

from __future__ import annotations

from mtf.data.data_reader import DataReader, States, SymbolSpan, open_data
from mtf.data.logged_ticks import LoggedTick
from mtf.data.outages import LoggedOutage
from mtf.data.table import Table

__all__ = ["DataReader", "LoggedOutage", "LoggedTick", "States", "SymbolSpan", "Table", "open_data"]
