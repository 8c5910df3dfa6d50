"""Files of format version 1, written once and never again: what was readable stays readable."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import Any

import orjson
import pytest
from xxhash import xxh3_64_intdigest

from mtf.events.block import tick_at
from mtf.events.tick import Tick
from mtf.log import FileLog, read_log, verify_log
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import newest_good

GOLDEN = Path(__file__).parents[1] / "data" / "log-v1"
CONFIG = b'{"timeframes":["1m","5m"],"calendar":"fx"}'
RUN_ID = bytes(range(16))


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """Opening takes a lock: work on a copy."""
    shutil.copytree(GOLDEN, tmp_path / "golden")
    return tmp_path / "golden"


def as_json(directory: Path) -> list[dict[str, Any]]:
    return [
        {
            "first_seq": found.block.first_seq,
            "count": found.block.count,
            "rows": found.block.rows.hex(),
            "heap": found.block.heap.hex(),
            "positions": found.positions,
            "durable_seq": found.durable_seq,
            "chain": found.chain,
        }
        for found in read_log(directory)
    ]


EXPECTED: list[dict[str, Any]] = orjson.loads((GOLDEN / "expected.json").read_bytes())


@pytest.mark.parametrize("form", ["log", "compressed"])
def test_log_of_version_1_is_read_as_ever(golden: Path, form: str) -> None:
    assert as_json(golden / form) == EXPECTED
    assert verify_log(golden / form).clean
    reader = read_log(golden / form)
    assert (reader.config, reader.run_id) == (CONFIG, RUN_ID)


@pytest.mark.parametrize("form", ["log", "compressed"])
def test_log_of_version_1_goes_on(golden: Path, form: str) -> None:
    log = FileLog.open(golden / form, config=None)
    assert (log.config, log.last_seq, log.torn) == (CONFIG, 20, None)
    assert log.symbols == ["EURUSD", "BTC-USD", "ÆØÅ"]
    assert log.positions == {"ticks.csv": {"row": 7}, "live": {"id": "y"}}
    log.close()


def test_crashed_log_of_version_1_recovers(golden: Path) -> None:
    log = FileLog.open(golden / "crashed", config=None)
    assert (log.last_seq, log.positions) == (19, {"ticks.csv": {"row": 5}, "live": {"id": "y"}})
    assert log.torn is not None
    assert (log.torn.seq, Path(log.torn.kept).name) == (20, "torn-399-1")
    log.close()
    assert as_json(golden / "crashed") == EXPECTED[:-1]


def test_events_of_version_1_are_these(golden: Path) -> None:
    start_ns = 1_709_719_200_000_000_000
    blocks = [found.block for found in read_log(golden / "log")]
    assert tick_at(blocks[0].rows, 0, "EURUSD") == Tick("EURUSD", start_ns, 1.08501, 1.08513, 1e6, 2.5e6)
    assert tick_at(blocks[1].rows, 0, "BTC-USD", "t-1") == Tick.trade(
        "BTC-USD", start_ns + 2_000_000, 65000.5, 0.25, id="t-1"
    )
    assert tick_at(blocks[2].rows, 1, "EURUSD") == Tick(
        "EURUSD", start_ns + 60_000_000_000, None, 1.0852, from_bar=True
    )


def test_checkpoint_of_version_1_is_read_as_ever() -> None:
    found, skipped = newest_good(FileCheckpointStore(GOLDEN / "checkpoints"))
    assert found is not None
    assert skipped == []
    assert (found.seq, found.meta) == (20, {"chain": "00", "digest": "ab"})
    assert found.parts == {"aggregator 1m": bytes(range(256)), "consumer": b""}


def test_the_description_of_the_format_is_enough_to_read_it() -> None:
    """Written from docs/log-format.md alone, with nothing of mtf."""
    chain = xxh3_64_intdigest(RUN_ID)
    seed = int.from_bytes(RUN_ID[:8], "little")
    seen = []
    for number, path in enumerate(sorted((GOLDEN / "log").glob("*.log")), 1):
        data = path.read_bytes()
        magic, version, flags, found_number, run_id, first_seq, found_chain = struct.unpack_from("<8sHHI16sQQ", data)
        assert (magic, version, flags, found_number, run_id) == (b"mtf-log\n", 1, 0, number, RUN_ID)
        assert (found_chain, path.stem) == (chain, f"{first_seq:019d}")
        assert struct.unpack_from("<Q", data, 48)[0] == xxh3_64_intdigest(data[:48])
        at = 56
        kinds = []
        while at < len(data):
            fields = struct.unpack_from("<2sBBIIIIIQQqqQQQ", data, at)
            magic, kind, codec, _, stored, count, positions, heap, seq, durable, first_ns, _, *sums = fields
            body = data[at + 80 : at + 80 + stored]
            chain = xxh3_64_intdigest(body, chain)
            assert (magic, codec) == (b"\xf7\xb1", 0)
            assert sums == [chain, xxh3_64_intdigest(body, seed), xxh3_64_intdigest(data[at : at + 72], seed)]
            kinds.append(kind)
            if kind == 2:
                rows = body[positions : positions + 48 * count]
                assert struct.unpack_from("<q", rows)[0] == first_ns
                seen.append((seq, count, rows.hex(), body[len(body) - heap :].hex(), durable, chain))
            if kind == 1:
                assert body[positions + 4 :].startswith(CONFIG)
            at += 80 + stored
        assert kinds == [1, *[2] * (len(kinds) - 2), 3]
    keys = ("first_seq", "count", "rows", "heap", "durable_seq", "chain")
    assert seen == [tuple(block[key] for key in keys) for block in EXPECTED]
