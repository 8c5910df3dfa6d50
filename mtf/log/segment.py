"""One segment file, read from its start; each frame is checked against its checksum, its place and the chain.

Owns the position in the file, the chain, and the names of symbols known there. Never writes, and holds one frame (or
one megabyte) at a time. It makes no judgement: at a frame that is not intact it stops and gives the reason; whether
that is a torn tail, damage, or only unfinished is decided by `mtf.log.recovery` and `mtf.log.log_reader`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from xxhash import xxh3_64_intdigest

from mtf.errors import CorruptLog, DataDirError
from mtf.events.block import NEW_SYMBOL, ROW_BYTES, Block, SymbolTable, check_rows
from mtf.log.event_log import LoggedBlock
from mtf.log.filesystem import FileSystem, join
from mtf.log.pack import unpack_frames, unpack_joined
from mtf.log.segment_format import (
    BLOCK,
    FRAME_MAGIC,
    HEADER_BYTES,
    META,
    PACK,
    SEAL,
    SEGMENT_BYTES_MAX,
    SEGMENT_HEADER_BYTES,
    SEQ_MAX,
    FrameHeader,
    SegmentHeader,
    Skimmed,
    decode_meta,
    decode_positions,
    frame_header,
    parse_frame_header,
    parse_segment_header,
    run_seed,
    skim_blocks,
    split_block,
)

__all__ = [
    "LogFrame",
    "Segment",
    "damage_of",
    "logged_segments",
    "read_ends",
    "segment_name",
    "segment_names",
    "segment_seq",
]

SUFFIX: Final = ".log"
SEQ_DIGITS: Final = 19  # of the highest seq, so that names sort like seqs
WINDOW_BYTES_MIN: Final = 1 << 14
WINDOW_BYTES: Final = 1 << 20
SEGMENTS_MAX: Final = 1_000_000


class LogFrame(NamedTuple):
    """An intact frame."""

    offset: int
    header: FrameHeader
    body: bytes  # as stored
    chain: int  # before it; -1 after damage


class Segment:
    """A cursor over the frames of the segment file *path*; CorruptLog if its header or META frame is not intact."""

    def __init__(self, fs: FileSystem, path: str) -> None:
        self._fs: Final = fs
        self.path: Final = path
        self._file = -1  # open from here to `close`
        self._window = b""  # the bytes read last
        self._window_bytes = WINDOW_BYTES_MIN  # how much to read next; grows with each read
        self._window_at = 0  # the window's offset in the file
        self._file = fs.open(path, "read")
        try:
            self.bytes = fs.size(self._file)  # length of the file when it was last looked up
            if self.bytes > SEGMENT_BYTES_MAX:
                raise CorruptLog(f"{path}: {self.bytes} bytes, the limit is {SEGMENT_BYTES_MAX}", path=path)
            self.header: Final = parse_segment_header(self.read(0, SEGMENT_HEADER_BYTES), path)
            self.seed: Final = run_seed(self.header.run_id)
            self.offset = SEGMENT_HEADER_BYTES  # of the next frame
            self.chain = self.header.chain  # its value before that frame
            self.next_seq = self.header.first_seq  # of the next event
            self.events = 0  # in the frames passed
            self.is_joined = True  # whether `chain` is known, because everything before is intact
            self.sealed = False  # whether the SEAL has been passed
            self.why = ""  # what is wrong at `offset`, once `next` returned None; "" at the end of the file
            self.partial = False  # whether the bytes at `offset` could be an incompletely written frame
            self.meta_frame: bytes  # as stored in the file
            self.config: bytes
            self.symbols: SymbolTable  # up to `offset`, provided that each frame was passed to `blocks`
            self.positions: dict[str, Any]  # of each source, on the same condition
            self.spare_names: Sequence[str] = ()  # by number: replacements for names that were lost to damage
            self._take_meta()
        except BaseException:
            self.close()
            raise

    def next(self) -> LogFrame | None:
        """Return the next frame; None if no intact one follows, with the reason in `why`."""
        self.why, self.partial = "", False
        at = self.offset
        if self.sealed:
            self.why = "bytes after the seal" if at < self.bytes else ""
            return None
        head = self.read(at, HEADER_BYTES)
        header = parse_frame_header(head, 0, self.seed)
        if header is None:
            self.partial = len(head) < HEADER_BYTES
            self.why = ("a header cut short" if self.partial else "no intact header") if head else ""
            return None
        body = self.read(at + HEADER_BYTES, header.stored_bytes)
        if len(body) < header.stored_bytes:
            self.why, self.partial = "a frame cut short", True
            return None
        if header.first_seq != self.next_seq:
            self.why = f"a frame with seq {header.first_seq} instead of {self.next_seq}"
        elif header.kind == PACK or not self.is_joined:  # the chain over a pack is checked when it is unpacked
            self.why = "" if xxh3_64_intdigest(body, self.seed) == header.checksum else "a body that was altered"
        elif xxh3_64_intdigest(body, self.chain) != header.chain:
            altered = xxh3_64_intdigest(body, self.seed) != header.checksum
            self.why = "a body that was altered" if altered else "a frame that does not follow the one before"
        elif header.kind == SEAL and header.events != self.next_seq - self.header.first_seq:
            self.why = f"a seal over {header.events} events instead of {self.next_seq - self.header.first_seq}"
        elif (header.kind == META) != (at == SEGMENT_HEADER_BYTES):
            self.why = "a frame of a kind that does not belong there"
        if self.why:
            return None
        self.offset = at + HEADER_BYTES + header.stored_bytes
        chain = self.chain if self.is_joined else -1
        self.chain = header.chain
        self.is_joined = True
        self.sealed = header.kind == SEAL
        if header.kind in (BLOCK, PACK):
            self.next_seq += header.events
            self.events += header.events
        return LogFrame(at, header, body, chain)

    def blocks(self, frame: LogFrame, *, check: bool = True) -> list[LoggedBlock]:
        """Return the blocks of *frame*, each row checked unless *check* is off, and learn names and positions.

        CorruptLog if an intact frame contains something that mtf would not write.
        """
        kind = frame.header.kind
        if kind == BLOCK:
            return [self._block(frame, frame.header, frame.body, check)]
        if kind != PACK:
            return []
        try:
            parts = unpack_frames(frame.header, frame.body)
        except ValueError as error:
            raise self.damage(frame.offset, frame.header.first_seq, str(error)) from error
        blocks = []
        chain = frame.chain
        for header, body in parts:
            chain = xxh3_64_intdigest(body, max(chain, 0))
            blocks.append(self._block(frame, header._replace(chain=chain), body, check))
        if chain != frame.header.chain and frame.chain >= 0:
            raise self.damage(frame.offset, frame.header.first_seq, "a pack that does not follow the frame before")
        return blocks

    def joined(self, frame: LogFrame, *, check: bool = True) -> list[LoggedBlock]:
        """Return the blocks of *frame*, if any, joined into one: faster than `blocks`.

        The blocks of a pack are covered by the pack's checksum, and not checked one by one against the chain.
        """
        header = frame.header
        if header.kind != PACK:
            return self.blocks(frame, check=check)
        try:
            rows, heap, encoded, symbols, lag = unpack_joined(header, frame.body)
            block = Block(header.first_seq, header.events, rows, heap)
            if self.lacks_names(header._replace(symbols=symbols)) or symbols != len(self.symbols):
                raise CorruptLog(f"{len(self.symbols)} symbols are known instead of {symbols}")
            if check:
                check_rows(block, symbols)
            learn_symbols(self.symbols, block)
            positions: dict[str, Any] = {}
            for each in encoded:
                positions.update(decode_positions(each))
            if first_ns(rows) != header.first_ns or first_ns(rows[-ROW_BYTES:]) != header.last_ns:
                raise CorruptLog("the frame's times differ from those of its rows")
        except (CorruptLog, ValueError) as error:
            raise self.damage(frame.offset, header.first_seq, str(error)) from error
        self.positions.update(positions)
        return [LoggedBlock(block, positions, block.last_seq - 1 - lag, header.chain)]

    def skim(self, *, learn: bool, until: int = SEQ_MAX, headers_only: bool = False) -> None:
        """Skip the plain BLOCK frames that were read ahead, with the checks of `next` in a fraction of its time.

        With *learn*, names and positions are learned as by `blocks`, but rows and times are not checked; with
        *headers_only*, bodies are not checked either. Stops before the frame with seq *until*, and before anything
        unusual, which is left to `next` and `blocks`.
        """
        last: Skimmed | None = None
        events, known = 0, len(self.symbols)
        for skimmed in self._skim_ahead(headers_only):
            if self.next_seq + events + skimmed.events > until or (
                learn and (skimmed.symbols != known or skimmed.heap_bytes)
            ):
                break
            if learn and skimmed.positions_bytes:
                try:
                    self.positions.update(decode_positions(skimmed.body[: skimmed.positions_bytes]))
                except ValueError:
                    break
            last = skimmed
            events += skimmed.events
        if last is not None:
            self._advance(last, events)

    def run(self, events: int, *, last_seq: int | None = None, check: bool = True) -> LoggedBlock | None:
        """Return plain blocks that were read ahead, joined into one of *events* or slightly more; None: use `next`.

        Each frame is checked as by `next`, and the rows as by `blocks`, all at once.
        """
        taken: list[Skimmed] = []
        held = 0
        for skimmed in self._skim_ahead():
            if last_seq is not None and self.next_seq + held > last_seq:
                break
            taken.append(skimmed)
            held += skimmed.events
            if held >= events:
                break
        if not taken or taken[0].symbols != len(self.symbols):
            return None
        rows = b"".join([s.body[s.positions_bytes : len(s.body) - s.heap_bytes] for s in taken])
        heap = b"".join([s.body[len(s.body) - s.heap_bytes :] for s in taken if s.heap_bytes])
        positions: dict[str, Any] = {}
        try:
            block = Block(self.next_seq, held, rows, heap)
            if check:
                check_rows(block, len(self.symbols))
            for skimmed in taken:
                if skimmed.positions_bytes:
                    positions.update(decode_positions(skimmed.body[: skimmed.positions_bytes]))
            learn_symbols(self.symbols, block)
        except (CorruptLog, ValueError):
            return None  # `blocks` will find out which of them
        self._advance(taken[-1], held)
        self.positions.update(positions)
        return LoggedBlock(block, positions, taken[-1].durable_seq, self.chain)

    def damage(self, offset: int, seq: int, what: str) -> CorruptLog:
        """Return the error for damage in this segment."""
        return damage_of(self.path, offset, seq, what)

    def later_headers(self) -> Iterator[tuple[int, FrameHeader]]:
        """Yield each intact frame header anywhere after `offset`, with its place."""
        at = self.offset + 1
        while True:
            window = self.read(at, WINDOW_BYTES)
            found = window.find(FRAME_MAGIC)
            while found >= 0:
                header = parse_frame_header(window, found, self.seed)
                if header is not None:
                    yield at + found, header
                found = window.find(FRAME_MAGIC, found + 1)
            if len(window) < WINDOW_BYTES:
                return
            at += WINDOW_BYTES - HEADER_BYTES + 1

    def jump(self, offset: int, next_seq: int) -> None:
        """Continue at *offset*, with a frame of *next_seq*; what precedes it stays unread, so the chain is unknown."""
        self.offset, self.next_seq, self.is_joined = offset, next_seq, False
        self.events = next_seq - self.header.first_seq

    def place(self) -> tuple[int, int, int]:
        """Return where the segment is, for `go_to`."""
        return self.offset, self.next_seq, self.chain

    def go_to(self, offset: int, next_seq: int, chain: int) -> None:
        """Continue at *offset*, with a frame of *next_seq*, before which the chain's value is *chain*."""
        self.jump(offset, next_seq)
        self.chain, self.is_joined, self.sealed = chain, True, False

    def lacks_names(self, header: FrameHeader) -> bool:
        """Return whether rows of a frame may have symbols whose names were lost to damage without a replacement."""
        known = len(self.symbols)
        spare = self.spare_names
        if known < header.symbols <= len(spare) and list(spare[:known]) == self.symbols.names:
            for name in spare[known : header.symbols]:
                self.symbols.add(name)
        return len(self.symbols) < header.symbols

    def read_damaged_names(self) -> list[str]:
        """Learn the names in the BLOCK at `offset`, whose body was altered, and return them.

        Nothing if its rows are invalid. The names themselves may be what was altered.
        """
        header = self.peek()
        if header is None or header.kind != BLOCK or header.first_seq != self.next_seq or self.lacks_names(header):
            return []
        known = len(self.symbols)
        try:
            _, block = split_block(header, self.read(self.offset + HEADER_BYTES, header.stored_bytes))
            check_rows(block, known)
            table = SymbolTable(self.symbols.names)
            table.learn(block)
        except (CorruptLog, ValueError, AssertionError):
            return []
        for name in table.names[known:]:
            self.symbols.add(name)
        return table.names[known:]

    def skip_damage(self) -> bool:
        """Move to the first plausible intact header after `offset`, if any; only for reports on damage."""
        for offset, header in self.later_headers():
            if header.first_seq >= self.next_seq and header.kind != META:
                self.jump(offset, header.first_seq)
                return True
        return False

    def peek(self) -> FrameHeader | None:
        """Return the header at `offset`; None if there is no intact one."""
        return parse_frame_header(self.read(self.offset, HEADER_BYTES), 0, self.seed)

    def look(self, offset: int, length: int) -> bytes:
        """Return up to *length* bytes at *offset*, without reading ahead."""
        return self._fs.read(self._file, max(min(length, self.bytes - offset), 0), offset)

    def last_header(self) -> FrameHeader | None:
        """Return the header at the end of the file; None if it does not end with an intact one."""
        return parse_frame_header(self.look(max(self.bytes - HEADER_BYTES, 0), HEADER_BYTES), 0, self.seed)

    def refresh(self) -> bool:
        """Look up the length of the file again, which may have been written to, and return whether it has changed."""
        size = self._fs.size(self._file)
        if size == self.bytes:
            return False
        self._window = b""
        self.bytes = size
        return True

    @property
    def is_closed(self) -> bool:
        return self._file < 0

    def close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            self._fs.close(file)

    def __del__(self) -> None:
        self.close()  # so that a reader dropped midway leaves no file open

    def _skim_ahead(self, headers_only: bool = False) -> Iterator[Skimmed]:
        at = self.offset - self._window_at
        if self.sealed or not self.is_joined or not 0 <= at < len(self._window):
            return iter(())
        return skim_blocks(self._window, at, self.seed, self.chain, self.next_seq, headers_only=headers_only)

    def _advance(self, last: Skimmed, events: int) -> None:
        self.chain, self.offset = last.chain, self._window_at + last.end
        self.next_seq += events
        self.events += events

    def _take_meta(self) -> None:
        frame = self.next()
        if frame is None:
            raise self.damage(self.offset, self.next_seq, self.why or "the segment ends before its configuration")
        self.meta_frame = frame_header(self.seed, *frame.header[1:]) + frame.body
        start = frame.header.positions_bytes
        try:
            self.config, names = decode_meta(frame.body[start:])
            self.symbols = SymbolTable(names)
            self.positions = decode_positions(frame.body[:start])
        except ValueError as error:
            raise self.damage(frame.offset, self.next_seq, f"the segment's configuration: {error}") from error

    def _block(self, frame: LogFrame, header: FrameHeader, body: bytes, check: bool) -> LoggedBlock:
        encoded, block = split_block(header, body)
        rows = block.rows
        try:
            if self.lacks_names(header) or header.symbols != len(self.symbols):
                raise CorruptLog(f"{len(self.symbols)} symbols are known instead of {header.symbols}")
            if check:
                check_rows(block, len(self.symbols))
            learn_symbols(self.symbols, block)
            positions = decode_positions(encoded) if encoded else {}
            if first_ns(rows) != header.first_ns or first_ns(rows[-ROW_BYTES:]) != header.last_ns:
                raise CorruptLog("the frame's times differ from those of its rows")
        except (CorruptLog, ValueError) as error:
            raise self.damage(frame.offset, header.first_seq, str(error)) from error
        self.positions.update(positions)
        return LoggedBlock(block, positions, header.durable_seq, header.chain)

    def read(self, offset: int, length: int) -> bytes:
        """Return *length* bytes at *offset*, or fewer at the end of the file; *length* is within its limit."""
        start = offset - self._window_at
        window = self._window
        if start >= 0 and start + length <= len(window):
            return window[start : start + length]
        wanted = min(max(length, self._window_bytes), max(self.bytes - offset, 0))
        self._window_bytes = min(2 * self._window_bytes, WINDOW_BYTES)
        parts: list[bytes] = []
        while wanted:
            part = self._fs.read(self._file, wanted, offset + sum(map(len, parts)))
            if not part:  # the file has become shorter
                break
            parts.append(part)
            wanted -= len(part)
        self._window_at = offset
        self._window = window = parts[0] if len(parts) == 1 else b"".join(parts)
        return window[:length]


