"""The pipeline: what a user holds, and the run behind it: how it starts, recovers, reads, checkpoints and ends."""

from __future__ import annotations

from mtf.pipeline.consumer_statistics import ConsumerStatistics
from mtf.pipeline.pipeline import Pipeline

__all__ = ["ConsumerStatistics", "Pipeline"]
