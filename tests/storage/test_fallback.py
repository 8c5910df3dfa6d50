"""A checkpoint that is not good is skipped, with the reason, and what comes of the log is the same."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from xxhash import xxh3_64_intdigest

from mtf.config import Config
from mtf.errors import ConfigMismatch
from mtf.log import FileLog
from mtf.pipeline import Pipeline
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import HEADER_BYTES, VERSION, encode_checkpoint
from mtf.storage.restore import engine_at, first_seq_after, verify_replay
from tests.alive import checkpointer_of, run_of
from tests.storage.builders import engine_bits, feed, history_rows, market, results, rewind_history

EVENTS = market(9, 160)
CONFIG = Config.make(indicators=["ema:5", "rsi:14", "sar"], history=20)
SEQS = [40, 80, 120]


async def made(data: Path) -> tuple[Any, Any]:
    """Make *data* with checkpoints at SEQS and a rest of the log; return what every start must come to."""
    async with Pipeline(data=data, config=CONFIG, clock="ticks", checkpoint_seconds=None) as pipeline:
        done = 0
        for seq in SEQS:
            await feed(pipeline, EVENTS[done:seq])
            assert await pipeline.checkpoint() == seq
            done = seq
        await feed(pipeline, EVENTS[done:])
        await pipeline.drain()
        checkpointer_of(pipeline).seq = len(EVENTS)  # none at the end
        found = results(pipeline)
    return found, history_rows(data)


def path_of(data: Path, seq: int) -> Path:
    return data / "checkpoints" / f"checkpoint-{seq:019d}.mtf"


async def check(data: Path, expected: tuple[Any, Any], reasons: list[str]) -> None:
    """Start again: the same results, and each checkpoint that was skipped with its reason, newest first."""
    async with Pipeline(data=data, config=CONFIG, clock="ticks", checkpoint_seconds=None) as pipeline:
        await pipeline.drain()
        skipped = [each.reason for each in pipeline.skipped_checkpoints]
        assert len(skipped) == len(reasons), skipped
        for reason, part in zip(skipped, reasons, strict=True):
            assert part in reason
        assert results(pipeline) == expected[0]
    assert history_rows(data) == expected[1]
    assert verify_replay(data).seq == len(EVENTS)


def flipped(bit: int) -> Callable[[bytes], bytes]:
    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[bit // 8 % len(data)] ^= 1 << bit % 8
        return bytes(changed)

    return flip


FLIPS = [0, 8 * 8, 8 * 10, 8 * 20, 8 * 44, 8 * HEADER_BYTES, 8 * HEADER_BYTES + 999, *Random(1).sample(range(8000), 4)]


@pytest.mark.parametrize("bit", FLIPS)
async def test_newest_checkpoint_with_a_flipped_bit_falls_back_to_the_one_before(tmp_path: Path, bit: int) -> None:
    """Magic, version, lengths, sums, body: whichever, the start says so and comes to the same state."""
    expected = await made(tmp_path)
    path = path_of(tmp_path, 120)
    path.write_bytes(flipped(bit)(path.read_bytes()))
    await check(tmp_path, expected, [str(path)])


@pytest.mark.parametrize("keep", [0, 1, HEADER_BYTES, 300, -1])
async def test_truncated_checkpoints_all_of_them_fall_back_to_the_start_of_the_log(tmp_path: Path, keep: int) -> None:
    """Checkpoints are a shortcut: without any, the log is enough."""
    expected = await made(tmp_path)
    for seq in SEQS:
        path = path_of(tmp_path, seq)
        path.write_bytes(path.read_bytes()[:keep])
    await check(tmp_path, expected, ["checkpoint-0000000000000000120", "checkpoint-0000000000000000080", "040"])


async def test_checkpoint_of_a_newer_mtf_is_passed_over_as_such(tmp_path: Path) -> None:
    """It is not damaged, and no disk is at fault."""
    expected = await made(tmp_path)
    path = path_of(tmp_path, 120)
    data = bytearray(path.read_bytes())
    data[8:10] = (VERSION + 1).to_bytes(2, "little")
    data[HEADER_BYTES - 8 : HEADER_BYTES] = xxh3_64_intdigest(data[: HEADER_BYTES - 8]).to_bytes(8, "little")
    path.write_bytes(data)
    await check(tmp_path, expected, [f"{path}: written by a newer mtf (format version {VERSION + 1}"])
    assert [each.path for each in verify_replay(tmp_path).damage] == []


def rewritten(data: Path, seq: int, **meta: Any) -> None:
    """Replace the checkpoint of *seq* by a whole one with a right checksum, but another *meta*."""
    found = FileCheckpointStore(data / "checkpoints").read(seq)
    changed = {name: value for name, value in {**found.meta, **meta}.items() if value is not ...}
    path_of(data, seq).write_bytes(encode_checkpoint(seq, changed, found.parts))


async def test_checkpoints_of_another_configuration_or_version_are_passed_over_with_the_reason(tmp_path: Path) -> None:
    """Also where the file itself is sound."""
    expected = await made(tmp_path)
    rewritten(tmp_path, 120, config="another")
    path = path_of(tmp_path, 80)
    data = bytearray(path.read_bytes())
    data[8] = VERSION + 1  # the format version; its sum does not fit then either
    path.write_bytes(data)
    await check(tmp_path, expected, ["a different configuration", str(path)])


@pytest.mark.parametrize(
    "meta",
    [{"left_out": ...}, {"left_out": 7}, {"left_out": [7]}, {"newest_ns": ...}, {"newest_ns": "x"}, {"digest": None}],
)
async def test_checkpoint_whose_description_is_none_is_passed_over(tmp_path: Path, meta: dict[str, Any]) -> None:
    """A file from a stranger can be sound and say anything."""
    expected = await made(tmp_path)
    rewritten(tmp_path, 120, **meta)
    await check(tmp_path, expected, ["its metadata is incomplete"])
    engine = engine_at(tmp_path, time_ns=1 << 61)
    assert engine.joiner.seq == len(EVENTS)


async def test_checkpoint_with_parts_missing_or_altered_is_passed_over_or_found_out_by_a_replay(tmp_path: Path) -> None:
    """No altered state raises anything but a typed error, and one that loads is not the replay's."""
    expected = await made(tmp_path)
    store = FileCheckpointStore(tmp_path / "checkpoints")
    whole = store.read(120)
    random = Random(4)
    refused = 0
    for number in range(60):
        parts = dict(whole.parts)
        name = random.choice([name for name in parts if not name.startswith("consumer")])
        if number % 10 == 0:
            del parts[name]
        elif number % 10 < 4:
            parts[name] = parts[name][: random.randrange(len(parts[name]))]
        else:
            parts[name] = flipped(random.randrange(8 * len(parts[name])))(parts[name])
        path_of(tmp_path, 120).write_bytes(encode_checkpoint(120, whole.meta, parts))
        replayed = verify_replay(tmp_path) if number % 10 == 5 else None
        if replayed is not None:
            assert [name in each.reason for each in replayed.damage] == [True]
        engine = engine_at(tmp_path, seq=120)
        if number % 10 < 4:
            assert engine.digest.value() == whole.meta["digest"]
            refused += 1
    assert refused == 24
    path_of(tmp_path, 120).unlink()
    await check(tmp_path, expected, [])