def damage_of(path: str, offset: int, seq: int, what: str) -> CorruptLog:
    """Return the error for damage in the segment at *path*, from the event *seq* on."""
    return CorruptLog(
        f"{path}: byte {offset}: {what}: the log is safe up to seq {seq - 1}; "
        f"restore it from a copy, or keep what is good with `mtf salvage`",
        path=path,
        offset=offset,
        seq=seq,
    )


def read_ends(fs: FileSystem, path: str) -> tuple[SegmentHeader, FrameHeader | None, int]:
    """Return the header of the segment at *path*, the frame header that it ends with, if it does, and its length.

    Nothing in between is read. CorruptLog if the first is invalid.
    """
    file = fs.open(path, "read")
    try:
        size = fs.size(file)
        header = parse_segment_header(fs.read(file, SEGMENT_HEADER_BYTES, 0), path)
        end = fs.read(file, HEADER_BYTES, max(size - HEADER_BYTES, 0))
    finally:
        fs.close(file)
    return header, parse_frame_header(end, 0, run_seed(header.run_id)), size


def first_ns(rows: bytes) -> int:
    """Return the stamp of the first row."""
    return int.from_bytes(rows[:8], "little", signed=True)


def learn_symbols(symbols: SymbolTable, block: Block) -> None:
    """Add the new symbols in *block*; at the speed of C if there are none."""
    if block.heap and 1 in block.rows[13::ROW_BYTES].translate(_IS_NEW):
        symbols.learn(block)


