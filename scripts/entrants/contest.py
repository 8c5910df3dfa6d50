"""What every entrant of `bench_peers.py` does: takes the same ticks, makes the same bars, is timed and checked.

Each entrant is a program of its own, run by the interpreter of its own environment, so this uses the standard library
alone. It stays, and answers each question, a line of JSON, with another, so that several can be asked in turn. Ticks
are trades in order of time, in a file of columns. Only the entrant's `run` is timed; reading the file, turning ticks
into what its library takes, and turning results into what is compared are not.

Bars: of each symbol and length, `[start, end)` on multiples of the length since 1970, from the ticks in it; complete
once a later tick of the same symbol is stamped at or after the end. Values: of the last complete bar (and, live, of the
bar that forms after the newest tick, as if it closed then): SMA and EMA of 20 closes, RSI and ATR of 14 bars by Wilder;
EMA, RSI and ATR begin with a plain mean.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import struct
import sys
import time
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ["INDICATORS", "SECOND_NS", "Cannot", "Case", "Entry", "FullBar", "Result", "Ticks", "answer_all", "name_of"]

SECOND_NS = 1_000_000_000
LIMIT_S = 180  # for one answer, all of it
INDICATORS = ("sma_20", "ema_20", "rsi_14", "atr_14")

FullBar = tuple[int, int, int, float, float, float, float, float, int]
# symbol's number, the length's place, start in ns, open, high, low, close, volume, ticks
_BAR = struct.Struct("<iiqdddddq")


class Cannot(Exception):
    """What an entrant cannot do, and why."""


class Case(NamedTuple):
    """What is asked for: *lengths* in seconds, ascending; *values*: "none", "closed" or "live"."""

    symbols: int
    lengths: tuple[int, ...]
    values: str


class Ticks(NamedTuple):
    """Trades in order of time, in columns."""

    symbols: array[int]
    ts_ns: array[int]
    prices: array[float]
    sizes: array[float]


class Result(NamedTuple):
    """What an entrant found: complete bars, and the values asked for by symbol's number and length's place."""

    bars: Iterable[FullBar]
    values: dict[tuple[int, int], tuple[float, ...]] | None  # None: they are as of another instant, and not compared
    counted: bool = True  # False: its bars do not say how many ticks they have, which is 0


class Entry(NamedTuple):
    """A case that was prepared: *run* is timed; *result* says what the last run found."""

    run: Callable[[], object]
    result: Callable[[], Result]


def name_of(number: int) -> str:
    """Return the name of a symbol."""
    return f"S{number}"


def write_ticks(path: Path, ticks: Ticks) -> None:
    """Write *ticks* to a file."""
    with path.open("wb") as file:
        file.write(struct.pack("<q", len(ticks.ts_ns)))
        for column in ticks:
            column.tofile(file)


def read_ticks(path: Path) -> Ticks:
    """Return the ticks in a file."""
    with path.open("rb") as file:
        (count,) = struct.unpack("<q", file.read(8))
        columns = array("i"), array("q"), array("d"), array("d")
        for column in columns:
            column.fromfile(file, count)
    return Ticks(*columns)


def answer_all(version: str, prepare: Callable[[Case, Ticks], Entry]) -> None:
    """Answer the questions on stdin until it ends."""
    signal.signal(signal.SIGALRM, _too_long)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # a library may print: that does not answer anything
    print(json.dumps({"version": version}), file=answers)
    for line in sys.stdin:
        question = json.loads(line)
        case = Case(question["symbols"], tuple(question["lengths"]), question["values"])
        signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
        try:
            found = _answer(prepare(case, read_ticks(Path(question["ticks"]))), check=question["check"])
        except Cannot as reason:
            found = {"cannot": str(reason)}
        except Exception as error:  # noqa: BLE001 - whatever a library raises is its row in the table
            found = {"cannot": f"fails: {type(error).__name__}: {error}".split("\n")[0][:160]}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(found), file=answers)


def _too_long(*_: object) -> None:
    raise Cannot(f"takes longer than {LIMIT_S} s")


def _answer(entry: Entry, *, check: bool) -> dict[str, object]:
    gc.collect()
    begun = time.process_time()
    entry.run()
    seconds = time.process_time() - begun
    if not check:
        return {"seconds": seconds}
    found = entry.result()
    bars = sorted(found.bars, key=lambda bar: bar[:3])
    values = None if found.values is None else [[*place, *each] for place, each in sorted(found.values.items())]
    return {
        "seconds": seconds,
        "bars": len(bars),
        "counted": found.counted,
        "digest": _digest(bars),
        "uncounted": _digest([(*bar[:-1], 0) for bar in bars]),
        "values": values,
    }


def _digest(bars: list[FullBar]) -> str:
    """Return a hash of *bars*: everything to the bit, but volumes to a millionth, since some round what they add up."""
    return hashlib.blake2b(
        b"".join(_BAR.pack(*bar[:7], round(bar[7], 6), bar[8]) for bar in bars), digest_size=16
    ).hexdigest()
