"""The log on disk, for its only writer: appends frames to the newest segment, seals segments and begins new ones.

Owns the positions, and when segments begin, are marked, synced and sealed; `mtf.log.appender` writes to the newest one.
The first write or sync that fails is kept and raised from then on: nothing is retried, since after a failed sync the
content of the disk is unknown. `append` belongs to one thread, and `sync` may run concurrently in another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

import orjson

from mtf.errors import CorruptLog, DataDirError, LogWriteFailed
from mtf.events.block import Block
from mtf.log.appender import Appender
from mtf.log.event_log import changed_positions
from mtf.log.expiry import expired_seq
from mtf.log.filesystem import FileSystem, OsFileSystem, PendingSync, join, write_all
from mtf.log.index_file import SealedSpans
from mtf.log.log_index import LogIndex
from mtf.log.log_reader import LogReader, first_logged_seq, read_log
from mtf.log.marks import MARK_BYTES, MarkWriter, remove_marks
from mtf.log.recovery import Recovered, TornTail, cut_tail, prepare_directory, recover, rewrite
from mtf.log.retention import retain
from mtf.log.segment import learn_symbols, segment_name
from mtf.log.segment_format import (
    META_BYTES_MAX,
    POSITIONS_BYTES_MAX,
    RUN_ID_BYTES,
    SEGMENT_BYTES_MAX,
    VERSION,
    SegmentHeader,
    encode_beginning,
    encode_meta,
    encode_positions,
    encode_seal,
    first_chain,
    parse_frame_header,
    run_seed,
)
from mtf.log.spans import SpanMaker
from mtf.log.upkeep import Upkeep

__all__ = ["SEGMENT_BYTES", "FileLog"]

SEGMENT_BYTES: Final = 64 << 20
SEGMENT_BYTES_LIMIT: Final = SEGMENT_BYTES_MAX // 2  # a segment may exceed its size by one frame
WRITER_LOCK: Final = "writer.lock"
FRESH: Final = ".new"  # an unfinished file, useless after a crash


class FileLog(Appender):
    """A directory of segment files; `FileLog.open` creates or continues it."""

    def __init__(self, directory: str, fs: FileSystem, segment_bytes: int, lock: int) -> None:
        """Internal: use `open`, which completes the object."""
        super().__init__(fs.write)
        self.directory: Final = directory
        self._fs: Final = fs
        self._segment_bytes: Final = segment_bytes
        self._lock = lock
        self._syncing: Final = Lock()  # held during a sync of the file, and while it is closed
        self._begun: PendingSync | None = None  # a sync of it in the background; changed with the lock held
        self._begun_seq = 0  # up to which that makes events durable
        self._number = 0  # of the newest segment
        self._positions_bytes = 0  # upper bound of the size of the positions in the next META frame
        self._names_bytes = 0  # upper bound of the size of configuration and names there
        self._positions: dict[str, bytes] = {}  # the newest of each source, as JSON
        self._changed: dict[str, bytes] = {}  # those that are being written
        self.config = b""
        self.run_id = b""
        self.first_seq = 1
        # Called in the writing thread once a segment is sealed, with the spans for its index, if they are known.
        self.on_sealed: Callable[[SealedSpans | None], object] | None = None
        self._upkeep: Upkeep | None = None
        self.torn: TornTail | None = None  # what opening cut off, and where it is kept
        self.checked_from = 1  # opening checked every frame from this event on
        self._checks_rest = False  # whether `maintain` checks what comes before
        self._marks: MarkWriter | None = None  # of the newest segment; None before the first, and once it is sealed

    @classmethod
    def open(
        cls,
        directory: str | Path,
        *,
        config: bytes | None,
        segment_bytes: int = SEGMENT_BYTES,
        fs: FileSystem | None = None,
        run_id: bytes | None = None,
        check_from: int = 1,
        check_rest: bool = False,
    ) -> FileLog:
        """Create the log with *config*, or continue an existing one (whose `config` may differ).

        With *config* None it must exist (DataDirError). LogLocked if another process writes it, CorruptLog if it is
        damaged; a torn tail is cut off and kept, see `torn`. What comes before *check_from* is not read, so that a
        start does not take longer as the log grows: of sealed segments that end before it, header, seal and order are
        checked. With *check_rest*, `maintain` checks it in the background.
        """
        assert 0 < segment_bytes <= SEGMENT_BYTES_LIMIT, "segment_bytes out of bounds"
        fs = fs or OsFileSystem()
        directory = str(directory)
        try:
            prepare_directory(fs, directory, make=config is not None)
            log = cls(directory, fs, segment_bytes, fs.lock(join(directory, WRITER_LOCK)))
            log._checks_rest = check_rest
            try:
                log._open(config, run_id, check_from)
            except BaseException:
                log._close_files()
                raise
        except DataDirError:
            raise
        except OSError as error:
            raise DataDirError(f"{directory}: cannot be opened: {error}") from error
        return log

    @property
    def positions(self) -> dict[str, Any]:
        return {name: orjson.loads(encoded) for name, encoded in self._positions.items()}

    @property
    def symbols(self) -> list[str]:
        return list(self._symbols.names)

    @property
    def failed(self) -> LogWriteFailed | None:
        """The failure that stopped this log."""
        return self._failed

    def sync(self) -> int:
        with self._syncing:
            self._complete_begun()
            target = self.last_seq
            if self._file >= 0 and target > self.durable_seq:
                self._make_durable(target, lambda: self._fs.sync(self._file))
            return self.durable_seq

    def begin_sync(self) -> bool:
        if not self._syncing.acquire(blocking=False):
            return False
        try:
            if self._failed is not None or self._begun is not None or self._file < 0:
                return False
            self._begun_seq = self.last_seq
            self._begun = self._fs.begin_sync(self._file)
            return self._begun is not None
        finally:
            self._syncing.release()

    def end_sync(self) -> bool:
        if not self._syncing.acquire(blocking=False):
            return False  # a thread syncs, and has waited for it, or does so now
        try:
            ended = self._begun is None or self._begun.ended()
            if ended:
                self._complete_begun()
            return ended
        finally:
            self._syncing.release()

    def read(
        self,
        from_seq: int = 1,
        *,
        last_seq: int | None = None,
        block_events: int = 1,
        names: Sequence[str] = (),
    ) -> LogReader:
        last_seq = self.last_seq if last_seq is None else last_seq
        return read_log(
            self.directory,
            from_seq,
            last_seq=last_seq,
            block_events=block_events,
            leap=True,
            names=names or self._symbols.names,
            fs=self._fs,
        )

    def find(self, symbols: int, start_ns: int, end_ns: int, last_seq: int) -> list[tuple[int, int]]:
        index = LogIndex(self.directory, fs=self._fs)
        try:
            return index.find(symbols, start_ns, end_ns, last_seq)
        finally:
            index.close()

    def follow(self, from_seq: int = 1, *, block_events: int = 1) -> LogReader:
        return read_log(self.directory, from_seq, block_events=block_events, fs=self._fs)

    def retain(self, min_needed_seq: int) -> None:
        retain(self.directory, min_needed_seq, fs=self._fs)
        self.first_seq = first_logged_seq(self.directory, fs=self._fs)

    def expired_seq(self, needed_seq: int, before_ns: int | None, max_bytes: int | None) -> int:
        return expired_seq(self.directory, needed_seq=needed_seq, before_ns=before_ns, max_bytes=max_bytes, fs=self._fs)

    def maintain(
        self, *, compress: bool, noted: Callable[[str], object], damaged: Callable[[CorruptLog], object]
    ) -> None:
        assert self._upkeep is None, "asked once"
        check_before = self.checked_from if self._checks_rest else 0
        # Runs beside the log's own operations.
        self._upkeep = Upkeep(
            self.directory, compress=compress, noted=noted, check_before=check_before, damaged=damaged
        )
        self.on_sealed = self._upkeep.sealed
        self._upkeep.start()

    def close(self) -> None:
        if self._lock < 0:
            return
        try:
            if self._failed is None and self._file >= 0:
                if self._events and not self._unfinished:
                    self._seal()
                else:
                    self.sync()
        finally:
            if self._upkeep is not None:
                self._upkeep.stop()
            self._close_files()

    def _open(self, config: bytes | None, run_id: bytes | None, check_from: int) -> None:
        recovered = recover(self._fs, self.directory, check_from=check_from)
        for name in self._fs.names(self.directory):
            if name.endswith(FRESH):
                self._fs.remove(join(self.directory, name))
        if recovered is not None:
            self._go_on(recovered)
        elif config is not None:
            self._begin(config, run_id or os.urandom(RUN_ID_BYTES))
        else:
            raise DataDirError(f"{self.directory}: there is no log here")

    def _begin(self, config: bytes, run_id: bytes) -> None:
        assert len(run_id) == RUN_ID_BYTES, "a run id has 16 bytes"
        if len(config) > META_BYTES_MAX // 2:
            raise DataDirError(f"the configuration takes {len(config)} bytes; the limit is {META_BYTES_MAX // 2}")
        self.config, self.run_id = config, run_id
        self._seed, self.chain = run_seed(run_id), first_chain(run_id)
        self._start_segment()

    def _go_on(self, found: Recovered) -> None:
        self.config, self.run_id, self._seed = found.config, found.run_id, run_seed(found.run_id)
        self.chain, self._symbols = found.chain, found.symbols
        self._positions = {name: orjson.dumps(position) for name, position in found.positions.items()}
        self._positions_bytes = len(encode_positions(self._positions))
        self._names_bytes = len(encode_meta(self.config, self._symbols.names))
        self.first_seq, self.last_seq = found.first_seq, found.last_seq
        self._number, self._path, self._bytes, self._events = found.number, found.path, found.bytes, found.events
        self._full_at = max(self._segment_bytes, 0 if found.events else found.bytes + 1)
        if found.version != VERSION:
            self._full_at = 0  # further events are in the current format, which needs a new segment
        if found.tail is not None:
            self.torn = cut_tail(self._fs, self.directory, found.tail)
        self._file = self._fs.open(found.path, "append")
        rewrite(self._fs, self._file, self._path, found.durable_offset, self._bytes)
        self._fs.sync_directory(self.directory)
        self.durable_seq = self.last_seq
        self.checked_from = found.checked_from
        if found.sealed:
            file, self._file = self._file, -1
            self._fs.close(file)
            return
        self._marks = MarkWriter(self._fs, self._path, self._seed, found.marked_names, found.marks_bytes)
        self._marks.moved.update(self._positions)
        self._mark_at = self._bytes + MARK_BYTES

    def _encoded(self, block: Block, positions: Mapping[str, Any]) -> bytes:
        self._changed = changed = changed_positions(self._positions, positions)
        if not changed and not block.heap:
            return b""
        encoded = encode_positions(changed)
        self._positions_bytes += len(encoded)
        self._names_bytes += len(block.heap)
        if self._positions_bytes > POSITIONS_BYTES_MAX or self._names_bytes > META_BYTES_MAX:
            self._check_meta(changed, len(block.heap))
        return encoded

    def _learn(self, block: Block) -> None:
        if block.heap:
            learn_symbols(self._symbols, block)
        if self._changed:
            self._positions.update(self._changed)
            if self._marks is not None:
                self._marks.moved.update(self._changed)

    def _check_meta(self, changed: Mapping[str, bytes], heap_bytes: int) -> None:
        """Raise ValueError if the next META frame could not hold the positions and the names."""
        positions = len(encode_positions({**self._positions, **changed}))
        names = len(encode_meta(self.config, self._symbols.names))
        self._positions_bytes, self._names_bytes = positions, names + heap_bytes
        if positions > POSITIONS_BYTES_MAX:
            raise ValueError(f"the positions take {positions} bytes; the limit is {POSITIONS_BYTES_MAX}")
        if names + heap_bytes > META_BYTES_MAX:
            raise ValueError(f"the names take {names + heap_bytes} bytes; the limit is {META_BYTES_MAX}")

    def _rotate(self) -> None:
        self._unfinished = True
        if self._file >= 0:
            self._seal()
        try:
            self._start_segment()
        except OSError as error:
            self._fail("the start of a segment", error)
        self._unfinished = False

    def _seal(self) -> None:
        """Sync, write the SEAL, and sync again, so that a SEAL proves that everything before it is on the disk."""
        self.sync()
        seal, chain = encode_seal(
            self._seed,
            symbols=len(self._symbols),
            events=self._events,
            next_seq=self.last_seq + 1,
            durable_seq=self.durable_seq,
            chain=self.chain,
        )
        with self._syncing:
            self._complete_begun()
            try:
                marks = self._mark()  # of the seal
                if self._write(self._file, seal) != len(seal):
                    self._fail("a short write of a seal", None)
                self._fs.sync(self._file)
                file, self._file = self._file, -1
                self._fs.close(file)
                marks.write(self.last_seq + 1)
                marks.close()
                self._marks = None
            except LogWriteFailed:
                raise
            except OSError as error:
                self._fail("the sealing of a segment", error)
        self.chain = chain
        maker, self._spans = self._spans, None
        header = parse_frame_header(seal, 0, self._seed)
        if self.on_sealed is not None and maker is not None and header is not None:
            maker.complete()
            self.on_sealed(SealedSpans(self._path, self.run_id, header, maker.spans))
        elif self.on_sealed is not None:
            self.on_sealed(None)

    def _start_segment(self) -> None:
        first_seq = self.last_seq + 1
        path = join(self.directory, segment_name(first_seq))
        positions = encode_positions(self._positions)
        meta = encode_meta(self.config, self._symbols.names)
        header = SegmentHeader(self._number + 1, self.run_id, first_seq, self.chain)
        data, chain = encode_beginning(header, positions, meta, self.durable_seq)
        file = self._fs.open(path + FRESH, "create")
        try:
            write_all(self._fs, file, path, data)
            self._fs.sync(file)
            self._fs.rename(path + FRESH, path)
            self._fs.sync_directory(self.directory)
        except BaseException:
            self._fs.close(file)
            raise
        self._file, self._path, self._bytes, self._events = file, path, len(data), 0
        remove_marks(self._fs, self.directory)  # of the segment before: this one begins with all that they hold
        self._marks = MarkWriter(self._fs, path, self._seed, len(self._symbols))
        self._mark_at = self._bytes + MARK_BYTES
        self._full_at = max(self._segment_bytes, self._bytes + 1)
        self._spans = SpanMaker(first_seq)
        self._number += 1
        self._positions_bytes, self._names_bytes = len(positions), len(meta)
        self.chain = chain

    def _complete_begun(self) -> None:
        """Wait for the sync that was begun, if there is one; the lock is held.

        To be done before another sync, which would pass for a success: an error is reported to the first only.
        """
        if self._failed is not None:
            raise self._failed
        if self._begun is not None:
            self._make_durable(self._begun_seq, self._begun.wait)
            self._begun = None

    def _make_durable(self, target: int, sync: Callable[[], object]) -> None:
        """Call *sync*, after which what was written up to *target* is durable."""
        try:
            sync()
            if self._marks is not None:
                self._marks.write(target)
        except OSError as error:
            self._fail("a sync", error)
        self.durable_seq = target

    def _mark(self) -> MarkWriter:
        """Make a mark between two frames, or before the seal."""
        marks = self._marks
        assert marks is not None, "what is written to has marks"
        marks.make(self._bytes, self.last_seq + 1, self.chain, self._symbols.names)
        self._mark_at = self._bytes + MARK_BYTES
        return marks

    def _close_files(self) -> None:
        with self._syncing, ExitStack() as closing:  # each is closed, whatever becomes of the others
            file, lock, marks = self._file, self._lock, self._marks
            self._file, self._lock, self._marks = -1, -1, None
            closing.callback(self._fs.close, lock)
            if marks is not None:
                closing.callback(marks.close)
            if file >= 0:
                closing.callback(self._fs.close, file)
            if self._begun is not None:  # the log has failed
                with suppress(OSError):
                    self._begun.wait()
