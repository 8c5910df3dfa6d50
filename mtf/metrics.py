"""Metrics: the statistics of a pipeline as named numbers, and for Prometheus (the extra `metrics`).

`measurements` knows no library. `PipelineCollector` asks a pipeline when it is scraped, and holds no counter: between
two scrapes metrics cost nothing at all.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from mtf.data.needed import needs
from mtf.errors import PipelineStopped
from mtf.pipeline.pipeline import Pipeline
from mtf.pipeline.shown_lag import LagStatistics
from mtf.pipeline.statistics import Statistics
from mtf.units import SECOND_NS

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["METRICS", "Description", "Measurement", "PipelineCollector", "measurements"]

COUNTER: Final = "counter"  # only grows, but for a restart
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"
SCRAPE_S: Final = 5.0  # how long a scrape in another thread waits for the event loop


@attrs.frozen
class Description:
    """A metric: its name, what it is, its kind, and the labels that each of its numbers has."""

    name: str
    text: str
    kind: str = GAUGE
    labels: tuple[str, ...] = ()


@attrs.frozen
class Measurement:
    """One number of the metric *name*, in seconds, bytes, events or pieces; of a histogram all of its lags."""

    name: str
    value: float | LagStatistics
    labels: Mapping[str, str] = attrs.field(factory=dict)


_ALL: Final = (
    Description("mtf_up", "Whether the pipeline runs."),
    Description("mtf_seq", "The newest published event."),
    Description("mtf_logged_seq", "The newest event that has its seq."),
    Description("mtf_ticks", "Ticks accepted since the start of the log.", COUNTER),
    Description("mtf_clock_events", "Clock events since the start of the log.", COUNTER),
    Description("mtf_rejected", "Events rejected since the start of the log.", COUNTER, ("reason",)),
    Description("mtf_reserved", "Ticks accepted with a reservation since the start of the log.", COUNTER, ("kind",)),
    Description("mtf_bars", "Bars completed since the start of the log.", COUNTER, ("timeframe",)),
    Description("mtf_symbols", "Symbols seen."),
    Description("mtf_history_bytes", "Memory that completed bars and values take."),
    Description("mtf_symbol_ticks", "Ticks accepted since the start of the log.", COUNTER, ("symbol",)),
    Description("mtf_symbol_rejected", "Events rejected since the start of the log.", COUNTER, ("symbol", "reason")),
    Description("mtf_lag_seconds", "From the stamp of a live tick until it is published, sampled.", HISTOGRAM),
    Description("mtf_queue", "Messages that wait for an actor; for the sequencer events.", GAUGE, ("actor",)),
    Description("mtf_checkpoint_seq", "The event of the newest checkpoint."),
    Description("mtf_checkpoint_behind", "Events after the newest checkpoint."),
    Description("mtf_checkpoint_age_seconds", "Since the newest checkpoint of this run, or since its start."),
    Description("mtf_checkpoint_seconds", "How long the newest checkpoint took."),
    Description("mtf_checkpoint_stall_seconds", "Of that, the longest time for which states held the event loop."),
    Description("mtf_checkpoint_bytes", "The states in the newest checkpoint, before compression."),
    Description("mtf_checkpoints", "Checkpoints written by this run.", COUNTER),
    Description("mtf_checkpoints_failed", "Checkpoints that could not be made.", COUNTER),
    Description("mtf_log_bytes", "The log on disk."),
    Description("mtf_log_durable_seq", "The newest event that is known to be synced."),
    Description("mtf_log_syncs", "Syncs of the log by this run.", COUNTER),
    Description("mtf_log_sync_seconds", "Time for all of them.", COUNTER),
    Description("mtf_log_last_sync_seconds", "Time for the newest one."),
    Description("mtf_consumers", "Consumers, those of mtf included."),
)

# Of each consumer: the field of its statistics, and the metric. What a consumer has no field for is not reported.
_CONSUMER: Final = {
    "seq": Description("mtf_consumer_seq", "The last event that it was shown in full."),
    "lag": Description("mtf_consumer_lag", "Events that were published after that."),
    "queue": Description("mtf_consumer_queue", "What waits for it."),
    "dropped": Description("mtf_consumer_dropped", "Steps that it lost.", COUNTER),
    "conflated": Description("mtf_consumer_conflated", "Rows that newer ones took the place of.", COUNTER),
    "failures": Description("mtf_consumer_failures", "Errors in its callbacks.", COUNTER),
    "restarts": Description("mtf_consumer_restarts", "Restarts.", COUNTER),
    "blocked_ns": Description("mtf_consumer_blocked_seconds", "The longest time that it held the event loop."),
}

METRICS: Final = {
    each.name: each
    for each in (*_ALL, *(attrs.evolve(described, labels=("consumer",)) for described in _CONSUMER.values()))
}


def measurements(statistics: Statistics) -> Iterator[Measurement]:
    """Yield every number in *statistics* by the name of its metric; those of one metric follow each other.

    By symbol there are only those that *statistics* was asked for.
    """
    yield Measurement("mtf_seq", statistics.seq)
    yield Measurement("mtf_logged_seq", statistics.logged_seq)
    yield Measurement("mtf_ticks", statistics.ticks)
    yield Measurement("mtf_clock_events", statistics.clocks)
    yield from _each("mtf_rejected", "reason", statistics.rejected)
    kinds = ("late_accepted", "crossed", "locked", "bad_sides", "id_reused")
    yield from _each("mtf_reserved", "kind", {kind: getattr(statistics, kind) for kind in kinds})
    yield from _each("mtf_bars", "timeframe", statistics.bars)
    yield Measurement("mtf_symbols", statistics.symbols)
    yield Measurement("mtf_history_bytes", statistics.history_bytes)
    by_symbol = statistics.by_symbol or {}
    yield from _each("mtf_symbol_ticks", "symbol", {name: each.ticks for name, each in by_symbol.items()})
    for name, each in by_symbol.items():
        for reason, count in each.rejected.items():
            yield Measurement("mtf_symbol_rejected", count, {"symbol": name, "reason": reason})
    yield Measurement("mtf_lag_seconds", statistics.lag)
    yield from _each("mtf_queue", "actor", statistics.queues)
    yield from _on_disk(statistics)
    yield Measurement("mtf_consumers", len(statistics.consumers))
    for field, described in _CONSUMER.items():
        for consumer in statistics.consumers:
            value = getattr(consumer, field, None)
            if value is not None:
                number = value / SECOND_NS if field.endswith("_ns") else value
                yield Measurement(described.name, number, {"consumer": consumer.name})


def _on_disk(statistics: Statistics) -> Iterator[Measurement]:
    checkpoints, log = statistics.checkpoints, statistics.log
    if checkpoints is not None:
        yield Measurement("mtf_checkpoint_seq", checkpoints.seq)
        yield Measurement("mtf_checkpoint_behind", checkpoints.behind)
        yield Measurement("mtf_checkpoint_age_seconds", checkpoints.age_ns / SECOND_NS)
        yield Measurement("mtf_checkpoint_seconds", checkpoints.took_ns / SECOND_NS)
        yield Measurement("mtf_checkpoint_stall_seconds", checkpoints.stall_ns / SECOND_NS)
        yield Measurement("mtf_checkpoint_bytes", checkpoints.bytes)
        yield Measurement("mtf_checkpoints", checkpoints.written)
        yield Measurement("mtf_checkpoints_failed", checkpoints.failed)
    if log is not None:
        yield Measurement("mtf_log_bytes", log.bytes)
        yield Measurement("mtf_log_durable_seq", log.durable_seq)
        yield Measurement("mtf_log_syncs", log.syncs)
        yield Measurement("mtf_log_sync_seconds", log.sync_ns / SECOND_NS)
        yield Measurement("mtf_log_last_sync_seconds", log.last_sync_ns / SECOND_NS)


def _each(name: str, label: str, values: Mapping[str, float]) -> Iterator[Measurement]:
    for key, value in values.items():
        yield Measurement(name, value, {label: key})


class PipelineCollector:
    """A collector for `prometheus_client`, of one pipeline, or of several by name, with that as the label `pipeline`.

    Make it on their event loop, and register it once. It may be scraped in any thread: the numbers are read on the
    loop, where no callback is open. With *by_symbol* there are counts by symbol, which is a lot for thousands of them.
    `mtf_up` is 0, and nothing else is there, while a pipeline does not run, or the loop is blocked for 5 s.
    """

    def __init__(self, pipelines: Pipeline | Mapping[str, Pipeline], *, by_symbol: bool = False) -> None:
        with needs("prometheus-client", "mtf-engine[metrics]"):
            from prometheus_client import metrics_core
        self._core: Final = metrics_core
        self._labels: Final = () if isinstance(pipelines, Pipeline) else ("pipeline",)
        self._pipelines: Final = {"": pipelines} if isinstance(pipelines, Pipeline) else dict(pipelines)
        self._by_symbol: Final = by_symbol
        self._loop: Final = asyncio.get_running_loop()

    def describe(self) -> Iterator[Metric]:
        """Yield every metric without numbers, so that nothing else is registered under these names."""
        return (self._family(each) for each in METRICS.values())

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, as of now. LookAheadError inside a callback of a pipeline."""
        families: dict[str, Any] = {}
        for name, statistics in self._on_loop():
            up = Measurement("mtf_up", statistics is not None)
            for each in (up, *(measurements(statistics) if statistics is not None else ())):
                family = families.get(each.name)
                if family is None:
                    family = families[each.name] = self._family(METRICS[each.name])
                self._add(family, METRICS[each.name], each, name)
        yield from families.values()

    def _family(self, described: Description) -> Any:
        kinds: dict[str, Any] = {
            COUNTER: self._core.CounterMetricFamily,
            GAUGE: self._core.GaugeMetricFamily,
            HISTOGRAM: self._core.HistogramMetricFamily,
        }
        return kinds[described.kind](described.name, described.text, labels=(*self._labels, *described.labels))

    def _add(self, family: Any, described: Description, each: Measurement, name: str) -> None:
        values = [*([name] if self._labels else []), *(each.labels[label] for label in described.labels)]
        if isinstance(each.value, LagStatistics):
            family.add_metric(values, buckets=_buckets(each.value), sum_value=each.value.sum_ns / SECOND_NS)
        else:
            family.add_metric(values, each.value)

    def _on_loop(self) -> list[tuple[str, Statistics | None]]:
        """Return the statistics of each pipeline, asked for on the loop; None of one that does not run."""
        try:
            if asyncio.get_running_loop() is self._loop:
                return self._ask()
        except RuntimeError:
            pass  # a thread without a loop
        answer: concurrent.futures.Future[list[tuple[str, Statistics | None]]] = concurrent.futures.Future()

        def ask() -> None:
            try:
                answer.set_result(self._ask())
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asked
                answer.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(ask)
        except RuntimeError:  # the loop is closed
            return [(name, None) for name in self._pipelines]
        try:
            return answer.result(SCRAPE_S)
        except concurrent.futures.TimeoutError:
            return [(name, None) for name in self._pipelines]

    def _ask(self) -> list[tuple[str, Statistics | None]]:
        return [(name, _statistics_of(each, by_symbol=self._by_symbol)) for name, each in self._pipelines.items()]


def _statistics_of(pipeline: Pipeline, *, by_symbol: bool) -> Statistics | None:
    try:
        found = pipeline.statistics(by_symbol=by_symbol)
    except PipelineStopped:
        return None
    return found if found.running else None


def _buckets(lag: LagStatistics) -> list[tuple[str, float]]:
    """Return the bounds in seconds, as texts, with the counts up to each of them."""
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound_ns, count in zip(lag.bounds_ns, lag.counts, strict=False):
        total += count
        buckets.append((str(bound_ns / SECOND_NS), total))
    return [*buckets, ("+Inf", lag.count)]
