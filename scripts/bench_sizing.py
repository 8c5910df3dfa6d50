"""What 10,000 symbols at 1 and 10 million ticks a second take: a simulation, from costs measured here, checked here.

Needs the extra `cluster`. What a gateway, a broker and a worker cost for each message and each event is measured on
this machine, of workers by the size of a step. From that the time of one and of two workers is predicted, and compared
with what they take; workers are simulated as slower by that factor. Then gateways, and 1 to 64 workers, are simulated
message by message: what is sent when, what waits for what, and how long after its arrival an event is in the state. A
gateway and a worker are a core each; of the broker the cores for storing are counted, and network and disks are not
simulated.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from bench_cluster import FEW, MANY, Trial, trial
from busy_market import BusyMarket
from market import head, median, row

from mtf.cluster.gateway import FLUSH_S, SPARSE_EVENTS
from mtf.cluster.owner import STEP_EVENTS
from mtf.events.block import SymbolTable, cut
from mtf.events.block_builder import BlockBuilder
from mtf.kernel import Kernel

SIZES: Final[tuple[int, ...]] = tuple(1 << k for k in range(11))
ROUNDS: Final = 3
KERNELS: Final = 32  # partitions in turn, as a worker has them
WARM_EVENTS: Final = 4_096  # before anything is measured
ACK_S: Final = 0.001
BATCH: Final = 64  # messages that a worker reads at once
SECONDS: Final = 2.0
WARM_S: Final = 0.5
BEHIND_S: Final = 0.25  # an event that waits longer at the end: they do not keep up
WORKERS: Final = (1, 2, 4, 8, 16, 32, 64)
GATEWAYS: Final = (1, 2, 4, 8, 16)
RATES: Final = (1_000_000, 10_000_000)


class Cost(NamedTuple):
    """Seconds of processor time."""

    message: float
    event: float

    @classmethod
    def of(cls, seconds: tuple[float, float], sizes: tuple[float, float]) -> Cost:
        """Return the cost that explains the *seconds* an event of two trials, with *sizes* events a message."""
        message = (seconds[1] - seconds[0]) / (1 / sizes[1] - 1 / sizes[0])
        return cls(max(0.0, message), max(0.0, seconds[0] - message / sizes[0]))

    def total(self, messages: float, events: float) -> float:
        return self.message * messages + self.event * events


class Costs(NamedTuple):
    """What each part costs."""

    gateway: Cost
    broker: Cost
    reading: Cost
    symbol: float  # the first events of a symbol, beyond what later ones cost
    steps: list[float]  # a step of a worker, by the logarithm of its events

    def with_slower_workers(self, factor: float) -> Costs:
        return self._replace(
            reading=Cost(self.reading.message * factor, self.reading.event * factor),
            steps=[each * factor for each in self.steps],
        )

    def step(self, events: int) -> float:
        """Return the seconds of a step, between those that were measured on a straight line."""
        size = min(max(1, events), SIZES[-1])
        k = size.bit_length() - 1
        if SIZES[k] == size:
            return self.steps[k] * max(1.0, events / size)
        share = (size - SIZES[k]) / SIZES[k]
        return self.steps[k] + (self.steps[k + 1] - self.steps[k]) * share


def steps_measured() -> tuple[list[float], float]:
    """Return the seconds of a step of each of SIZES events, in partitions of 39 symbols, worked on in turn.

    And what each symbol costs when it is new.
    """
    builder = BlockBuilder(SymbolTable())
    market = BusyMarket(MANY.symbols // MANY.partitions, WARM_EVENTS + ROUNDS * sum(SIZES))
    more = True
    while more:
        more = market.fill(builder, WARM_EVENTS)
    step, rest = cut(builder.take(1), WARM_EVENTS)
    first, step = cut(step, SIZES[-1])
    kernels = [Kernel(MANY.definition.config) for _ in range(KERNELS)]
    begun = time.process_time()
    for kernel in kernels:
        kernel.step(first, False)
    new = (time.process_time() - begun) / KERNELS
    for kernel in kernels:
        kernel.step(step, False)
    found: list[float] = []
    for size in SIZES:
        rounds: list[float] = []
        for _ in range(ROUNDS):
            step, rest = cut(rest, size) if size < rest.count else (rest, rest)
            begun = time.process_time()
            for kernel in kernels:
                kernel.step(step, False)
            rounds.append((time.process_time() - begun) / KERNELS)
        found.append(median(rounds))
    return found, (new - found[-1]) / len(market.symbols)


def costs_measured(running: Trial) -> Costs:
    """Return what the parts cost here."""
    written, read = [], []
    for shape in (FEW, MANY):
        written.append(running.write(shape))
        read.append(running.read(shape))
    (few, many), (few_read, many_read) = written, read
    sizes = (few.per_message, many.per_message)
    steps, symbol = steps_measured()
    return Costs(
        Cost.of((1 / few.per_second, 1 / many.per_second), sizes),
        Cost.of((few.broker_s / FEW.events, many.broker_s / MANY.events), sizes),
        Cost.of((1 / few_read, 1 / many_read), sizes),
        symbol,
        steps,
    )


def show(costs: Costs) -> None:
    """Print *costs*."""
    head("microseconds of processor time", "a message", "an event in it")
    for name, cost in (("gateway", costs.gateway), ("broker", costs.broker), ("worker, reading", costs.reading)):
        row(name, f"{cost.message * 1e6:.1f}", f"{cost.event * 1e6:.3f}")
    for size in (1, 16, 64, 256, 1_024):
        spent = costs.step(size) * 1e6
        row(f"worker, a step of {size:,} events", f"{spent:.1f}", f"{spent / size:.3f}")
    row("worker, a new symbol", f"{costs.symbol * 1e6:.1f}", "")
    print()


def check(running: Trial, costs: Costs) -> float:
    """Print what workers are predicted to take for a log that is there, and what they take; return their ratio."""
    ratios: list[float] = []
    row("2 million events in 256 partitions, s of processor time", "predicted", "measured", "ratio")
    row("---", "---", "---", "---")
    for workers in (1, 2):
        done = running.write(MANY)
        steps = MANY.events / STEP_EVENTS
        predicted = costs.reading.total(MANY.events / done.per_message, MANY.events) + steps * costs.step(STEP_EVENTS)
        predicted += MANY.symbols * costs.symbol
        measured = MANY.events / running.work(MANY, workers, done.seqs).per_second
        ratios.append(measured / predicted)
        name = "one worker" if workers == 1 else f"{workers} workers together"
        row(name, f"{predicted:.2f}", f"{measured:.2f}", f"{ratios[-1]:.2f}")
    print()
    return median(ratios)


class Message(NamedTuple):
    """Events of a partition, as a gateway stores them."""

    stored_at: float
    came_at: float  # the first of them
    events: int


class Sent(NamedTuple):
    """What gateways make of ticks."""

    messages: list[list[Message]]  # by partition
    lag_s: float  # of the gateway that is furthest behind, at the end

    @property
    def per_message(self) -> float:
        return sum(each.events for part in self.messages for each in part) / sum(map(len, self.messages))


def sent(costs: Costs, rates: Sequence[float], gateways: int) -> Sent:
    """Return what so many *gateways* make of ticks at *rates* a second, by partition."""
    draw = random.Random(1)
    busy_until = [0.0] * gateways
    acknowledged_at = [0.0] * len(rates)
    waiting = [0] * len(rates)
    came_at = [0.0] * len(rates)
    messages: list[list[Message]] = [[] for _ in rates]
    for k in range(1, round(SECONDS / FLUSH_S) + 1):
        now = k * FLUSH_S
        for partition, rate in enumerate(rates):
            mean = rate * FLUSH_S
            come = max(0, round(draw.gauss(mean, mean**0.5)))
            if come and not waiting[partition]:
                came_at[partition] = now - FLUSH_S
            waiting[partition] += come
            events = waiting[partition]
            if events >= SPARSE_EVENTS or (events and acknowledged_at[partition] <= now):
                gateway = partition % gateways
                busy_until[gateway] = max(now, busy_until[gateway]) + costs.gateway.total(1, events)
                acknowledged_at[partition] = busy_until[gateway] + ACK_S
                messages[partition].append(Message(acknowledged_at[partition], came_at[partition], events))
                waiting[partition] = 0
    return Sent(messages, max(busy_until) - SECONDS)


class Worked(NamedTuple):
    """What workers make of messages."""

    busy: float  # share of its time, of the one that has most to do
    took: list[tuple[float, int]]  # seconds from the arrival of events to the state with them, and how many
    keep_up: bool

    def quantile(self, share: float) -> float:
        """Return the seconds that this *share* of all events took at most."""
        left = share * sum(events for _, events in self.took)
        for seconds, events in sorted(self.took):
            left -= events
            if left <= 0:
                return seconds
        return 0.0


def worked(costs: Costs, messages: Sequence[Sequence[Message]], workers: int) -> Worked:
    """Return what so many *workers* make of *messages*, by partition."""
    took: list[tuple[float, int]] = []
    busiest, keep_up = 0.0, True
    for worker in range(workers):
        busy = now = 0.0
        ready = [
            (part[0].stored_at, number, 0)
            for number, part in enumerate(messages)
            if number % workers == worker and part
        ]
        heapq.heapify(ready)
        while ready and now < SECONDS:
            stored_at, number, at = heapq.heappop(ready)
            now = max(now, stored_at)
            part = messages[number]
            end = at + 1
            while end < len(part) and part[end].stored_at <= now and end - at < BATCH:
                end += 1
            spent = _spent(costs, [each.events for each in part[at:end]])
            now, busy = now + spent, busy + spent
            took += [
                (now - (each.came_at + each.stored_at) / 2, each.events)
                for each in part[at:end]
                if each.came_at > WARM_S
            ]
            if end < len(part):
                heapq.heappush(ready, (part[end].stored_at, number, end))
        keep_up = keep_up and all(stored_at > SECONDS - BEHIND_S for stored_at, _, _ in ready)
        busiest = max(busiest, busy)
    return Worked(busiest / SECONDS, took, keep_up)


def _spent(costs: Costs, sizes: list[int]) -> float:
    """Return what a worker takes for messages of these *sizes*, which it joins to steps."""
    spent = costs.reading.total(len(sizes), sum(sizes))
    step = 0
    for size in sizes:
        if step and step + size > STEP_EVENTS:
            spent += costs.step(step)
            step = 0
        step += size
    return spent + costs.step(step)


def rates_of(total: float, *, skewed: bool) -> list[float]:
    """Return ticks a second of each partition, of *total*; *skewed*: the k-th symbol has 1/k of what the first has."""
    of = MANY.definition.partitioning.of
    weights = [1 / (k + 1) if skewed else 1.0 for k in range(MANY.symbols)]
    rates = [0.0] * MANY.partitions
    for k, weight in enumerate(weights):
        rates[of(f"S{k:05d}")] += total * weight / sum(weights)
    return rates


def simulate(costs: Costs, total: int, *, skewed: bool) -> None:
    """Print what *total* ticks a second take."""
    rates = rates_of(total, skewed=skewed)
    kind = "the k-th symbol has 1/k of the first's" if skewed else "all symbols alike"
    for gateways in GATEWAYS:
        found = sent(costs, rates, gateways)
        if found.lag_s < BEHIND_S:
            break
    else:
        print(f"{total:,} ticks a second, {kind}: more than {GATEWAYS[-1]} gateways\n")
        return
    broker = costs.broker.total(total / found.per_message, total)
    busiest = max(rates)
    print(
        f"{total:,} ticks a second, {kind}: {gateways} gateway{'s' * (gateways > 1)}, messages of "
        f"{found.per_message:,.0f} events, {broker:.1f} cores of brokers; the busiest partition has {busiest:,.0f} "
        "ticks a second\n"
    )
    row("workers", "the busiest one", "tick to state, median", "99th percentile")
    row("---", "---", "---", "---")
    for workers in WORKERS:
        done = worked(costs, found.messages, workers)
        if done.keep_up:
            times = [f"{done.quantile(share) * 1e3:.0f} ms" for share in (0.5, 0.99)]
            row(f"{workers}", f"{done.busy:.0%} busy", *times)
        else:
            row(f"{workers}", "falls behind", "", "")
    print()


def main() -> None:
    with trial() as running:
        costs = costs_measured(running)
        show(costs)
        costs = costs.with_slower_workers(check(running, costs))
    for total in RATES:
        for skewed in (False, True):
            simulate(costs, total, skewed=skewed)


if __name__ == "__main__":
    main()
