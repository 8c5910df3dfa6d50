"""`/metrics` of a service: the metrics of its pipeline and its feeds, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mtf.data.needed import needs
from mtf.feeds import FeedStatistics
from mtf.metrics import COUNTER, GAUGE, Description, PipelineCollector
from mtf.pipeline import Pipeline
from mtf.units import SECOND_NS

__all__ = ["FEED_METRICS", "metrics_text"]

# Field of a feed's statistics, and its metric.
FEED_METRICS: Final = {
    "connected": Description("mtf_feed_connected", "Whether the feed has a connection.", GAUGE, ("feed",)),
    "connections": Description("mtf_feed_connections", "Connections made.", COUNTER, ("feed",)),
    "failures": Description("mtf_feed_failures", "Connections that failed or ended.", COUNTER, ("feed",)),
    "stalls": Description("mtf_feed_stalls", "Connections that were silent for too long.", COUNTER, ("feed",)),
    "messages": Description("mtf_feed_messages", "Messages received.", COUNTER, ("feed",)),
    "events": Description("mtf_feed_events", "Events in them.", COUNTER, ("feed",)),
    "duplicates": Description("mtf_feed_duplicates", "Messages that had come before.", COUNTER, ("feed",)),
    "malformed": Description("mtf_feed_malformed", "Messages that could not be read.", COUNTER, ("feed",)),
    "outages": Description("mtf_feed_outages", "Outages that the log has.", COUNTER, ("feed",)),
    "missing": Description("mtf_feed_missing", "Numbered messages that have not come.", GAUGE, ("feed",)),
    "last_message_ns": Description("mtf_feed_last_message_seconds", "When the newest message came.", GAUGE, ("feed",)),
}


def metrics_text(pipeline: Pipeline, feeds: Mapping[str, FeedStatistics], *, by_symbol: bool) -> dict[str, str]:
    """Return all metrics as of now: their content `type`, and their `text`.

    Call it on the pipeline's event loop. MissingPackage without the package of the extra `metrics`.
    """
    with needs("prometheus-client", "mtf-engine[metrics]"):
        from prometheus_client import CollectorRegistry, exposition
    registry = CollectorRegistry()
    registry.register(PipelineCollector(pipeline, by_symbol=by_symbol))
    registry.register(_Feeds(feeds))
    return {"type": exposition.CONTENT_TYPE_LATEST, "text": exposition.generate_latest(registry).decode()}


class _Feeds:
    """A collector of the counts of *feeds*."""

    def __init__(self, feeds: Mapping[str, FeedStatistics]) -> None:
        self._feeds: Final = feeds

    def describe(self) -> Iterator[Any]:
        return self.collect()

    def collect(self) -> Iterator[Any]:
        from prometheus_client import metrics_core

        kinds: dict[str, Any] = {COUNTER: metrics_core.CounterMetricFamily, GAUGE: metrics_core.GaugeMetricFamily}
        for field, described in FEED_METRICS.items():
            family = kinds[described.kind](described.name, described.text, labels=described.labels)
            for name, each in self._feeds.items():
                value = getattr(each, field)
                if value is not None:
                    family.add_metric([name], value / SECOND_NS if field.endswith("_ns") else float(value))
            yield family
