"""Recovery: an engine at any moment of a log, from the nearest usable checkpoint.

Decides which checkpoint a start may use. Only reads, from any storage through its protocols; a path is a data
directory. The pipeline continues from the engine, time travel and `mtf state` only look at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import attrs

from mtf.bars.bar import Bar
from mtf.bars.gate import Gate
from mtf.bars.verdicts import LATE_ACCEPTED
from mtf.config import Config
from mtf.errors import ConfigError, CorruptCheckpoint, MtfError, NewerCheckpoint
from mtf.events.block import Block, cut
from mtf.frames.snapshot import Snapshot
from mtf.kernel import Kernel
from mtf.log import ReadableLog
from mtf.saved_parts import is_with_history
from mtf.storage.checkpoint_meta import changed_formulas, is_meta, is_of, is_of_before, other_config
from mtf.storage.checkpoint_store import Checkpoint, CheckpointStore, Skipped, newest_good
from mtf.storage.datadir import Place, logged_config, storage_of
from mtf.storage.storage import Storage
from mtf.zones import other_instants

__all__ = [
    "Replayed",
    "bars_engine_at",
    "checkpointed_symbols",
    "closed_between",
    "closed_by",
    "engine_at",
    "engine_before",
    "entries_of",
    "first_seq_after",
    "fresh_engine",
    "gates_over",
    "lacks_past",
    "logged_blocks",
    "logged_entries",
    "replay_engine",
    "restore",
    "restore_oldest",
    "state_at",
    "verify_replay",
]

BLOCK_EVENTS: Final = 1024  # blocks of a live log have one event each; they are replayed together
BLOCKS_MAX: Final = 2  # blocks up to this many times as long are replayed as they are


class Replayed(NamedTuple):
    """The results of replaying a whole log, compared with its checkpoints."""

    seq: int  # of the last event
    digest: str  # of all results
    agreed: list[int]  # seqs of the checkpoints whose state and digest equal those of the replay, bit by bit
    damage: list[Skipped]  # the others, and why


def _any_time(checkpoint: Checkpoint) -> bool:
    return True


def restore(
    config: Config,
    store: CheckpointStore,
    limit: int,
    usable: Callable[[Checkpoint], bool] = _any_time,
    *,
    bars_only: bool = False,
) -> tuple[Kernel, Checkpoint | None, list[Skipped]]:
    """Return an engine at the newest usable checkpoint with a seq up to *limit*, or at the log's beginning.

    The checkpoint is returned too, and those that were skipped, with the reason. With *bars_only* the engine has no
    indicators: its bars are the same, but its digest is not.
    """
    skipped: list[Skipped] = []
    while True:
        found, bad = newest_good(store, limit)
        paths = {each.path for each in skipped}
        skipped += [each for each in bad if each.path not in paths]
        engine = Kernel(_barren(config) if bars_only else config)
        if found is None:
            return engine, None, skipped
        limit = found.seq - 1
        if not is_of(config, found):
            skipped.append(Skipped(found.path, other_config(config, found)))
        elif not is_meta(found.meta):
            skipped.append(Skipped(found.path, "its metadata is incomplete"))
        elif not usable(found):
            skipped.append(Skipped(found.path, "a consumer has not reached it yet"))
        elif changed := changed_formulas(config, found):
            skipped.append(Skipped(found.path, f"{found.path}: made with {changed}: the log is replayed instead"))
        elif other := other_instants(found.meta["zones"]):
            skipped.append(Skipped(found.path, f"{found.path}: {other}: the log is replayed instead"))
        else:
            try:
                engine.load(found.parts, found.histories)
                return engine, found, skipped
            except CorruptCheckpoint as error:
                skipped.append(Skipped(found.path, str(error)))


def restore_oldest(
    config: Config, store: CheckpointStore, last_seq: int, first_seq: int = 1
) -> tuple[Kernel, Checkpoint] | None:
    """Return an engine at the oldest usable checkpoint up to *last_seq*, and the checkpoint; None if none is usable.

    For a log whose beginning was removed, if a consumer is behind every checkpoint: the events before that cannot be
    shown to it. Checkpoints before *first_seq* - 1 are not usable: the events after them were removed.
    """
    for seq in sorted(store.list()):
        if seq > last_seq:
            return None
        if seq < first_seq - 1:
            continue
        engine, found, _ = restore(config, store, seq)
        if found is not None:
            return engine, found
    return None


def fresh_engine(config: Config, log: ReadableLog) -> Kernel:
    """Return an engine of *config* before the first event that *log* still has."""
    return _begun(Kernel(config), log)


def _begun(engine: Kernel, log: ReadableLog) -> Kernel:
    """Return *engine*, which is new, before the first event that *log* still has."""
    first_seq = log.first_seq
    if first_seq > 1:
        reader = log.read(first_seq)
        try:
            engine.begin(first_seq - 1, reader.symbols)
        finally:
            reader.close()
    return engine


def engine_at(place: Place, *, seq: int | None = None, time_ns: int | None = None) -> Kernel:
    """Return the engine of the storage *place* as it was after the event *seq*, or at *time_ns*, or now.

    At a time: each symbol is in its state before its first accepted event stamped later, whatever the order of the log;
    with *seq* as well, as far as known after that event. Such an engine is for looking at, not for continuing; its seq
    is that of the newest event in it. If the log's beginning was removed, a state before the oldest checkpoint does not
    include the removed events. ConfigError if the log ends before *seq*, or now begins after it; DataDirError if there
    is no log.
    """
    storage = storage_of(place)
    engine = engine_before(storage, _ANY if seq is None else seq, _any_time if time_ns is None else _not_after(time_ns))
    if seq is not None and engine.joiner.seq == seq:
        return engine
    if seq is not None and engine.joiner.seq > seq:
        raise ConfigError(
            f"{storage.name}: the log begins at seq {engine.joiner.seq + 1}, and earlier events were removed: "
            "choose a seq from there on"
        )
    if time_ns is not None:
        last_seq = _play_until(engine, storage, time_ns, seq)
    else:
        _play(engine, storage, seq)
        last_seq = engine.joiner.seq
    if seq is not None and last_seq != seq:
        raise ConfigError(f"{storage.name}: the log ends at seq {last_seq}: choose a seq up to there")
    return engine


def gates_over(place: Place, first_seq: int, last_seq: int) -> Iterator[tuple[Gate, int, int]]:
    """Yield the gates that judge the events *first_seq* to *last_seq* of *place*, with their first and last events.

    The first one begins earlier, at the nearest checkpoint or the log's beginning. There is one gate, unless the log's
    beginning was removed: then the first, without the removed events, judges up to the oldest checkpoint.
    """
    storage = storage_of(place)
    engine = engine_before(storage, first_seq - 1, bars_only=True)
    next_seq = engine.joiner.seq + 1
    if lacks_past(storage, engine.joiner.seq):
        config = logged_config(storage)
        oldest = restore_oldest(config, storage.checkpoints(config), last_seq, next_seq)
        if oldest is not None:
            if oldest[1].seq >= next_seq:
                yield engine.gate, next_seq, oldest[1].seq
            engine, next_seq = oldest[0], oldest[1].seq + 1
    if next_seq <= last_seq:
        yield engine.gate, next_seq, last_seq


def bars_engine_at(place: Place, seq: int) -> Kernel:
    """Return the engine of *place* as it was after the event *seq*, without indicators, to be continued."""
    storage = storage_of(place)
    engine = engine_before(storage, seq, bars_only=True)
    _play(engine, storage, seq)
    return engine


def first_seq_after(place: Place, time_ns: int) -> int:
    """Return the seq of the first accepted event of any symbol that is stamped after *time_ns*.

    One past the end of the log if there is none.
    """
    storage = storage_of(place)
    engine = engine_before(storage, _ANY, _not_after(time_ns))
    for block in logged_blocks(storage, engine.joiner.seq + 1):
        found = _accepts_after(engine, block, time_ns)
        if found:
            return found
    return engine.joiner.seq + 1


def closed_between(
    place: Place, after_seq: int, last_seq: int, *, bars_only: bool = False
) -> Iterator[tuple[Bar, int, list[float]]]:
    """Yield each bar closed by an event after *after_seq*, up to *last_seq*, with that event's seq, in order.

    Each comes with its completed indicator values; *bars_only* computes none. The log in *place* must reach *last_seq*.
    """
    if after_seq >= last_seq:
        return
    storage = storage_of(place)
    engine = engine_before(storage, after_seq, bars_only=bars_only)
    for block in logged_blocks(storage, engine.joiner.seq + 1, last_seq):
        for closed in closed_by(engine, block):
            if closed[1] > after_seq:
                yield closed


def closed_by(engine: Kernel, block: Block) -> Iterator[tuple[Bar, int, list[float]]]:
    """Have *engine* process *block*, which comes next, and yield the bars that it closes as `closed_between` does."""
    frame = engine.step(block, False)
    for k, closing in enumerate(frame.closings):
        yield closing.bar, block.first_seq + closing.row, frame.closings.completed(k)


def logged_blocks(
    place: Place, first_seq: int, last_seq: int | None = None, *, names: Sequence[str] = ()
) -> Iterator[Block]:
    """Yield the events of the log in *place* from *first_seq* to *last_seq*, or to the end, in blocks.

    *names* are the symbols by number, if the caller knows them: then events before *first_seq* need not be read.
    """
    return (block for block, _ in logged_entries(place, first_seq, last_seq, names=names))


def logged_entries(
    place: Place, first_seq: int, last_seq: int | None = None, *, names: Sequence[str] = ()
) -> Iterator[tuple[Block, Mapping[str, Any]]]:
    """Yield the blocks of `logged_blocks`, each with the entries that were written with it."""
    yield from entries_of(storage_of(place).read_log(), first_seq, last_seq, names=names)


def entries_of(
    log: ReadableLog, first_seq: int, last_seq: int | None = None, *, names: Sequence[str] = ()
) -> Iterator[tuple[Block, Mapping[str, Any]]]:
    """Yield what `logged_entries` does, of a *log* that was opened before."""
    for logged in log.read(first_seq, last_seq=last_seq, block_events=BLOCK_EVENTS, names=names):
        block = logged.block
        if block.first_seq < first_seq:
            block = cut(block, first_seq - block.first_seq)[1]
        if last_seq is not None and block.last_seq > last_seq:
            if block.first_seq > last_seq:
                return
            block = cut(block, last_seq - block.first_seq + 1)[0]
        while block.count > BLOCKS_MAX * BLOCK_EVENTS:  # a pack of a compressed segment
            piece, block = cut(block, BLOCK_EVENTS)
            yield piece, {}
        yield block, logged.positions


def state_at(place: Place, symbol: str, *, seq: int | None = None, time_ns: int | None = None) -> Snapshot | None:
    """Return the snapshot of *symbol* from `engine_at`; None if the symbol had no event by then."""
    engine = engine_at(place, seq=seq, time_ns=time_ns)
    number = engine.number_of(symbol)
    return None if number < 0 else engine.snapshot(number)


def replay_engine(place: Place) -> tuple[Kernel, bool]:
    """Return the engine with which to replay all of the log in *place*, and whether it gives the original states.

    If the log's beginning was removed, the engine is that of the oldest checkpoint; if none is usable, it lacks the
    removed events, and gives other states.
    """
    storage = storage_of(place)
    config = logged_config(storage)
    engine = fresh_engine(config, storage.read_log())
    if not engine.joiner.seq:
        return engine, True
    oldest = restore_oldest(config, storage.checkpoints(config), _ANY, engine.joiner.seq + 1)
    return (engine, False) if oldest is None else (oldest[0], True)


def checkpointed_symbols(place: Place) -> list[str]:
    """Return the symbols by number as of the newest usable checkpoint of *place*; empty if none is usable.

    For a log that is damaged where it introduces some of them.
    """
    try:
        storage = storage_of(place)
        config = logged_config(storage)
        engine, _, _ = restore(config, storage.checkpoints(config), _ANY, bars_only=True)
    except (MtfError, OSError):
        return []
    return list(engine.symbols())


def lacks_past(place: Place, seq: int) -> bool:
    """Return whether the state of *place* after the event *seq* lacks events removed from the log's beginning.

    That is so if there are such events, and no checkpoint up to *seq* includes them.
    """
    storage = storage_of(place)
    first_seq = storage.read_log().first_seq
    checkpoints = storage.checkpoints(logged_config(storage)).list() if first_seq > 1 else []
    return first_seq > 1 and not any(first_seq - 1 <= checkpoint <= seq for checkpoint in checkpoints)


def verify_replay(place: Place, watch: Callable[[int], object] = lambda _: None) -> Replayed:
    """Replay the whole log in *place*, and compare each checkpoint with the replay.

    Only reads. CorruptLog if the log is damaged; checkpoints that differ or cannot be read are in the result. Those of
    an earlier mtf, whose results differ, are skipped. *watch* is called with the last event of each replayed block.
    """
    storage = storage_of(place)
    engine, _ = replay_engine(storage)
    store = storage.checkpoints(engine.config)
    agreed: list[int] = []
    damage: list[Skipped] = []
    for seq in store.list():
        if seq < engine.joiner.seq:
            continue
        _play(engine, storage, seq, watch)
        try:
            found = store.read(seq)
        except NewerCheckpoint:
            continue  # nor for one that only a newer mtf can read
        except (CorruptCheckpoint, OSError) as error:
            damage.append(Skipped(store.place_of(seq), str(error)))
            continue
        if is_of_before(engine.config, found):
            continue  # its results differ, and no start uses it
        if is_meta(found.meta) and changed_formulas(engine.config, found):
            continue  # nor one with a different version of a formula
        other = other_instants(found.meta["zones"]) if is_meta(found.meta) else ""
        reason = other or _difference(engine, found)
        if reason:
            damage.append(Skipped(found.path, reason))
        else:
            agreed.append(seq)
    _play(engine, storage, None, watch)
    return Replayed(engine.joiner.seq, engine.digest.value(), agreed, damage)


def engine_before(
    storage: Storage, limit: int, usable: Callable[[Checkpoint], bool] = _any_time, *, bars_only: bool = False
) -> Kernel:
    """Return the engine to replay a log with: at its newest usable checkpoint up to *limit*, or fresh."""
    log = storage.read_log()
    config = Config.from_json(log.config, storage.name)
    store = storage.checkpoints(config)
    engine, checkpoint, _ = restore(config, store, limit, usable, bars_only=bars_only)
    if checkpoint is not None and checkpoint.seq < log.first_seq - 1:  # the events after it were removed
        return fresh_engine(engine.config, log)
    if checkpoint is not None:
        last_seq = _last_seq(log, checkpoint.seq)
        if last_seq < checkpoint.seq:  # it includes events lost in a crash, and no start has removed it yet
            engine, _, _ = restore(config, store, last_seq, usable, bars_only=bars_only)
    return engine if engine.joiner.seq else _begun(engine, log)


def _barren(config: Config) -> Config:
    """Return *config* without its indicators."""
    return attrs.evolve(config, indicators=tuple(() for _ in config.timeframes), versions=())


def _play(
    engine: Kernel, storage: Storage, last_seq: int | None, watch: Callable[[int], object] = lambda _: None
) -> None:
    if last_seq == engine.joiner.seq:
        return
    for block in logged_blocks(storage, engine.joiner.seq + 1, last_seq):
        engine.step(block, False)
        watch(int(block.last_seq))


def _difference(engine: Kernel, found: Checkpoint) -> str:
    """Return how *found* differs from the state of *engine* at its seq; "" if it does not."""
    if engine.joiner.seq != found.seq:
        return f"its seq is {found.seq}, but the log ends at {engine.joiner.seq}"
    if found.meta.get("digest") != engine.digest.value():
        return (
            f"its digest is {found.meta.get('digest')}, but a replay to seq {found.seq} gives {engine.digest.value()}"
        )
    again = Kernel(engine.config)
    try:
        again.load(found.parts, found.histories)
        parts = again.save()  # with its histories, and as it is saved now if it is of an earlier version
    except (CorruptCheckpoint, OSError) as error:
        return str(error)
    if not is_with_history([*found.parts, *found.histories]):
        parts.update(found.parts)
    differing = [name for name, state in engine.save().items() if parts.get(name) != state]
    return f"its state of {', '.join(differing)} differs from that of a replay to seq {found.seq}" if differing else ""


_ANY: Final = (1 << 62) - 1  # no limit


def _not_after(time_ns: int) -> Callable[[Checkpoint], bool]:
    return lambda checkpoint: int(checkpoint.meta["newest_ns"]) <= time_ns


def _last_seq(log: ReadableLog, seq: int) -> int:
    """Return *seq*, or the end of *log* if that is earlier; *seq* may be the one before the log's beginning."""
    if seq == log.first_seq - 1:
        return seq
    reader = log.read(seq, last_seq=seq)
    try:
        return min(seq, max((logged.block.last_seq for logged in reader), default=reader.last_seq))
    finally:
        reader.close()


