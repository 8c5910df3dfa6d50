"""The power goes at a drawn moment: unsynced bytes are lost or torn sector by sector, unsynced names come and go."""

from __future__ import annotations

import errno
from random import Random
from typing import Literal, get_args

import pytest

from mtf.errors import DataDirError
from mtf.log import FileLog, read_log, verify_log
from mtf.log.durability import Durability
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import newest_good
from tests.log.builders import CONFIG, DIRECTORY, blocks, events_of, is_prefix, position
from tests.log.disk import Disk

SEEDS = 50
SEEDS_SLOW = 1_000
MODES: tuple[Durability, ...] = get_args(Durability)


@pytest.fixture(autouse=True)
def small_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtf.log.file_log.MARK_BYTES", 300)


def live_and_die(disk: Disk, mode: Durability, random: Random, acknowledged: list[int], segment_bytes: int) -> int:
    """Continue the log until the drawn moment, noting each promised seq; return the seq written last."""
    made = blocks(*COUNTS)
    disk.operations.clear()
    disk.fail_at = random.randrange(1, 250 if segment_bytes < 10_000 else 60)  # of fewer operations
    disk.fault = random.choice((errno.EIO, "short"))
    written = 0
    try:
        # A checkpoint says up to where the log was synced.
        check_from = random.choice((1, *acknowledged)) + 1
        log = FileLog.open(DIRECTORY, config=CONFIG, fs=disk, segment_bytes=segment_bytes, check_from=check_from)
        acknowledged.append(log.durable_seq)
        written = log.last_seq
        begun = False
        for block in made:
            if block.last_seq <= log.last_seq:
                continue
            log.append(block, position(block))
            written = log.last_seq
            if begun and random.random() < 0.5:
                begun = not log.end_sync()
                acknowledged.append(log.durable_seq)
            if mode == "each" or (mode == "group" and random.random() < 0.2):
                acknowledged.append(log.sync())
            elif mode == "group" and not begun and random.random() < 0.3:
                begun = log.begin_sync()
        log.close()
        acknowledged.append(log.durable_seq)
    except OSError:
        pass
    return written


COUNTS = [1, 3, 1, 12, 1, 1, 2, 25, 1, 1, 1, 7, 1, 1, 1, 1, 30, 1, 2, 1, 1, 1]


def power_loss(mode: Durability, seed: int) -> int:
    """Crash three times over one log; return how many events that were never promised were lost."""
    random = Random(f"{mode} {seed}")
    made = blocks(*COUNTS)
    disk = Disk(begins_syncs=random.random() < 0.5)
    lost = 0
    segment_bytes = random.choice((2_000, 1 << 20))
    promised = 0
    for _ in range(3):
        acknowledged = [promised]
        written = live_and_die(disk, mode, random, acknowledged, segment_bytes)
        if random.random() < 0.2:
            disk.kill()  # a SIGKILL, for a change: all that was written stays
            promised = max(written, *acknowledged)
        else:
            disk.lose_power(random)
            promised = max(acknowledged)
        try:
            log = FileLog.open(DIRECTORY, config=None, fs=disk, check_from=promised + 1)
        except DataDirError:
            assert promised == 0
            continue
        found = events_of(log.read())
        assert is_prefix(found, made), f"an event was invented or altered: {seed}"
        assert log.last_seq >= promised, f"a promised event is gone: {seed}"
        assert log.last_seq == (found[-1].last_seq if found else 0)
        if log.last_seq:
            assert log.positions == position(found[-1])
        lost += max(written - log.last_seq, 0)
        if random.random() < 0.5:
            disk.lose_power(random)  # again, right after the start: what was found is durable now
            assert events_of(read_log(DIRECTORY, fs=disk)) == found
        disk.kill()
        assert verify_log(DIRECTORY, fs=disk).clean
    return lost


@pytest.mark.parametrize("mode", MODES)
def test_no_promised_event_is_lost_with_the_power(mode: Durability) -> None:
    lost = [power_loss(mode, seed) for seed in range(SEEDS)]
    assert any(lost) or mode == "each"  # the disk does forget, or this would show nothing


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_no_promised_event_is_lost_with_the_power_over_a_thousand_seeds(mode: Durability) -> None:
    for seed in range(SEEDS_SLOW):
        power_loss(mode, seed)


@pytest.mark.parametrize("fault", ["power", "kill"])
def test_saved_checkpoint_survives_and_an_unfinished_one_is_none(fault: Literal["power", "kill"]) -> None:
    for seed in range(200):
        random = Random(seed)
        disk = Disk()
        disk.directories.add("checkpoints")
        store = FileCheckpointStore("checkpoints", fs=disk)
        disk.fail_at = random.randrange(1, 60)
        saved = 0
        try:
            for seq in range(1, 6):
                store.save(seq, {"seq": seq}, {"a": bytes([seq]) * 700})
                saved = seq
        except OSError:
            pass
        if fault == "power":
            disk.lose_power(random)
        else:
            disk.kill()
        found, skipped = newest_good(store)
        assert not skipped
        assert (found.seq if found else 0) >= saved
        if found is not None:
            assert found.parts == {"a": bytes([found.seq]) * 700}
