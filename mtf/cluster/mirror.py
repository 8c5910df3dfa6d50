"""Mirrors: the logs of partitions copied into data directories, each event checked on its way.

A mirror is a data directory a partition, which every command reads. It is what a broker's damage is compared with, and
what a partition is repaired from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from mtf.cluster.appender import WINDOW, Appender
from mtf.cluster.broker import Broker
from mtf.cluster.keys import Keys
from mtf.cluster.lease import Lease
from mtf.cluster.link import Caller
from mtf.cluster.stream_checkpoints import pointers_of
from mtf.cluster.stream_frames import StreamChain, frame_of
from mtf.cluster.stream_log import PartitionPlace, encoded_head, epoch_of, log_place, make_log
from mtf.cluster.stream_reader import StreamCursor, begun_chain
from mtf.cluster.stream_storage import StreamStorage
from mtf.cluster.subjects import ClusterNames
from mtf.errors import ConfigError, CorruptLog, DataDirError, MtfError
from mtf.events.block import ROW_BYTES, Block, cut
from mtf.log import BlockReader, FileLog, LogFiles
from mtf.log.event_log import changed_positions
from mtf.storage.datadir import LOG

__all__ = ["Mirror", "Verified", "mirror_path", "repair_partition", "verify_partition"]

JOINED_EVENTS: Final = 1_024
LEASE_S: Final = 2.0


def mirror_path(directory: Path, partition: int) -> Path:
    """Return the data directory of a partition's mirror in *directory*."""
    return directory / f"partition-{partition}"


class Mirror:
    """Copies the log of *partition* into its data directory in *directory*; LogLocked if another process does."""

    def __init__(self, link: Caller, names: ClusterNames, partition: int, directory: Path) -> None:
        storage = StreamStorage(link, names, partition)
        reading = storage.read_log()
        path = mirror_path(directory, partition)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log: Final = FileLog.open(path / LOG, config=reading.config, run_id=reading.run_id)
        if self._log.run_id != reading.run_id:
            self._log.close()
            raise ConfigError(f"{path} is the mirror of another log than {storage.name}: use another directory")
        try:
            if reading.last_seq < self._log.last_seq:
                raise CorruptLog(
                    f"{storage.name}: the log ends at seq {reading.last_seq}, and its mirror has {self._log.last_seq}: "
                    "events are gone; repair the partition from this mirror with `mtf cluster repair`",
                    path=storage.name,
                    seq=reading.last_seq + 1,
                )
            self._reader: Final[BlockReader] = reading.follow(self._log.last_seq + 1, block_events=JOINED_EVENTS)
        except BaseException:
            self._log.close()
            raise

    @property
    def last_seq(self) -> int:
        return self._log.last_seq

    def copy(self) -> int:
        """Copy what has come since, durably, and return how many events that were; CorruptLog if some are damaged."""
        before = self._log.last_seq
        try:
            while (logged := self._reader.poll()) is not None:
                block = logged.block
                if block.first_seq <= self._log.last_seq:
                    block = cut(block, self._log.last_seq + 1 - block.first_seq)[1]
                self._log.append(block, logged.positions)
        finally:
            _ = self._log.sync()
        return self._log.last_seq - before

    def close(self) -> None:
        self._reader.close()
        self._log.close()


class Verified(NamedTuple):
    """What a check of a partition found: the last event that is intact, and what is wrong after it."""

    partition: int
    seq: int  # the last one that was read, and is as in the mirror if there is one
    error: str  # "" if nothing is wrong
    mirrored_seq: int | None  # the last event of its mirror; None: it has none


def verify_partition(link: Caller, names: ClusterNames, partition: int, directory: Path | None) -> Verified:
    """Read the whole log of *partition*, and compare it with its mirror in *directory*."""
    path = None if directory is None else mirror_path(directory, partition)
    mirror = None if path is None or not (path / LOG).is_dir() else LogFiles(path / LOG)
    mirrored = None if mirror is None else mirror.last_seq
    seq = 0
    try:
        reader = StreamStorage(link, names, partition).read_log().read(block_events=JOINED_EVENTS)
        other = _Rest(iter(()) if mirror is None else (each.block for each in mirror.read(block_events=JOINED_EVENTS)))
        for logged in reader:
            differing = other.differs(logged.block)
            if differing:
                error = f"partition {partition}: seq {differing} differs from that of the mirror"
                return Verified(partition, differing - 1, error, mirrored)
            seq = logged.block.last_seq
    except DataDirError:
        return Verified(partition, 0, "" if not mirrored else f"partition {partition}: the log is gone", mirrored)
    except MtfError as error:
        return Verified(partition, seq, str(error), mirrored)
    if mirrored is not None and mirrored > seq:
        return Verified(partition, seq, f"partition {partition}: ends at {seq}, and its mirror at {mirrored}", mirrored)
    return Verified(partition, seq, "", mirrored)


