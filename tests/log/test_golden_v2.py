"""Files of event format 2, written once and never again: the same inputs make the same bytes, and these are read."""

from __future__ import annotations

import math
import shutil
import struct
from pathlib import Path
from typing import Final

import orjson
import pytest

from mtf.events.block import Block, tick_at
from mtf.events.tick import Tick
from mtf.log import FileLog, read_log, verify_log
from tests.builders import BY_FEED, BY_IMPORT, BY_TIMER, BarRow, Clock, Input, Sent, at, blocks

GOLDEN: Final = Path(__file__).parents[1] / "data" / "log-v2"
V1: Final = Path(__file__).parents[1] / "data" / "log-v1"
CONFIG: Final = b'{"timeframes":["1m"],"calendar":"crypto"}'
RUN_ID: Final = bytes(range(16, 32))
TEN: Final = at("2024-03-06 10:00")

# One of each kind of event, and of each flag and entry in the heap that there is.
INPUTS: Final[list[Input]] = [
    Sent(Tick("EURUSD", TEN, 1.5, 1.75, 2.0, 0.25, id="q-1"), ordered=True),
    Sent(Tick("BTC-USD", TEN + 1, price=65000.5, size=0.25, id="t-1", received_ns=TEN + 7), ordered=True, live=True),
    Sent(Tick("EURUSD", TEN + 2, None, 1.75), ordered=True),
    Sent(Tick("EURUSD", TEN + 3, 1.5, math.nan), live=True),
    Sent(Tick("EURUSD", TEN + 4, -1.0, math.inf)),
    Sent(BarRow("ÆØÅ", "5m", TEN, trades=(1.0, 4.0, 0.5, 2.0), size=7.0), live=True),
    Sent(
        BarRow("EURUSD", "1h", TEN + 3_600_000_000_000, bids=(1.0, 4.0, 0.5, 2.0), asks=(2.0, 5.0, 1.5, 3.0), size=3.0)
    ),
    Sent(BarRow("BTC-USD", "1mo", TEN, trades=(1.0, 4.0, 0.5, 2.0), forming=True)),
    Clock(TEN + 5),
    Clock(TEN + 6, BY_TIMER),
    Clock(TEN + 9, BY_FEED),
]


# What an import leaves, written later: its rows, and where the history of each symbol ends.
IMPORTED: Final[list[Input]] = [
    Sent(Tick("EURUSD", TEN, 1.5, 1.75), ordered=True),
    Sent(BarRow("ÆØÅ", "5m", TEN, trades=(1.0, 4.0, 0.5, 2.0), size=7.0), ordered=True),
    Clock(TEN + 60_000_000_000, BY_IMPORT, "EURUSD"),
    Clock(TEN + 300_000_000_000, BY_IMPORT, "ÆØÅ"),
]


def made() -> list[Block]:
    return blocks(INPUTS, size=6)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """Opening takes a lock: work on a copy."""
    shutil.copytree(GOLDEN, tmp_path / "golden")
    return tmp_path / "golden"


@pytest.mark.parametrize("form", ["log", "compressed"])
def test_inputs_are_the_blocks_that_were_logged(golden: Path, form: str) -> None:
    """Both ways: nothing that a block builder writes has changed its bytes, and they are read as they stand."""
    reader = read_log(golden / form)
    assert [found.block for found in reader] == made()
    assert (reader.config, reader.run_id) == (CONFIG, RUN_ID)
    assert verify_log(golden / form).clean


def test_rows_of_version_2_are_these(golden: Path) -> None:
    """Written out, for whoever reads the description alone."""
    expected = orjson.loads((GOLDEN / "expected.json").read_bytes())
    found = [[block.rows.hex(), block.heap.hex()] for block in (one.block for one in read_log(golden / "log"))]
    assert found == expected
    rows = bytes.fromhex("".join(row for row, _ in expected))
    tags = [struct.unpack_from("<BBH", rows, at_ + 12) for at_ in range(0, len(rows), 48)]
    five, hour, month = 1 << 3 | 5 << 6, 2 << 3 | 1 << 6, 5 << 3 | 1 << 6
    assert tags == [
        (1, 1 | 2 | 8 | 16, 0),
        (2, 8 | 16 | 32 | 64 | 128, 0x8000),
        (1, 2 | 128, 0),
        (1, 1 | 2 | 32, 0),
        (1, 1 | 2, 0),
        (2, 4 | 8 | 32, five),
        *((2, 4 | 32, five | place) for place in (1, 2, 3)),
        *((1, 1 | 2 | 4, hour | place) for place in (0, 1, 2, 3)),
        *((2, 4, month | 4 | place) for place in (0, 1, 2, 3)),
        (0, 0, 0),
        (0, 0, 1),
        (0, 16, 2),
    ]
    assert tick_at(rows, 1, "BTC-USD", "t-1", received_ns=TEN + 7) == INPUTS[1].event  # type: ignore[union-attr]


def test_ends_of_imported_histories_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Each has its symbol by name, in the heap."""
    shutil.copytree(GOLDEN / "imported", tmp_path / "log")
    found = [one.block for one in read_log(tmp_path / "log")]
    assert found == blocks(IMPORTED, size=4)
    assert verify_log(tmp_path / "log").clean
    rows = b"".join(block.rows for block in found)
    ends = [struct.unpack_from("<qiBBH", rows, at_) for at_ in range(0, len(rows), 48)][-2:]
    assert ends == [(TEN + 60_000_000_000, -1, 0, 16, 3), (TEN + 300_000_000_000, -1, 0, 16, 3)]
    assert found[-1].heap.endswith("ÆØÅ".encode())


def test_log_of_version_2_goes_on(golden: Path) -> None:
    log = FileLog.open(golden / "log", config=None)
    assert (log.config, log.last_seq, log.torn) == (CONFIG, 20, None)
    assert log.symbols == ["EURUSD", "BTC-USD", "ÆØÅ"]
    log.close()


def test_log_of_version_1_goes_on_in_a_segment_of_version_2(tmp_path: Path) -> None:
    """What follows is in the present format; both are read as one log, and cut, sealed and verified as ever."""
    shutil.copytree(V1 / "log", tmp_path / "log")
    before = [found.block for found in read_log(tmp_path / "log")]
    log = FileLog.open(tmp_path / "log", config=None)
    builder_symbols = list(log.symbols)
    block = next(iter(blocks(INPUTS[3:5])))
    again = Block(log.last_seq + 1, block.count, rows_of_known(block), b"")
    log.append(again, {})
    log.close()
    names = sorted(path.name for path in (tmp_path / "log").glob("*.log"))
    versions = [struct.unpack_from("<H", (tmp_path / "log" / name).read_bytes(), 8)[0] for name in names]
    assert versions == [1, 1, 2]
    assert [found.block for found in read_log(tmp_path / "log")] == [*before, again]
    assert verify_log(tmp_path / "log").clean
    reopened = FileLog.open(tmp_path / "log", config=None)
    assert (reopened.last_seq, reopened.symbols) == (22, builder_symbols)
    reopened.close()


def rows_of_known(block: Block) -> bytes:
    """Return the rows of *block* as those of a symbol that is known: EURUSD, number 0 of the old log."""
    rows = bytearray(block.rows)
    rows[13] &= ~8
    return bytes(rows)
