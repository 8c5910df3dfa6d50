"""ArcticDB: ticks stored in LMDB beforehand, a symbol each; read back with `resample` for each length."""

from __future__ import annotations

import tempfile
from typing import Any

import arcticdb
import numpy
import pandas
from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all, name_of

TOO_MANY = 1_000
BAR = {
    "open": ("price", "first"),
    "high": ("price", "max"),
    "low": ("price", "min"),
    "close": ("price", "last"),
    "volume": ("size", "sum"),
    "ticks": ("price", "count"),
}


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Store the ticks."""
    if case.values != "none":
        raise Cannot("bars alone")
    if case.symbols > TOO_MANY:
        raise Cannot(f"a query a symbol and length: not tried with more than {TOO_MANY:,} symbols")
    folder = tempfile.TemporaryDirectory()
    library: Any = arcticdb.Arctic(f"lmdb://{folder.name}").get_library("ticks", create_if_missing=True)
    numbers = numpy.frombuffer(ticks.symbols, dtype=numpy.int32)
    index = pandas.DatetimeIndex(numpy.frombuffer(ticks.ts_ns, dtype=numpy.int64).view("M8[ns]"), name="ts")
    frame = pandas.DataFrame(
        {"price": numpy.frombuffer(ticks.prices), "size": numpy.frombuffer(ticks.sizes)}, index=index
    )
    newest = {}
    for number in range(case.symbols):
        own = frame[numbers == number]
        newest[number] = int(own.index[-1].value)
        library.write(name_of(number), own)
    made: list[tuple[int, int, Any]] = []

    def run() -> None:
        made.clear()
        for number in range(case.symbols):
            for rank, length in enumerate(case.lengths):
                query = arcticdb.QueryBuilder().resample(f"{length}s").agg(BAR)
                made.append((number, rank, library.read(name_of(number), query_builder=query).data))

    def result() -> Result:
        bars: list[FullBar] = []
        for number, rank, data in made:
            starts = data.index.as_unit("ns").asi8
            for start, *rest, count in zip(starts, *(data[name] for name in BAR), strict=True):
                if start + case.lengths[rank] * SECOND_NS <= newest[number]:
                    bars.append((number, rank, int(start), *map(float, rest), int(count)))  # type: ignore[arg-type]
        assert folder.name
        return Result(bars, {})

    return Entry(run, result)


if __name__ == "__main__":
    answer_all(f"ArcticDB {arcticdb.__version__}", prepare)
