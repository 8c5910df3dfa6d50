"""Many symbols, against bounds: a folder of one-symbol files beside one sorted file, and a tick after ten years.

Ends with an error if a figure is over its bound.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import tempfile
import time
from pathlib import Path

from market import START_NS, head, in_turn, median, row

import mtf
from mtf.units import DAY_NS

SYMBOLS = 1_000
ROWS = 1_000  # a symbol, one a second
ROUNDS = 3
FOLDER_BOUND = 1.5

CALENDARS = ("fx", "crypto", "us_futures", "us_equities", "cn_futures_0230", "ose_futures")
DAYS = 12
BEGIN_NS = 1_400_000_000_000_000_000  # 2014-05-13
TEN_YEARS_NS = 3_653 * DAY_NS
SILENT_ROUNDS = 5
SILENCE_BOUND = 5.0


def written(folder: Path) -> tuple[Path, Path]:
    """Write the same rows as a folder of one-symbol files and as one file in order of time; return both."""
    rng = random.Random(1)
    names = [f"S{number:04}" for number in range(SYMBOLS)]
    lines: dict[str, list[str]] = {name: [] for name in names}
    together = folder / "together.csv"
    with together.open("w") as file:
        file.write("time,symbol,bid,ask,bid_size,ask_size\n")
        for second in range(ROWS):
            for place, name in enumerate(rng.sample(names, SYMBOLS)):
                ts_ns = START_NS + (second * SYMBOLS + place) * (1_000_000_000 // SYMBOLS)
                prices = f"{1 + rng.randrange(1000) / 1e5:.5f},{1.02 + rng.randrange(1000) / 1e5:.5f},1,2"
                lines[name].append(f"{ts_ns},{prices}\n")
                file.write(f"{ts_ns},{name},{prices}\n")
    apart = folder / "apart"
    apart.mkdir()
    for name, text in lines.items():
        (apart / f"{name}.csv").write_text("time,bid,ask,bid_size,ask_size\n" + "".join(text))
    return apart, together


async def read(path: Path) -> tuple[float, str]:
    """Return the seconds of CPU that it takes to read *path* to its end, and the digest."""
    async with mtf.Pipeline(clock="ticks") as pipeline:
        gc.collect()
        begun = time.process_time()
        summary = await pipeline.run(path)
        return time.process_time() - begun, summary.digest


def compare_folder() -> bool:
    """Print what a folder takes beside one file; return whether that is within the bound."""
    head(f"{SYMBOLS:,} symbols, {SYMBOLS * ROWS:,} quotes", "one sorted file", "a file a symbol", "ratio", "bound")
    digests: set[str] = set()

    def seconds_of(path: Path) -> float:
        seconds, digest = asyncio.run(read(path))
        digests.add(digest)
        return seconds

    with tempfile.TemporaryDirectory() as name:
        apart, together = written(Path(name))
        of_one, of_many = in_turn(ROUNDS, lambda: seconds_of(together), lambda: seconds_of(apart))
    assert len(digests) == 1, "the same rows, the same results"
    ratio = median([many / one for one, many in zip(of_one, of_many, strict=True)])
    row(
        "read to the end, s of CPU",
        f"{median(of_one):.2f}",
        f"{median(of_many):.2f}",
        f"{ratio:.2f}",
        f"{FOLDER_BOUND}",
    )
    return ratio <= FOLDER_BOUND


async def silence(name: str) -> tuple[list[float], float]:
    """Return the seconds that a push takes on each of some trading days in a row, and on one ten years later.

    A thousand symbols have traded, and only one goes on.
    """
    known = mtf.calendars.get(name)
    asked_nothing = mtf.calendars.from_dict(known.to_dict())
    first, last = trading_days(known, BEGIN_NS, DAYS), trading_days(known, BEGIN_NS + TEN_YEARS_NS, 1)
    async with mtf.Pipeline(calendar=asked_nothing, clock="ticks") as pipeline:

        async def pushed(symbol: int, ts_ns: int) -> float:
            tick = mtf.Tick(f"S{symbol}", ts_ns, price=1.0)
            begun = time.perf_counter()
            await pipeline.push(tick)
            return time.perf_counter() - begun

        for symbol in range(SYMBOLS):
            await pushed(symbol, first[0] + symbol)
        gc.collect()
        gc.disable()  # else it is its pauses that are measured
        found = [await pushed(0, ts_ns) for ts_ns in (*first[1:], *last)]
        gc.enable()
        assert pipeline.summary().rejected == {}, "each tick begins a trading day"
    return found[:-1], found[-1]


def trading_days(calendar: mtf.Calendar, from_ns: int, count: int) -> list[int]:
    """Return the starts of the first *count* trading days that begin from *from_ns* on."""
    found: list[int] = []
    day = calendar.day_at(from_ns)
    while len(found) < count:
        day = calendar.day_at(day.end_ns)
        if not day.off_session:
            found.append(int(day.start_ns))
    return found


def compare_silence() -> bool:
    """Print what a push after ten years takes beside one on the next day; return whether all are within the bound."""
    print()
    row(f"{SYMBOLS:,} silent symbols, one tick", "on the next day, µs", "after ten years, µs", "ratio", "bound")
    row(*["---"] * 5)
    within = True
    for name in CALENDARS:
        rounds = []
        for _ in range(SILENT_ROUNDS):
            ordinary, later = asyncio.run(silence(name))
            rounds.append((median(ordinary), later))
        usual, later = median([each for each, _ in rounds]), median([each for _, each in rounds])
        row(f"`{name}`", f"{usual * 1e6:.0f}", f"{later * 1e6:.0f}", f"{later / usual:.1f}", f"{SILENCE_BOUND:.0f}")
        within = within and later <= SILENCE_BOUND * usual
    return within


def main() -> int:
    within = [compare_folder(), compare_silence()]
    if all(within):
        return 0
    print("\na figure is over its bound", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