async def test_checkpoint_ahead_of_a_log_that_was_cut_is_discarded(tmp_path: Path) -> None:
    """It was made from events that are no more; state queries do not start from it either, before the next start."""
    await made(tmp_path)
    cut_log(tmp_path, 100)
    expected = engine_at(tmp_path)
    assert expected.joiner.seq == 100
    assert first_seq_after(tmp_path, 1 << 61) == 101
    async with Pipeline(data=tmp_path, config=CONFIG, clock="ticks", checkpoint_seconds=None) as pipeline:
        assert FileCheckpointStore(tmp_path / "checkpoints").list() == [40, 80]
        await pipeline.drain()
        assert [each.reason for each in pipeline.skipped_checkpoints] == [
            "the checkpoint of seq 120 was discarded: the log ends at 100"
        ]
        assert pipeline.seq == 100
        assert engine_bits(run_of(pipeline).engine) == engine_bits(expected)
        await feed(pipeline, EVENTS[100:])
        await pipeline.drain()
        found = results(pipeline)
    whole = tmp_path / "whole"
    assert await made(whole) == (found, history_rows(tmp_path))


def cut_log(data: Path, last_seq: int) -> None:
    """Rewrite the log up to *last_seq* only, as a crash leaves it that loses what was not synced."""
    whole = FileLog.open(data / "log", config=None)
    kept = [logged for logged in whole.read() if logged.block.last_seq <= last_seq]
    config, run_id = whole.config, whole.run_id
    whole.close()
    for path in (data / "log").iterdir():
        path.unlink()
    log = FileLog.open(data / "log", config=config, run_id=run_id)
    for logged in kept:
        log.append(logged.block, logged.positions)
    assert log.last_seq == last_seq
    log.close()


@pytest.mark.parametrize("last_seq", [1, 39, 100, 159])
async def test_history_that_is_ahead_of_a_cut_log_is_taken_back(tmp_path: Path, last_seq: int) -> None:
    """Its rows of events that are no more are deleted; then it neither misses nor doubles one."""
    expected = await made(tmp_path)
    cut_log(tmp_path, last_seq)
    async with Pipeline(data=tmp_path, config=CONFIG, clock="ticks") as pipeline:
        await feed(pipeline, EVENTS[last_seq:])
        await pipeline.drain()
        assert results(pipeline) == expected[0]
    assert history_rows(tmp_path) == expected[1]


