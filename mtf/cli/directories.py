"""A data directory for commands that only read it: its configuration and its log."""

from __future__ import annotations

from pathlib import Path

import click

from mtf.config import Config
from mtf.log import LogReader, OsFileSystem, first_logged_seq, newest_logged_seq, read_log
from mtf.log.segment import segment_names, segment_seq
from mtf.storage.datadir import LOG, check_has_log, logged_config

__all__ = ["DIRECTORY", "config_of", "newest_reader", "newest_start", "reader_of"]

DIRECTORY = click.Path(path_type=Path)  # opening it checks that it exists: one message for all commands


def config_of(directory: Path) -> Config:
    """Return the configuration that *directory* was made with; DataDirError if it is not a data directory."""
    check_has_log(directory)
    return logged_config(directory)


def reader_of(directory: Path, from_seq: int = 1, *, last_seq: int | None = None) -> LogReader:
    """Return a reader of the log in *directory*."""
    return read_log(directory / LOG, from_seq, last_seq=last_seq)


def newest_start(directory: Path) -> int:
    """Return the first seq of the newest segment, which begins with what was known by then."""
    names = segment_names(OsFileSystem(), str(directory / LOG))
    return segment_seq(names[-1]) if names else 1


def newest_reader(directory: Path, events: int) -> LogReader:
    """Return a reader of the last *events* events of the log in *directory*, or a few more, which then follows the log.

    It searches from the end: nothing before is read.
    """
    first_seq, next_seq = first_logged_seq(directory / LOG), newest_logged_seq(directory / LOG) + 1
    return read_log(directory / LOG, max(next_seq - events, first_seq), leap=True)
