"""A data directory for commands that only read it: the configuration it was made with, and its log."""

from __future__ import annotations

from pathlib import Path

import click

from mtf.config import Config
from mtf.log import LogReader, OsFileSystem, read_log
from mtf.log.segment import segment_names, segment_seq
from mtf.storage.datadir import LOG, check_has_log, logged_config

__all__ = ["DIRECTORY", "config_of", "newest_start", "reader_of"]

DIRECTORY = click.Path(path_type=Path)  # opening it checks that it exists: one message for all commands


def config_of(directory: Path) -> Config:
    """Return the configuration that *directory* was made with; DataDirError if it is not a data directory."""
    check_has_log(directory)
    return logged_config(directory)


def reader_of(directory: Path, from_seq: int = 1, *, last_seq: int | None = None) -> LogReader:
    """Return a reader of the log in *directory*."""
    return read_log(directory / LOG, from_seq, last_seq=last_seq)


def newest_start(directory: Path, events: int = 0) -> int:
    """Return a seq to read from so that the last *events* are read, and not much more than their segments."""
    starts = [segment_seq(name) for name in segment_names(OsFileSystem(), str(directory / LOG))]
    if not starts:
        return 1
    return next((start for start in reversed(starts) if start <= starts[-1] - events), starts[0])
