"""The writer on an event loop, when something fails: it reaches everyone, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mtf.errors import LogWriteFailed
from mtf.log import Writer
from tests.log.disk import Disk
from tests.log.gated_disk import open_log
from tests.log.writers import MADE, Run, either_way


@pytest.mark.parametrize("mode", ["group", "os"])
def test_a_sync_that_fails_with_another_error_is_tried_again(run: Run, mode: Any) -> None:
    """As one that runs out of memory does: nothing is known about the disk."""

    class Fails(Disk):
        tried = 0

        def sync(self, file: int) -> None:
            self.tried += 1
            if self.tried == 1:
                raise MemoryError
            super().sync(file)

    async def main() -> None:
        disk = Fails()
        disk.tried = 1
        writer = Writer(open_log(disk), mode, sync_within_ms=0)
        disk.tried = 0
        assert writer.try_append(MADE[0])
        await asyncio.wait_for(writer.durable(2), 60)
        assert disk.tried == 2
        await writer.close()

    run(main())


@either_way
@pytest.mark.parametrize("mode", ["each", "group", "os"])
def test_failed_write_reaches_everyone(run: Run, mode: Any, begins: bool) -> None:
    async def main() -> None:
        told: list[LogWriteFailed] = []
        disk = Disk(begins_syncs=begins)
        writer = Writer(open_log(disk), mode, on_failure=told.append)
        waiting = asyncio.create_task(writer.durable(5))
        await asyncio.sleep(0)
        disk.fail_at, disk.fault = len(disk.operations) + 1, "short"
        if mode == "each":
            with pytest.raises(LogWriteFailed):
                await writer.append(MADE[0])
        else:
            with pytest.raises(LogWriteFailed):
                writer.try_append(MADE[0])
        with pytest.raises(LogWriteFailed):
            await waiting
        assert told == [writer.failed]
        with pytest.raises(LogWriteFailed):
            writer.try_append(MADE[0])
        with pytest.raises(LogWriteFailed):
            await writer.append(MADE[0])
        with pytest.raises(LogWriteFailed):
            await writer.durable(1)
        with pytest.raises(LogWriteFailed):
            await writer.close()
        assert told == [writer.failed]
        assert not disk.locks

    run(main())


@either_way
@pytest.mark.parametrize("mode", ["group", "os"])
def test_failed_sync_reaches_everyone(run: Run, mode: Any, begins: bool) -> None:
    async def main() -> None:
        told: list[LogWriteFailed] = []
        disk = Disk(begins_syncs=begins)
        writer = Writer(open_log(disk), mode, on_failure=told.append)
        assert writer.try_append(MADE[0])
        disk.fail_at = len(disk.operations) + 1
        with pytest.raises(LogWriteFailed, match="a sync failed"):
            await writer.durable(2)
        with pytest.raises(LogWriteFailed, match="a sync failed"):
            writer.try_append(MADE[1])
        assert len(told) == 1
        with pytest.raises(LogWriteFailed):
            await writer.close()

    run(main())


@either_way
def test_failure_while_closing_reaches_those_who_wait(run: Run, begins: bool) -> None:
    async def main() -> None:
        disk = Disk(begins_syncs=begins)
        writer = Writer(open_log(disk), "group", sync_within_ms=1e6)
        assert writer.try_append(MADE[0])
        waiting = asyncio.create_task(writer.durable(2))
        await asyncio.sleep(0)
        disk.fail_at = len(disk.operations) + 1
        with pytest.raises(LogWriteFailed, match="a sync failed"):
            await writer.close()
        with pytest.raises(LogWriteFailed, match="a sync failed"):
            await waiting

    run(main())


def test_block_that_cannot_follow_is_an_error_of_its_own(run: Run) -> None:
    """A programmer's error writes nothing and stops nothing."""

    async def main() -> None:
        writer = Writer(open_log(Disk()), "each")
        with pytest.raises(AssertionError):
            await writer.append(MADE[1])
        await writer.append(MADE[0])
        await writer.close()

    run(main())


def test_appends_that_fail_together_stop_the_log_once(run: Run) -> None:
    async def main() -> None:
        told: list[LogWriteFailed] = []
        disk = Disk()
        writer = Writer(open_log(disk), "each", on_failure=told.append)
        disk.fail_at = len(disk.operations) + 1
        done = await asyncio.gather(writer.append(MADE[0]), writer.append(MADE[0]), return_exceptions=True)
        assert [type(error) for error in done] == [LogWriteFailed, LogWriteFailed]
        assert told == [done[0]]
        with pytest.raises(LogWriteFailed):
            await writer.close()

    run(main())
