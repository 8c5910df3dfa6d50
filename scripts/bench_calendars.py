"""What calendars cost: fx against days that are plain arithmetic, and a year of 260 trading days from end to end."""

from __future__ import annotations

import datetime
import random
import time

from market import blocks, head, in_turn, median, quotes, row
from mypy_extensions import i64

import mtf
from mtf.calendars.day import OPEN, Day, Span
from mtf.events.block import Block
from mtf.kernel import Kernel

EVENTS = 200_000
ROUNDS = 25
TICKS_A_DAY = 2_000
DAYS = 260
DAY_NS = 86_400_000_000_000
SUNDAY_NS = 1_704_664_800_000_000_000  # 2024-01-07 22:00 UTC: 17:00 in New York
MONDAY_ORDINAL = datetime.date(1970, 1, 1).toordinal()


class Always(mtf.Calendar):
    """Open at all times; days start at 22:00 UTC, by arithmetic alone."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return "always"

    def span_at(self, ts_ns: i64) -> Span:
        start = ts_ns - (ts_ns + 2 * 3_600_000_000_000) % DAY_NS
        date = datetime.date.fromordinal(MONDAY_ORDINAL + (start + DAY_NS) // DAY_NS)
        day = Day(start, start + DAY_NS, date, False)
        return Span(start, start + DAY_NS, OPEN, day)


def year() -> list[Block]:
    """Return 260 trading days of quotes of one symbol, in busy and in quiet hours of fx weeks."""
    rng = random.Random(1)
    price = 110_000
    rows = []
    for day in range(DAYS):
        start = SUNDAY_NS + (day // 5 * 7 + day % 5) * DAY_NS + 3_600_000_000_000  # an hour clear of both clocks
        for ts_ns in sorted(rng.randrange(22 * 3600) for _ in range(TICKS_A_DAY)):
            price += rng.choice((-1, 0, 1))
            rows.append((start + ts_ns * 1_000_000_000, price / 1e5, (price + 10) / 1e5, 1.0, 1.0))
    return blocks(rows, 1024)


def run(taken: list[Block], calendar: str | mtf.Calendar) -> list[float]:
    """Return the nanoseconds an event of each of four quarters, through all cores."""
    engine = Kernel(mtf.Config.make(calendar=calendar))
    quarter = len(taken) // 4
    found = []
    for k in range(4):
        part = taken[k * quarter : (k + 1) * quarter]
        begun = time.perf_counter()
        for block in part:
            engine.step(block)
        found.append((time.perf_counter() - begun) / float(sum(block.count for block in part)) * 1e9)
    rejected = sum(sum(counts.rejected.values()) for counts in engine.gate.counts())
    assert not rejected, "every quote lies in open hours"
    return found


def main() -> None:
    dense, sparse = blocks(quotes(EVENTS), 1024), year()
    always = Always()
    head("calendars, six timeframes, one symbol", "fx, ns per event", "arithmetic, ns per event", "fx costs")
    for label, taken in (("ten quotes a second", dense), (f"{TICKS_A_DAY:,} quotes a day, {DAYS} days", sparse)):

        def fx(taken: list[Block] = taken) -> float:
            return sum(run(taken, "fx")) / 4

        def plain(taken: list[Block] = taken) -> float:
            return sum(run(taken, always)) / 4

        of_fx, of_plain = in_turn(ROUNDS, fx, plain)
        cost = min(of_fx) / min(of_plain) - 1  # of the rounds that nothing else disturbed: it is a few nanoseconds
        row(label, f"{median(of_fx):,.0f}", f"{median(of_plain):,.0f}", f"{cost:+.1%}")
    head("a year of ticks", "first quarter, events/s", "last quarter, events/s", "last over first")
    quarters = [run(sparse, "fx") for _ in range(ROUNDS)]
    first, last = min(each[0] for each in quarters), min(each[3] for each in quarters)  # as above
    row(f"{DAYS} trading days, fx", f"{1e9 / first:,.0f}", f"{1e9 / last:,.0f}", f"{first / last:.2f}")


if __name__ == "__main__":
    main()