@pytest.mark.parametrize("stored_seq", [0, 1, 39, 40, 90, 120, 159])
async def test_history_that_is_behind_is_brought_up_from_before_its_position(tmp_path: Path, stored_seq: int) -> None:
    """Whatever checkpoint is newer."""
    expected = await made(tmp_path)
    rewind_history(tmp_path, stored_seq)
    before = [seq for seq in SEQS if seq > stored_seq]
    await check(tmp_path, expected, ["its seq is"] * len(before))


@pytest.mark.parametrize("left", ["nothing", "an empty file", "an empty database", "a journal"])
async def test_history_whose_making_was_cut_off_is_made_anew(tmp_path: Path, left: str) -> None:
    """A kill between the file and its tables must not keep every later start from going on."""
    expected = await made(tmp_path)
    path = tmp_path / "history.sqlite"
    path.unlink()
    if left != "nothing":
        path.touch()
    if left == "an empty database":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    if left == "a journal":
        path.with_name("history.sqlite-journal").write_bytes(b"anything")
    await check(tmp_path, expected, ["its seq is"] * 3)


@pytest.mark.parametrize("when", range(1, 11))
async def test_history_whose_kth_statement_fails_catches_up_in_the_run_or_at_the_next_start(
    tmp_path: Path, when: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk under SQLite stops nothing: a note gives the reason, and no row is missing or doubled in the end."""
    import aiosqlite

    left = [when]

    def failing(name: str) -> Callable[..., Any]:
        original = getattr(aiosqlite.Connection, name)

        def call(self: aiosqlite.Connection, *arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise sqlite3.OperationalError("database or disk is full")
            return original(self, *arguments)

        return call

    data = tmp_path / "data"
    with monkeypatch.context() as patch:
        for name in ("execute", "executemany", "executescript", "commit"):
            patch.setattr(aiosqlite.Connection, name, failing(name))
        found = (await made(data))[0]
        assert left[0] <= 0
    assert any("disk is full" in message for message in caplog.messages)
    async with Pipeline(data=data, config=CONFIG, clock="ticks") as pipeline:
        await pipeline.drain()
        await feed(pipeline, EVENTS[pipeline.seq :])
        await pipeline.drain()
        assert results(pipeline) == found
    assert await made(tmp_path / "whole") == (found, history_rows(data))


def executed(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "no database": lambda path: path.write_bytes(b"no database" * 1000),
    "its first half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "no position": lambda path: executed(path, "DELETE FROM position"),
    "another position": lambda path: executed(path, "UPDATE position SET seq = seq - 1"),
    "half a schema": lambda path: executed(path, "DROP TABLE position"),
    "no tables of ours": lambda path: executed(path, "CREATE TABLE more (x)"),
    "a count that is wrong": lambda path: executed(path, "UPDATE runs SET bars = bars + 1 WHERE last_seq > 100"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_history_is_set_aside_and_rebuilt_with_one_line_that_says_so(tmp_path: Path, damage: str) -> None:
    """It is derived: what the log gives is stored again, and what was there is kept."""
    expected = await made(tmp_path)
    path = tmp_path / "history.sqlite"
    DAMAGES[damage](path)
    left = path.read_bytes()
    async with Pipeline(data=tmp_path, config=CONFIG, clock="ticks", checkpoint_seconds=None) as pipeline:
        await pipeline.drain()
        (note,) = pipeline.notes
        assert "the history is damaged: it is rebuilt from the log, and kept as history-damaged-1.sqlite" in note
        assert results(pipeline) == expected[0]
    assert history_rows(tmp_path) == expected[1]
    assert (tmp_path / "history-damaged-1.sqlite").read_bytes() == left
    assert verify_replay(tmp_path).damage == []


async def test_another_configuration_is_refused_with_what_differs_and_changes_nothing(tmp_path: Path) -> None:
    """Two configurations in one directory would be two truths."""
    expected = await made(tmp_path)
    with pytest.raises(ConfigMismatch, match="history: 20 in the log, 21 requested"):
        async with Pipeline(data=tmp_path, indicators=["ema:5", "rsi:14", "sar"], history=21, clock="ticks"):
            pass
    await check(tmp_path, expected, [])


async def test_directory_is_let_go_of_where_opening_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is left behind would refuse the next start in the same process."""
    await made(tmp_path)

    def broken(self: FileCheckpointStore, seq: int) -> list[int]:
        raise OSError(errno.EIO, "the disk")

    with monkeypatch.context() as patch:
        patch.setattr(FileCheckpointStore, "discard_after", broken)
        with pytest.raises(OSError, match="the disk"):
            async with Pipeline(data=tmp_path, config=CONFIG, clock="ticks"):
                pass
    async with Pipeline(data=tmp_path, config=CONFIG, clock="ticks") as pipeline:
        await pipeline.drain()


async def test_a_checkpoint_of_an_mtf_that_computes_otherwise_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state would go on into results that no replay of the log comes to."""
    expected = await made(tmp_path)
    monkeypatch.setattr("mtf.storage.checkpoint_meta.RESULTS", 3)
    await check(tmp_path, expected, ["a different configuration, or by a newer mtf"] * len(SEQS))
