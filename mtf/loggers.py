"""Loggers of the standard library: one for each part of mtf, and the events that each of them reports.

Every record has the name of its event as the attribute `event`, and its facts as attributes too (`symbol`, `seq`,
`path` ...), so that a program need not read the sentence. Nothing is printed unless the application configures logging.
Nothing here is called per tick.
"""

from __future__ import annotations

import logging
from logging import DEBUG, ERROR, INFO, WARNING
from typing import Any, Final

__all__ = ["EVENTS", "LOGGER", "is_reported", "report"]

LOGGER: Final = logging.getLogger("mtf")
LOGGER.addHandler(logging.NullHandler())  # else Python prints warnings of whoever has not configured logging

# What is reported, by which logger, and how serious it is. An error is also raised, or stops the pipeline.
EVENTS: Final = {
    "log_torn": ("mtf.log", WARNING),
    "log_not_compressed": ("mtf.log", WARNING),
    "log_write_failed": ("mtf.log", ERROR),
    "pipeline_started": ("mtf.pipeline", INFO),
    "pipeline_caught_up": ("mtf.pipeline", INFO),
    "pipeline_stopped": ("mtf.pipeline", INFO),
    "pipeline_failed": ("mtf.pipeline", ERROR),
    "task_left": ("mtf.pipeline", WARNING),
    "configuration_kept": ("mtf.pipeline", WARNING),
    "indicator_version": ("mtf.pipeline", WARNING),
    "start_incomplete": ("mtf.pipeline", WARNING),
    "replay_changed": ("mtf.pipeline", WARNING),
    "history_imported": ("mtf.pipeline", INFO),
    "history_passed_over": ("mtf.pipeline", INFO),
    "noted": ("mtf.pipeline", WARNING),
    "events_counted": ("mtf.pipeline", INFO),
    "checkpoint_written": ("mtf.checkpoints", INFO),
    "checkpoint_incomplete": ("mtf.checkpoints", WARNING),
    "histories_damaged": ("mtf.checkpoints", WARNING),
    "histories_not_released": ("mtf.checkpoints", WARNING),
    "checkpoint_failed": ("mtf.checkpoints", WARNING),
    "checkpoint_passed_over": ("mtf.checkpoints", WARNING),
    "checkpoint_discarded": ("mtf.checkpoints", WARNING),
    "history_set_aside": ("mtf.history", WARNING),
    "history_waits": ("mtf.history", WARNING),
    "history_full": ("mtf.history", WARNING),
    "history_caught_up": ("mtf.history", WARNING),
    "history_not_stored": ("mtf.history", WARNING),
    "history_converted": ("mtf.history", WARNING),
    "history_not_merged": ("mtf.history", WARNING),
    "history_damaged": ("mtf.history", WARNING),
    "history_taken_back": ("mtf.history", WARNING),
    "source_read": ("mtf.sources", INFO),
    "source_noted": ("mtf.sources", WARNING),
    "source_out_of_order": ("mtf.sources", INFO),
    "row_malformed": ("mtf.sources", INFO),
    "timeframes_empty": ("mtf.sources", WARNING),
    "session_edge": ("mtf.calendars", WARNING),
    "feed_late": ("mtf.feeds", WARNING),
    "feed_ahead": ("mtf.feeds", WARNING),
    "plugin_failed": ("mtf.plugins", WARNING),
    "feed_connected": ("mtf.feeds", INFO),
    "feed_down": ("mtf.feeds", WARNING),
    "feed_outage": ("mtf.feeds", WARNING),
    "feed_garbage": ("mtf.feeds", WARNING),
    "feed_failed": ("mtf.feeds", ERROR),
    "service_ready": ("mtf.service", INFO),
    "service_stopping": ("mtf.service", INFO),
    "service_reloaded": ("mtf.service", INFO),
    "service_kept": ("mtf.service", WARNING),
    "cluster_waits": ("mtf.cluster", WARNING),
    "partition_taken": ("mtf.cluster", INFO),
    "partition_lost": ("mtf.cluster", WARNING),
    "partition_halted": ("mtf.cluster", ERROR),
    "page_started": ("mtf.service", INFO),
    "page_ended": ("mtf.service", WARNING),
    "consumer_added": ("mtf.consumers", DEBUG),
    "consumer_removed": ("mtf.consumers", INFO),
    "consumer_holds_up": ("mtf.consumers", WARNING),
    "consumer_stalled": ("mtf.consumers", WARNING),
    "consumer_blocks": ("mtf.consumers", WARNING),
    "consumer_failed": ("mtf.consumers", WARNING),
    "consumer_quarantined": ("mtf.consumers", WARNING),
    "consumer_stuck": ("mtf.consumers", ERROR),
}
_LOGGERS: Final = {event: logging.getLogger(name) for event, (name, _) in EVENTS.items()}


def is_reported(event: str) -> bool:
    """Whether anybody listens to *event*: for facts that cost something to find."""
    return _LOGGERS[event].isEnabledFor(EVENTS[event][1])


def report(event: str, sentence: str, *, error: BaseException | None = None, **facts: Any) -> None:
    """Log *event* as a *sentence*, with *facts* as attributes of the record, and the traceback of *error*."""
    _LOGGERS[event].log(EVENTS[event][1], "%s", sentence, exc_info=error, extra={"event": event, **facts}, stacklevel=2)
