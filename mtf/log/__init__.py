"""The log, to which every event is written before anyone sees its results.

`EventLog` is the contract of a log for its only writer, `ReadableLog` for its readers; `FileLog` and `LogFiles`
implement them on disk. `Writer` writes a log from an event loop, with one of three durability modes. Readers need no
lock. Formats: docs/log-format.md; promises: docs/reliability.md.
"""

from __future__ import annotations

from mtf.log.checking import CHECKS, Check
from mtf.log.compaction import Compressed, compress_sealed
from mtf.log.durability import DURABILITIES, SYNC_WITHIN_MS, Durability, Writer
from mtf.log.end import LogEnd
from mtf.log.event_log import ALL_SYMBOLS, BlockReader, EventLog, LoggedBlock, ReadableLog
from mtf.log.file_log import SEGMENT_BYTES, FileLog
from mtf.log.filesystem import FileSystem, OsFileSystem, check_plain, open_plain
from mtf.log.log_files import LogFiles
from mtf.log.log_reader import (
    LogReader,
    first_logged_seq,
    newest_logged_seq,
    read_log,
    read_positions,
)
from mtf.log.recovery import TornTail
from mtf.log.rescue import Moved, Salvaged, salvage_log
from mtf.log.retention import retain
from mtf.log.segment_list import SegmentList
from mtf.log.survey import Survey, survey_log
from mtf.log.torn import KeptTail, kept_tails
from mtf.log.upkeep import index_sealed
from mtf.log.verification import Damage, VerifyReport, verify_log

__all__ = [
    "ALL_SYMBOLS",
    "CHECKS",
    "DURABILITIES",
    "SEGMENT_BYTES",
    "SYNC_WITHIN_MS",
    "BlockReader",
    "Check",
    "Compressed",
    "Damage",
    "Durability",
    "EventLog",
    "FileLog",
    "FileSystem",
    "KeptTail",
    "LogEnd",
    "LogFiles",
    "LogReader",
    "LoggedBlock",
    "Moved",
    "OsFileSystem",
    "ReadableLog",
    "Salvaged",
    "SegmentList",
    "Survey",
    "TornTail",
    "VerifyReport",
    "Writer",
    "check_plain",
    "compress_sealed",
    "first_logged_seq",
    "index_sealed",
    "kept_tails",
    "newest_logged_seq",
    "open_plain",
    "read_log",
    "read_positions",
    "retain",
    "salvage_log",
    "survey_log",
    "verify_log",
]
