"""Whether a service is ready: it has caught up with its log, its pipeline runs, and no feed is down for too long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from mtf.feeds import FeedStatistics
from mtf.pipeline.statistics import Statistics
from mtf.units import SECOND_NS

__all__ = ["Readiness", "health_report"]


class Readiness:
    """The state of the service at the last check."""

    def __init__(self) -> None:
        self.caught_up = False
        self.stopping = False
        self.failures: Final[dict[str, str]] = {}  # feeds that have ended with an error, and the error
        self._down_ns: Final[dict[str, int]] = {}  # feeds without a connection, and since when

    def look(self, feeds: Mapping[str, FeedStatistics], now_ns: int) -> None:
        """Record the states of the feeds."""
        for name in [*self._down_ns]:
            if name not in feeds or feeds[name].connected:
                del self._down_ns[name]
        for name, each in feeds.items():
            if not each.connected:
                self._down_ns.setdefault(name, now_ns)

    def reasons(self, limits_s: Mapping[str, float], now_ns: int) -> list[str]:
        """Return why the service is not ready; empty if it is. *limits_s*: how long each feed may be down."""
        found = []
        if self.stopping:
            found.append("stopping")
        elif not self.caught_up:
            found.append("catching up with the log")
        for name, limit_s in limits_s.items():
            if name in self.failures:
                found.append(f"feed {name} has ended: {self.failures[name]}")
            elif name in self._down_ns and now_ns - self._down_ns[name] > limit_s * SECOND_NS:
                down_s = (now_ns - self._down_ns[name]) // SECOND_NS
                found.append(f"feed {name} has been without a connection for {down_s} s")
        return found


def health_report(statistics: Statistics, feeds: Mapping[str, FeedStatistics], reasons: list[str]) -> dict[str, Any]:
    """Return the state of the service, as shown on the page."""
    held = [each.name for each in statistics.consumers if each.state != "running"]
    failure = "" if statistics.running else "The pipeline has stopped."
    if not failure and held:
        failure = f"Consumers that are not running: {', '.join(held)}."
    sentence = failure or (f"Not ready: {'; '.join(reasons)}." if reasons else "The service is ready.")
    lag = statistics.lag
    checkpoints, log = statistics.checkpoints, statistics.log
    return {
        "sentence": sentence,
        "failure": failure or ("; ".join(reasons)),
        "service": {
            "logged_seq": statistics.logged_seq,
            "lag_median_ms": _ms(lag.quantile_ns(0.5)),
            "lag_p99_ms": _ms(lag.quantile_ns(0.99)),
            "checkpoint": None if checkpoints is None else attrs.asdict(checkpoints),
            "log": None if log is None else attrs.asdict(log),
            "feeds": [attrs.asdict(each) | {"last_message_ns": _text(each.last_message_ns)} for each in feeds.values()],
        },
        "consumers": [
            {
                "name": each.name,
                "policy": each.policy,
                "behind": each.lag,
                "dropped": each.dropped,
                "restarts": each.restarts,
                "state": each.state,
                "error": each.error,
            }
            for each in statistics.consumers
        ],
    }


def _ms(value_ns: int) -> float | None:
    return None if value_ns < 0 else value_ns / 1e6


def _text(value: int | None) -> str | None:
    """Return nanoseconds as text: a browser's numbers do not hold them."""
    return None if value is None else str(value)
