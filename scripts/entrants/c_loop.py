"""A loop in C, the limit: bars of all lengths and their forming state in arrays, nothing else; compiled by `cc -O2`."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from array import array
from pathlib import Path

from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all

SOURCE = r"""
#include <stdint.h>
typedef struct { int32_t symbol, rank; int64_t start; double open, high, low, close, volume; int64_t ticks; } Bar;
int64_t bars(int64_t n, const int32_t *symbols, const int64_t *times, const double *prices, const double *sizes,
             int32_t ranks, const int64_t *lengths, Bar *forming, Bar *closed)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t now = times[i];
        double price = prices[i], size = sizes[i];
        Bar *bar = forming + (int64_t)symbols[i] * ranks;
        for (int32_t rank = 0; rank < ranks; rank++, bar++) {
            int64_t length = lengths[rank];
            if (!bar->ticks || now >= bar->start + length) {
                if (bar->ticks) closed[count++] = *bar;
                *bar = (Bar){symbols[i], rank, now - now % length, price, price, price, price, size, 1};
                continue;
            }
            if (price > bar->high) bar->high = price;
            if (price < bar->low) bar->low = price;
            bar->close = price;
            bar->volume += size;
            bar->ticks++;
        }
    }
    return count;
}
"""


class Bar(ctypes.Structure):
    """A bar as the C code has it."""

    _fields_ = (  # type: ignore[mutable-override]
        ("symbol", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("start", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("open", "high", "low", "close", "volume")),
        ("ticks", ctypes.c_int64),
    )


def built() -> ctypes.CDLL:
    """Compile the source and load it; Cannot if there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Cannot("there is no C compiler")
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "bars.c").write_text(SOURCE)
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(folder / "bars.so"), str(folder / "bars.c")]
        subprocess.run(command, check=True, capture_output=True)
        return ctypes.CDLL(str(folder / "bars.so"))
    finally:
        shutil.rmtree(folder)


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the loop; it has no indicators."""
    if case.values != "none":
        raise Cannot("bars alone")
    library = built()
    library.bars.restype = ctypes.c_int64
    count, ranks = len(ticks.ts_ns), len(case.lengths)
    lengths = array("q", [length * SECOND_NS for length in case.lengths])
    columns = [ctypes.c_void_p(column.buffer_info()[0]) for column in (*ticks, lengths)]
    forming = (Bar * (case.symbols * ranks))()
    closed = (Bar * (count * ranks))()
    found = [0]

    kept = (ticks, lengths)  # what the pointers point to

    def run() -> None:
        assert len(kept) == 2
        ctypes.memset(forming, 0, ctypes.sizeof(forming))
        found[0] = library.bars(ctypes.c_int64(count), *columns[:4], ctypes.c_int32(ranks), columns[4], forming, closed)

    def result() -> Result:
        bars: list[FullBar] = [
            (bar.symbol, bar.rank, bar.start, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks)
            for bar in closed[: found[0]]
        ]
        return Result(bars, {})

    return Entry(run, result)


def version() -> str:
    """Return which compiler there is."""
    compiler = shutil.which("cc")
    if compiler is None:
        return "no compiler"
    return subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]


if __name__ == "__main__":
    answer_all(version(), prepare)