def _play_until(engine: Kernel, storage: Storage, time_ns: int, last_seq: int | None) -> int:
    """Replay the log up to *last_seq*, but for each symbol only up to its first accepted event after *time_ns*.

    Returns the last event that was read. A block is skipped if all of its symbols are past that event.
    """
    gate = engine.gate
    gate.horizon_ns, gate.horizon_seq = time_ns, engine.joiner.seq
    for block in logged_blocks(storage, engine.joiner.seq + 1, last_seq):
        if gate.is_over(block):
            engine.joiner.seq = block.last_seq
        else:
            engine.step(block, False)
    seen_seq = engine.joiner.seq
    engine.joiner.seq = gate.horizon_seq
    return seen_seq


def _accepts_after(engine: Kernel, block: Block, time_ns: int) -> int:
    """Apply *block* up to the first accepted event that is stamped after *time_ns*; return its seq, or 0."""
    while True:
        later = block.first_after(time_ns)
        if later < 0:
            engine.step(block, False)
            return 0
        if later > 0:
            before, block = cut(block, later)
            engine.step(before, False)
        one, rest = (block, None) if block.count == 1 else cut(block, 1)
        judged = engine.gate.judge(one)
        if judged.verdicts[0] <= LATE_ACCEPTED:
            return one.first_seq
        engine.apply(judged)
        if rest is None:
            return 0
        block = rest
