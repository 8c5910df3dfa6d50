"""Leaping through a segment: to the frame that contains a seq, or to its newest event, without reading all of it.

A frame header can be recognized anywhere by its checksum, so a binary search finds one in a few reads. What is skipped
is not checked, and the positions in it are unknown. A part that introduces names of symbols is never skipped.
"""

from __future__ import annotations

from typing import Final

from mtf.log.segment import Segment
from mtf.log.segment_format import BLOCK, FRAME_MAGIC, HEADER_BYTES, META, PACK, FrameHeader, parse_frame_header

__all__ = ["leap", "newest_seq"]

NEAR_BYTES: Final = 1 << 15  # a distance not worth another leap
STEP_BYTES: Final = 1 << 14  # read at first; doubled each time they contain no header


def leap(segment: Segment, seq: int) -> None:
    """Move *segment*, which is at its start, to a frame that begins at *seq* or not far before it, if possible.

    It is not possible if that would skip names of symbols.
    """
    low, high = segment.offset, segment.bytes
    found: tuple[int, FrameHeader] | None = None
    while high - low > NEAR_BYTES:
        middle = (low + high) // 2
        next_one = _next_header(segment, middle, high)
        if next_one is None or next_one[1].first_seq > seq:
            high = middle
        else:
            found = next_one
            low = next_one[0]
    if found is None:
        return
    offset, header = _hop(segment, *found, seq)
    if header.first_seq <= segment.next_seq or segment.lacks_names(header):
        return
    if header.symbols == len(segment.symbols):
        segment.jump(offset, header.first_seq)


def newest_seq(segment: Segment) -> int:
    """Return the last event of the last complete frame, judging by its header; the seq before the first if none is."""
    last = segment.last_header()
    if last is not None and last.is_seal:
        return last.first_seq - 1
    end, reach = segment.bytes, STEP_BYTES
    while end > segment.offset:
        start = max(end - reach, segment.offset)
        window = segment.look(start, min(end + HEADER_BYTES, segment.bytes) - start)
        at = window.rfind(FRAME_MAGIC)
        while at >= 0:
            header = parse_frame_header(window, at, segment.seed)
            if (
                header is not None
                and header.kind in (BLOCK, PACK)
                and start + at + HEADER_BYTES + header.stored_bytes <= segment.bytes
            ):
                return header.first_seq + header.events - 1
            at = window.rfind(FRAME_MAGIC, 0, at + 1)
        end, reach = start, 2 * reach
    return segment.header.first_seq - 1


def _hop(segment: Segment, offset: int, header: FrameHeader, seq: int) -> tuple[int, FrameHeader]:
    """Return the last frame that begins at or before *seq*, and its place, going header by header from such a frame."""
    window_at = offset
    window = segment.look(window_at, NEAR_BYTES)
    while True:
        following = offset + HEADER_BYTES + header.stored_bytes
        if following + HEADER_BYTES > window_at + len(window):
            window_at = following
            window = segment.look(window_at, NEAR_BYTES)
        found = parse_frame_header(window, following - window_at, segment.seed)
        if found is None or found.kind not in (BLOCK, PACK) or found.first_seq > seq:
            return offset, header
        offset, header = following, found


def _next_header(segment: Segment, start: int, end: int) -> tuple[int, FrameHeader] | None:
    """Return the first intact header that begins in `[start, end)`, with its place."""
    reach = STEP_BYTES
    while start < end:
        window = segment.look(start, min(reach, end - start) + HEADER_BYTES)
        at = window.find(FRAME_MAGIC)
        while at >= 0:
            header = parse_frame_header(window, at, segment.seed)
            if header is not None and header.kind != META:
                return start + at, header
            at = window.find(FRAME_MAGIC, at + 1)
        start, reach = start + reach, 2 * reach
    return None