class _Rest:
    """Events of a mirror, compared with blocks that are cut elsewhere."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks: Final = iter(blocks)
        self._rows = b""  # that were not compared yet
        self._heap = b""

    def differs(self, block: Block) -> int:
        """Return the first seq of *block* that differs, as far as there are events to compare; 0: none."""
        while len(self._rows) < len(block.rows) and (more := next(self._blocks, None)) is not None:
            self._rows += more.rows
            self._heap += more.heap
        count = min(len(self._rows), len(block.rows))
        own, rows = self._rows[:count], block.rows[:count]
        if own != rows:
            first = next(
                at for at in range(0, count, ROW_BYTES) if own[at : at + ROW_BYTES] != rows[at : at + ROW_BYTES]
            )
            return block.first_seq + first // ROW_BYTES
        self._rows = self._rows[count:]
        if count == len(block.rows):
            if self._heap[: len(block.heap)] != block.heap:
                return int(block.first_seq)
            self._heap = self._heap[len(block.heap) :]
        return 0


def repair_partition(
    link: Caller,
    names: ClusterNames,
    partition: int,
    directory: Path,
    *,
    replicas: int,
    lease_s: float = LEASE_S,
    watch: Callable[[int], object] = lambda seq: None,
) -> int:
    """Write the log of *partition* again from its mirror in *directory*, and switch to it; return its last seq.

    A hole in a stream cannot be filled, so the log goes into a new stream, of the next epoch, with the same events, run
    id and positions. ConfigError if the mirror lacks acknowledged events; LogLocked while a gateway runs.
    """
    path = mirror_path(directory, partition)
    mirror = LogFiles(path / LOG)
    last_seq = mirror.last_seq
    return link.call(_repair(link.broker, names, partition, mirror, last_seq, str(path), replicas, lease_s, watch))


async def _repair(
    broker: Broker,
    names: ClusterNames,
    partition: int,
    mirror: LogFiles,
    last_seq: int,
    path: str,
    replicas: int,
    lease_s: float,
    watch: Callable[[int], object],
) -> int:
    keys = Keys(broker, names)
    what = f"{names.cluster}, partition {partition}"
    gateway = await Lease.take(keys, "writer.gateway", lease_s, lost=lambda: None, what=what)
    try:
        known = await _acknowledged_seq(broker, names, partition)
        if last_seq < known:
            raise ConfigError(
                f"{path} ends at seq {last_seq}, and the partition had {known}: a mirror that has all of it is needed"
            )
        before = await keys.get(f"epoch.{partition}")
        epoch = epoch_of(before) + 1
        place = PartitionPlace(names, partition, epoch, f"{what}, epoch {epoch}")
        head = await _write_again(broker, place, mirror, replicas, watch)
        _ = await keys.put(f"head.{partition}", encoded_head(head) if head.last_seq else b"")
        if await keys.change(f"epoch.{partition}", str(epoch).encode(), before.revision) is None:
            raise ConfigError(f"{what}: another repair was faster: check the result with `mtf cluster verify`")
        _ = await keys.put(f"halt.{partition}", b"")
        return head.last_seq
    finally:
        await gateway.release()


async def _write_again(
    broker: Broker, place: PartitionPlace, mirror: LogFiles, replicas: int, watch: Callable[[int], object]
) -> StreamChain:
    """Write the events of *mirror* to *place*, from where an earlier attempt has ended; return what is known then."""
    config, run_id = await asyncio.to_thread(lambda: (mirror.config, mirror.run_id))
    await make_log(broker, place, config, replicas, run_id)
    chain = await begun_chain(broker, place.stream, place.name)
    number, _ = await broker.last_message(place.stream)
    await StreamCursor(broker, place.stream, chain, number).pass_all()
    appender = Appender(broker, place.stream, place.subject, number, name=place.name)
    try:
        reader = await asyncio.to_thread(mirror.read, chain.next_seq, block_events=JOINED_EVENTS)
        while (logged := await asyncio.to_thread(reader.poll)) is not None:
            block = logged.block
            if block.first_seq < chain.next_seq:
                block = cut(block, chain.next_seq - block.first_seq)[1]
            changed = changed_positions(chain.positions, logged.positions)
            appender.append(chain.write(block, changed, chain.last_seq))
            await appender.settled(WINDOW)
            watch(chain.last_seq)
        await appender.settled()
    finally:
        await appender.close()
    return chain


async def _acknowledged_seq(broker: Broker, names: ClusterNames, partition: int) -> int:
    """Return the newest event that is known to have been acknowledged, from all places where that is noted."""
    keys = Keys(broker, names)
    found = [0]
    note: dict[str, Any] = orjson.loads((await keys.get("gateway")).value or b"{}")
    found += [seq for number, seq in enumerate(note.get("seqs", ())) if number == partition]
    found.append((await pointers_of(broker, names, partition)).newest_seq)
    head = await keys.get(f"head.{partition}")
    if head.value:
        found.append(orjson.loads(head.value)["next_seq"] - 1)
    place = await log_place(keys, names, partition, "")
    try:
        begun = await begun_chain(broker, place.stream, "")
        _, newest = await broker.last_message(place.stream)
        frame = None if newest is None else frame_of(newest.data, begun.seed)
        found += [] if frame is None else [frame.first_seq + frame.events - 1]
    except MtfError:
        return max(found)
    return max(found)
