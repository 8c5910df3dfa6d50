"""Dukascopy's binary records to ticks, big-endian as in a .bi5 file. Compiled.

A tick is 20 bytes: u32 milliseconds from the start of its hour, u32 ask, u32 bid, f32 ask volume, f32 bid volume. A
candle is 24: u32 seconds from the start of its file, u32 open, close, low, high, f32 volume. Prices are in points.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_f32_be, read_i32_be
from mypy_extensions import i64, mypyc_attr

from mtf.events.block import HAS_BID
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import STILL_FORMS
from mtf.sources.ohlc import contradiction
from mtf.sources.row_reader import Reader, reason

__all__ = ["CandleRecords", "TickRecords"]

TICK_BYTES: Final = 20
CANDLE_BYTES: Final = 24
MILLISECOND_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
HOUR_MS: Final = 3_600_000


@mypyc_attr(native_class=True)
class TickRecords(Reader):
    """Reads the ticks of the hour that starts at *start_ns*; `line` counts records. *points* make one unit of price."""

    def __init__(self, place: str, symbol: str, start_ns: i64, points: float) -> None:
        super().__init__(place)
        self._symbol: Final = symbol
        self._start_ns: Final = start_ns
        self._points: Final = points

    def scan(self, builder: BlockBuilder, data: bytes, at: i64, limit: i64, final: bool) -> i64:
        self.left = limit
        size: i64 = len(data)
        points = self._points
        while self.left > 0 and at < size:
            if at + TICK_BYTES > size:
                if not final:
                    break
                self.line += 1
                self.left -= 1
                self.refuse(builder, "the record is cut short", data[at:].hex().encode())
                return size
            offset_ms = _u32(data, at)
            ts_ns: i64 = self._start_ns + offset_ms * MILLISECOND_NS
            self.line += 1
            self.left -= 1
            if offset_ms >= HOUR_MS:
                self.refuse(
                    builder, "the time is not in the hour of the file", data[at : at + TICK_BYTES].hex().encode()
                )
            else:
                code = builder.quote(
                    self._symbol,
                    ts_ns,
                    float(_u32(data, at + 8)) / points,
                    float(_u32(data, at + 4)) / points,
                    read_f32_be(data, at + 16),
                    read_f32_be(data, at + 12),
                )
                if code:
                    self.refuse(builder, reason(code), data[at : at + TICK_BYTES].hex().encode())
                else:
                    self.last_ns = ts_ns
            at += TICK_BYTES
        return at


@mypyc_attr(native_class=True)
class CandleRecords(Reader):
    """Reads the candles of *length* (a `length_code`) of the file that starts at *start_ns*: quotes of one *side*."""

    def __init__(self, place: str, symbol: str, start_ns: i64, points: float, length: i64, side: i64 = HAS_BID) -> None:
        super().__init__(place)
        self._symbol: Final = symbol
        self._start_ns: Final = start_ns
        self._points: Final = points
        self._length: Final = length
        self._side: Final = side

    def scan(self, builder: BlockBuilder, data: bytes, at: i64, limit: i64, final: bool) -> i64:
        self.left = limit
        size: i64 = len(data)
        points = self._points
        while self.left > 0 and at < size:
            if at + CANDLE_BYTES > size:
                if not final:
                    break
                self.line += 1
                self.left -= 1
                self.refuse(builder, "the record is cut short", data[at:].hex().encode())
                return size
            prices = (
                float(_u32(data, at + 4)) / points,
                float(_u32(data, at + 16)) / points,
                float(_u32(data, at + 12)) / points,
                float(_u32(data, at + 8)) / points,
            )
            volume = read_f32_be(data, at + 20)
            start_ns: i64 = self._start_ns + _u32(data, at) * SECOND_NS
            problem = ""
            if volume - volume != 0.0 or volume < 0.0:
                problem = "the volume is not a number, or negative"
            else:
                problem = contradiction(prices)
            if problem:
                self.left -= 1
            else:
                is_last = final and at + 2 * CANDLE_BYTES > size
                code = self.give_bar(
                    builder,
                    self._symbol,
                    start_ns,
                    self._length,
                    prices,
                    prices,
                    (volume, volume),
                    self._side,
                    local_ns=start_ns,
                    is_last=is_last,
                )
                if code == STILL_FORMS:
                    break
                if code:
                    problem = reason(code)
                    self.left -= 1
            self.line += 1
            if problem:
                self.refuse(builder, problem, data[at : at + CANDLE_BYTES].hex().encode())
            at += CANDLE_BYTES
        return at


def _u32(data: bytes, at: i64) -> i64:
    return i64(read_i32_be(data, at)) & 0xFFFFFFFF