def segment_name(first_seq: int) -> str:
    return f"{first_seq:0{SEQ_DIGITS}d}{SUFFIX}"


def segment_seq(name: str) -> int:
    """Return the first seq of the segment file *name*; 0 for any other file."""
    digits, suffix = name[:SEQ_DIGITS], name[SEQ_DIGITS:]
    return int(digits) if suffix == SUFFIX and digits.isascii() and digits.isdigit() else 0


def logged_segments(fs: FileSystem, directory: str, *, look: bool = True) -> list[str]:
    """Return `segment_names`, at least one; DataDirError if there is no log."""
    names = segment_names(fs, directory, look=look)
    if not names:
        raise DataDirError(f"{directory}: there is no log here")
    return names


def segment_names(fs: FileSystem, directory: str, *, look: bool = True) -> list[str]:
    """Return the names of the segments in *directory*, oldest first; DataDirError if it is not a directory.

    With *look* also if one of them is not a plain file. Opening one refuses that too, so whoever opens what it reads
    need not look at all of them.
    """
    kind = fs.kind(directory)
    if kind == "nothing":
        raise DataDirError(f"{directory}: there is no log here")
    if kind != "directory":
        raise DataDirError(f"{directory}: not a plain directory; links are refused")
    names = sorted(name for name in fs.names(directory) if name.endswith(SUFFIX) and segment_seq(name))
    if len(names) > SEGMENTS_MAX:
        raise DataDirError(f"{directory}: {len(names)} segments, the limit is {SEGMENTS_MAX}")
    for name in names if look else ():
        if fs.kind(join(directory, name)) != "file":
            raise DataDirError(f"{join(directory, name)}: not a plain file; links and devices are refused")
    return names


_IS_NEW: Final = bytes(1 if flags & NEW_SYMBOL else 0 for flags in range(256))  # by a row's flags
