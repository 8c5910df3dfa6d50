"""A data directory as the commands that only look at it see it: what it was made with, and its log."""

from __future__ import annotations

from pathlib import Path

import click

from mtf.config import Config
from mtf.datadir import LOG, logged_config
from mtf.errors import DataDirError
from mtf.log import LogReader, read_log

__all__ = ["DIRECTORY", "config_of", "reader_of", "symbols_of"]

DIRECTORY = click.Path(path_type=Path)  # whether it is there is asked where it is opened: one message for all commands


def config_of(directory: Path) -> Config:
    """Return the configuration that *directory* was made with; DataDirError where it is no data directory."""
    if not (directory / LOG).is_dir():
        what = "there is no such directory" if not directory.exists() else "this is no data directory of mtf"
        raise DataDirError(f"{directory}: {what}")
    return logged_config(directory)


def reader_of(directory: Path, from_seq: int = 1, *, last_seq: int | None = None) -> LogReader:
    """Return a reader of the log in *directory*."""
    return read_log(directory / LOG, from_seq, last_seq=last_seq)


def symbols_of(directory: Path) -> list[str]:
    """Return every symbol in the log, in order of appearance; reads all of it."""
    reader = reader_of(directory)
    for _ in reader:
        pass
    return reader.symbols
