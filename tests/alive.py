"""The inside of a pipeline that runs, for tests that look there."""

from __future__ import annotations

from mtf.log import FileLog
from mtf.pipeline import Pipeline
from mtf.pipeline.run import Run
from mtf.storage.checkpointer import Checkpointer

__all__ = ["checkpointer_of", "log_of", "run_of"]


def run_of(pipeline: Pipeline) -> Run:
    """Return what lives between start and stop."""
    run = pipeline._alive
    assert run is not None, "the pipeline was started"
    return run


def checkpointer_of(pipeline: Pipeline) -> Checkpointer:
    """Return what takes the checkpoints of a pipeline with a data directory."""
    checkpointer = run_of(pipeline).checkpointer
    assert checkpointer is not None, "the pipeline has a data directory"
    return checkpointer


def log_of(pipeline: Pipeline) -> FileLog:
    """Return the log that is written."""
    storage = run_of(pipeline).storage
    assert storage is not None, "the pipeline has a data directory"
    assert isinstance(storage.log, FileLog), "which has a log of files"
    return storage.log
