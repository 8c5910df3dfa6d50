"""Compares the data directory of a soaked service with what the exchange sent, for `soak_feeds.py`.

Every acknowledged message must be in the log exactly once, every missing number in an outage of the log, and the stored
bars must be those that plain arithmetic makes of the logged ticks.
"""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from soak_exchange import TICKS

import mtf
from mtf.log import read_log

FEED: Final = "exchange"  # the name of the feed in the configuration of the service
SECOND_NS: Final = 1_000_000_000
ERRORS_SHOWN: Final = 20
LATE: Final = "late"  # a verdict
HOLE: Final = re.compile(rb"%s: (?:message (\d+)|\d+ messages, (\d+) to (\d+),) did not come" % FEED.encode())


def judged(folder: Path, report: dict[str, Any], *, resends: bool, allow_late: bool = False) -> dict[str, Any]:
    """Compare the data directory with what was sent and acknowledged; `errors` is empty if all is well."""
    messages, acknowledged = report["messages"], set(report["acknowledged"])
    errors: list[str] = []
    data = folder / "data"
    times: dict[int, int] = defaultdict(int)  # how often a message's ticks are in the log
    verdicts: dict[str, int] = defaultdict(int)
    late: set[tuple[int, str]] = set()  # ticks, by the number of the message and the symbol
    with mtf.open(data) as reader:
        for each in reader.ticks():
            times[int(each.tick.id or -1)] += 1
            verdicts[each.verdict] += 1
            if each.verdict == LATE:
                late.add((int(each.tick.id or -1), each.tick.symbol))
        logged = set(times)
        if wrong := [number for number, count in times.items() if count != TICKS]:
            errors.append(f"messages that are not in the log exactly once: {wrong[:10]}")
        if lost := acknowledged - logged:
            errors.append(f"{len(lost)} messages were acknowledged and are not in the log: {sorted(lost)[:10]}")
        allowed = ("accepted", LATE) if allow_late else "accepted"
        if refused := {name: n for name, n in verdicts.items() if not name.endswith(allowed)}:
            errors.append(f"rejected: {refused}")
        if max(logged) + 1 < len(messages):
            errors.append(f"the service did not keep up: {max(logged) + 1} of {len(messages)} messages have come")
        missing = [number for number in range(min(logged), max(logged)) if number not in logged]
        if resends and (missing or min(logged) > 0):
            errors.append(f"{len(missing)} messages are missing though they were sent again: {missing[:10]}")
        if unmarked := sorted(set(missing) - _marked(data)):
            errors.append(f"{len(unmarked)} missing messages are in no outage of the log: {unmarked[:10]}")
        taken = [messages[number] for number in sorted(logged)]
        bars = _compare(reader, taken, late, errors)
    counted = int((folder / "counted").read_text())
    if counted != len(logged) * TICKS - len(late):
        errors.append(f"the consumer has counted {counted} ticks, of {len(logged) * TICKS - len(late)} that were taken")
    return {
        "errors": errors[:ERRORS_SHOWN],
        "messages": len(messages),
        "ticks": len(messages) * TICKS,
        "logged": len(logged),
        "acknowledged": len(acknowledged),
        "missing": len(missing),
        "bars": bars,
        "verdicts": dict(verdicts),
        "faults": report["faults"],
    }


def _marked(data: Path) -> set[int]:
    """Return the numbers that outages in the log name."""
    found: set[int] = set()
    for logged in read_log(data / "log", 1):
        for one, first, last in HOLE.findall(logged.block.heap):
            found.update(range(int(one or first), int(one or last) + 1))
    return found


def _compare(
    reader: mtf.DataReader, messages: Iterable[dict[str, Any]], late: set[tuple[int, str]], errors: list[str]
) -> int:
    """Compare the stored bars of each symbol with those of *messages* without the *late* ticks; return how many."""
    ticks: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for message in messages:
        for symbol, price, size in message["ticks"]:
            if (message["n"], symbol) not in late:
                ticks[symbol].append((message["ns"], price, size))
    compared, states = 0, reader.states().symbols
    for symbol, rows in sorted(ticks.items()):
        state = states[symbol]
        for name, length_ns in (("1s", SECOND_NS), ("5s", 5 * SECOND_NS), ("1m", 60 * SECOND_NS)):
            right = _bars(rows, length_ns)
            found = [(b.start_ns, b.open, b.high, b.low, b.close, b.volume, b.ticks) for b in reader.bars(symbol, name)]
            partial = state[name].partial
            if partial is not None and partial.ticks:
                b = partial
                found.append((b.start_ns, b.open, b.high, b.low, b.close, b.volume, b.ticks))
            compared += len(found)
            if found != right:
                place = next((k for k, pair in enumerate(zip(found, right, strict=False)) if pair[0] != pair[1]), -1)
                errors.append(f"{symbol} {name}: {len(found)} bars, {len(right)} are right; they differ at {place}")
    return compared


def _bars(rows: list[tuple[int, float, float]], length_ns: int) -> list[tuple[Any, ...]]:
    found = []
    starts = [ns - ns % length_ns for ns, _, _ in rows]
    for start in dict.fromkeys(starts):
        part = rows[bisect.bisect_left(starts, start) : bisect.bisect_right(starts, start)]
        prices = [price for _, price, _ in part]
        volume = sum(size for _, _, size in part)
        found.append((start, prices[0], max(prices), min(prices), prices[-1], volume, len(part)))
    return found
