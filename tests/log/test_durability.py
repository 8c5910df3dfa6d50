"""The writer on an event loop: what each mode promises, and when a sync starts."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from mtf.errors import ConfigError, LogWriteFailed
from mtf.log import FileLog, Writer
from tests.log.builders import DIRECTORY, events_of
from tests.log.disk import Disk, DiskSync
from tests.log.gated_disk import GatedDisk, open_log
from tests.log.memory_log import MemoryLog
from tests.log.writers import MADE, Run, begun, either_way


def test_unknown_mode_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match="must be one of each, group, os"):
            Writer(MemoryLog(), "fast")  # type: ignore[arg-type]

    asyncio.run(main())


def test_each_returns_when_synced(run: Run) -> None:
    async def main() -> None:
        disk = Disk()
        writer = Writer(open_log(disk), "each")
        for block in MADE:
            assert not writer.try_append(block)
            await writer.append(block)
            assert writer.durable_seq == writer.last_seq == block.last_seq
            assert not any(inode.unsynced for inode in disk.inodes.values())
        await writer.close()

    run(main())


@either_way
def test_group_returns_when_written_and_syncs_soon_after(run: Run, begins: bool) -> None:
    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        writer = Writer(open_log(disk), "group")
        disk.begun = threading.Semaphore(0)
        disk.gate.clear()
        assert writer.try_append(MADE[0])
        assert writer.last_seq == 2
        assert writer.durable_seq == 0
        await begun(disk)
        assert writer.try_append(MADE[1])  # the loop is free while the disk is busy
        assert writer.durable_seq == 0
        disk.gate.set()
        await writer.durable(2)
        assert writer.durable_seq >= 2
        await writer.durable(3)
        assert writer.durable_seq == 3
        await writer.durable(1)
        assert disk.threads == ({"MainThread"} if begins else {"MainThread", "mtf-log_0"})  # the main one at the start
        await writer.close()

    run(main())


@either_way
def test_one_sync_serves_all_that_was_written_before_it(run: Run, begins: bool) -> None:
    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        writer = Writer(open_log(disk), "group")
        disk.operations.clear()
        for block in MADE:
            assert writer.try_append(block)
        await asyncio.gather(*(writer.durable(seq) for seq in (9, 1, 5, 9)))
        assert disk.operations == ["write"] * len(MADE) + ["sync"]
        await writer.close()

    run(main())


@either_way
def test_a_sync_that_is_running_serves_those_who_ask_meanwhile(run: Run, begins: bool) -> None:
    """No second one follows, unless something was written after it began."""

    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        writer = Writer(open_log(disk), "group", sync_within_ms=0)
        for block, syncs in ((MADE[0], 1), (MADE[1], 2)):
            disk.begun = threading.Semaphore(0)
            disk.gate.clear()
            assert writer.try_append(block)
            await begun(disk)
            waiting = asyncio.create_task(writer.durable(block.last_seq))
            await asyncio.sleep(0)
            disk.gate.set()
            await waiting
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert writer.syncs == syncs
        await writer.close()

    run(main())


@either_way
def test_os_syncs_only_when_asked_and_at_close(run: Run, begins: bool) -> None:
    async def main() -> None:
        disk = Disk(begins_syncs=begins)
        log = open_log(disk)
        writer = Writer(log, "os", sync_within_ms=0)
        disk.operations.clear()
        for block in MADE[:3]:
            assert writer.try_append(block)
        for _ in range(20):
            await asyncio.sleep(0)
        assert disk.operations == ["write"] * 3
        await asyncio.gather(writer.durable(3), writer.durable(4))
        assert disk.operations == ["write"] * 3 + ["sync"]
        assert writer.try_append(MADE[3])
        await writer.close()
        assert writer.durable_seq == 6

    run(main())


@either_way
def test_os_waits_for_an_event_that_is_yet_to_come(run: Run, begins: bool) -> None:
    async def main() -> None:
        writer = Writer(open_log(Disk(begins_syncs=begins)), "os", sync_within_ms=1)
        waiting = asyncio.create_task(writer.durable(2))
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert writer.try_append(MADE[0])
        await waiting
        assert writer.durable_seq == 2
        await writer.close()

    run(main())


@either_way
@pytest.mark.parametrize("mode", ["group", "os"])
def test_segment_is_begun_in_the_thread(run: Run, mode: Any, begins: bool) -> None:
    """Sealing waits for the disk; the loop does not."""

    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        writer = Writer(open_log(disk, segment_bytes=1), mode)
        assert writer.try_append(MADE[0])
        assert not writer.try_append(MADE[1])
        disk.threads.clear()
        await writer.append(MADE[1])
        assert disk.threads == {"mtf-log_0"}
        if mode == "group":
            await writer.durable(3)
        await writer.close()
        assert events_of(FileLog.open(DIRECTORY, config=None, fs=disk).read()) == MADE[:2]

    run(main())


@either_way
def test_appends_are_written_in_the_order_of_the_calls(run: Run, begins: bool) -> None:
    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        log = open_log(disk)
        writer = Writer(log, "group")
        disk.gate.clear()
        first = asyncio.create_task(writer.append(MADE[0]))
        await asyncio.sleep(0)
        assert not writer.try_append(MADE[1])
        second = asyncio.create_task(writer.append(MADE[1]))
        disk.gate.set()
        await asyncio.gather(first, second)
        assert writer.try_append(MADE[2])
        await writer.close()
        assert events_of(log.read()) == MADE[:3]

    run(main())


@either_way
@pytest.mark.parametrize("mode", ["each", "group", "os"])
def test_cancelled_append_is_in_the_log_all_the_same(run: Run, mode: Any, begins: bool) -> None:
    """The bytes are on their way: nobody may take the same seq again."""

    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        log = open_log(disk, segment_bytes=1 if mode != "each" else 1 << 20)
        writer = Writer(log, mode)
        await writer.append(MADE[0])
        disk.gate.clear()
        task = asyncio.create_task(writer.append(MADE[1]))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        disk.gate.set()
        await writer.append(MADE[2])
        await writer.close()
        assert events_of(log.read()) == MADE[:3]

    run(main())


@either_way
def test_cancelled_wait_leaves_the_others_waiting(run: Run, begins: bool) -> None:
    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        writer = Writer(open_log(disk), "group")
        disk.gate.clear()
        assert writer.try_append(MADE[0])
        cancelled = asyncio.create_task(writer.durable(2))
        waiting = asyncio.create_task(writer.durable(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        disk.gate.set()
        await waiting
        assert cancelled.cancelled()
        await writer.close()

    run(main())


@either_way
def test_close_syncs_and_is_safe_to_call_twice_and_to_cancel(run: Run, begins: bool) -> None:
    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        writer = Writer(open_log(disk), "group", sync_within_ms=1e6)
        assert writer.try_append(MADE[0])
        waiting = asyncio.create_task(writer.durable(2))
        hopeless = asyncio.create_task(writer.durable(3))
        await asyncio.sleep(0)
        disk.gate.clear()
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        disk.gate.set()
        await writer.close()
        await writer.close()
        await waiting
        with pytest.raises(LogWriteFailed, match="before that seq was written"):
            await hopeless
        assert not writer.try_append(MADE[1])
        with pytest.raises(LogWriteFailed, match="closed"):
            await writer.append(MADE[1])
        with pytest.raises(LogWriteFailed, match="closed"):
            await writer.durable(3)
        await writer.durable(2)
        assert not disk.locks

    run(main())


@either_way
def test_close_waits_for_the_sync_under_way(run: Run, begins: bool) -> None:
    async def main() -> None:
        disk = GatedDisk(begins_syncs=begins)
        writer = Writer(open_log(disk), "group")
        disk.begun = threading.Semaphore(0)
        disk.gate.clear()
        assert writer.try_append(MADE[0])
        await begun(disk)
        assert writer.try_append(MADE[1])
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0)
        disk.gate.set()
        await closing
        assert writer.durable_seq == 3

    run(main())


def test_memory_log_is_written_in_every_mode(run: Run) -> None:
    async def main() -> None:
        for mode in ("each", "group", "os"):
            writer = Writer(MemoryLog(), mode)
            for block in MADE:
                if not writer.try_append(block):
                    await writer.append(block)
            await writer.durable(9)
            await writer.close()
            assert writer.durable_seq == 9

    run(main())


def test_wait_that_is_cancelled_a_moment_before_its_end_stays_cancelled(run: Run) -> None:
    async def main() -> None:
        disk = Disk()
        writer = Writer(open_log(disk), "group", sync_within_ms=1e6)
        assert writer.try_append(MADE[0])
        for failing in (False, True):
            waiting = asyncio.create_task(writer.durable(2 + failing))
            await asyncio.sleep(0)
            waiting.cancel()
            if failing:
                disk.fail_at = len(disk.operations) + 1
                with pytest.raises(LogWriteFailed):
                    writer.try_append(MADE[1])
            else:
                writer.log.sync()
                writer._wake()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        with pytest.raises(LogWriteFailed):
            await writer.close()

    run(main())


def test_segment_waits_for_the_sync_that_was_begun(run: Run) -> None:
    """Its file would be closed, and its number could be that of another file."""

    async def main() -> None:
        disk = GatedDisk(begins_syncs=True)
        log = open_log(disk, segment_bytes=300)
        writer = Writer(log, "group")
        disk.begun = threading.Semaphore(0)
        disk.gate.clear()
        assert writer.try_append(MADE[0])
        await begun(disk)
        written = 1
        while writer.try_append(MADE[written]):
            written += 1
        appending = asyncio.create_task(writer.append(MADE[written]))
        for _ in range(5):
            await asyncio.sleep(0.002)
        assert not appending.done()
        assert len([path for path, _ in disk.open_files.values() if ".log" in path]) == 1
        disk.gate.set()
        await appending
        await writer.durable(writer.last_seq)
        await writer.close()
        assert events_of(FileLog.open(DIRECTORY, config=None, fs=disk).read()) == MADE[: written + 1]

    run(main())


def test_log_that_cannot_begin_a_sync_after_all_is_synced_in_the_thread(run: Run) -> None:
    class Broken(Disk):
        def begin_sync(self, file: int) -> DiskSync | None:
            raise RuntimeError("not today")

    async def main() -> None:
        disk = Broken()
        writer = Writer(open_log(disk), "group")
        for block in MADE[:3]:
            assert writer.try_append(block)
            await writer.durable(block.last_seq)
        await writer.close()

    run(main())
