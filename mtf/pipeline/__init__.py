"""The pipeline: the object that users hold, and its run, which starts, recovers, reads, checkpoints and ends."""

from __future__ import annotations

from mtf.pipeline.consumer_statistics import ConsumerStatistics
from mtf.pipeline.pipeline import Pipeline

__all__ = ["ConsumerStatistics", "Pipeline"]
