"""Recovery: an engine brought to any moment of a log, from the nearest checkpoint that can be used.

Owns what a checkpoint of a pipeline holds besides the cores' states, and which one may be started from. Reads only; the
pipeline shows consumers what it finds, time travel and `mtf state` just look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from xxhash import xxh3_128_hexdigest

from mtf.bars.gate import LATE_ACCEPTED
from mtf.config import Config
from mtf.datadir import CHECKPOINTS, LOG, logged_config
from mtf.engine import Engine
from mtf.errors import ConfigError, CorruptCheckpoint
from mtf.events.block import Block, cut
from mtf.frames.snapshot import Snapshot
from mtf.log import Checkpoint, CheckpointStore, Skipped, read_log

__all__ = ["Replayed", "checkpoint_meta", "engine_at", "logged_blocks", "restore", "state_at", "verify_replay"]

RESULTS: Final = 1  # counts up when the same log comes to give other results: states of before are not gone on from
BLOCK_EVENTS: Final = 1024  # frames of a live log hold one event each; they are played together


class Replayed(NamedTuple):
    """What a replay of a whole log has come to, and the checkpoints beside it."""

    seq: int  # of the last event
    digest: str  # of everything
    agreed: list[int]  # seqs of the checkpoints that hold, to the bit, the state and the digest of the replay
    damage: list[Skipped]  # the others, and why


def checkpoint_meta(config: Config, seq: int, digest: str, newest_ns: int, left_out: list[str]) -> dict[str, Any]:
    """Return what a checkpoint says of itself; *left_out* are the consumers that did not answer in time."""
    return {
        "config": _config_mark(config),
        "seq": seq,
        "digest": digest,
        "newest_ns": newest_ns,  # the latest stamp of an accepted event
        "left_out": left_out,
    }


def restore(
    config: Config, store: CheckpointStore, limit: int, usable: Callable[[Checkpoint], bool] = lambda checkpoint: True
) -> tuple[Engine, Checkpoint | None, list[Skipped]]:
    """Return an engine at the newest usable checkpoint of a seq up to *limit*, or at the log's start.

    The checkpoint is returned with it, and those that were passed over, with the reason.
    """
    skipped: list[Skipped] = []
    while True:
        found, bad = store.load(limit)
        paths = {each.path for each in skipped}
        skipped += [each for each in bad if each.path not in paths]
        engine = Engine(config)
        if found is None:
            return engine, None, skipped
        limit = found.seq - 1
        if found.meta.get("config") != _config_mark(config):
            skipped.append(Skipped(found.path, "it is of another configuration, or of an mtf that computes otherwise"))
        elif not _is_meta(found.meta):
            skipped.append(Skipped(found.path, "it does not say what it is of"))
        elif not usable(found):
            skipped.append(Skipped(found.path, "a consumer has not come as far"))
        else:
            try:
                engine.load(found.parts)
                return engine, found, skipped
            except CorruptCheckpoint as error:
                skipped.append(Skipped(found.path, str(error)))


def engine_at(path: Path, *, seq: int | None = None, time_ns: int | None = None) -> Engine:
    """Return the engine of the data directory *path* as it was after the event *seq*, or at *time_ns*, or now.

    At a time: after the last event before the first accepted one that is stamped later. ConfigError where the log
    does not go as far as *seq*; DataDirError where there is no log.
    """
    config = logged_config(path)
    store = CheckpointStore(path / CHECKPOINTS)
    usable = _any_time if time_ns is None else _not_after(time_ns)
    engine, checkpoint, _ = restore(config, store, _ANY if seq is None else seq, usable)
    if checkpoint is not None:
        last_seq = _last_seq(path, checkpoint.seq)
        if last_seq < checkpoint.seq:  # of events that a crash took back, and no start has cleared away yet
            engine, _, _ = restore(config, store, last_seq, usable)
    if seq is not None and engine.joiner.seq == seq:
        return engine
    for block in logged_blocks(path, engine.joiner.seq + 1, seq):
        if time_ns is None:
            engine.step(block)
        elif not _step_until(engine, block, time_ns):
            return engine
    if seq is not None and engine.joiner.seq != seq:
        raise ConfigError(f"{path}: the log ends at seq {engine.joiner.seq}: ask for what is in it")
    return engine


def logged_blocks(path: Path, first_seq: int, last_seq: int | None = None) -> Iterator[Block]:
    """Yield the events of the data directory *path* from *first_seq* to *last_seq*, or to the end, in blocks."""
    for logged in read_log(path / LOG, first_seq, last_seq=last_seq, block_events=BLOCK_EVENTS):
        block = logged.block
        if block.first_seq < first_seq:
            block = cut(block, first_seq - block.first_seq)[1]
        if last_seq is not None and block.last_seq > last_seq:
            if block.first_seq > last_seq:
                return
            block = cut(block, last_seq - block.first_seq + 1)[0]
        yield block


def state_at(path: Path, symbol: str, *, seq: int | None = None, time_ns: int | None = None) -> Snapshot | None:
    """Return the snapshot of *symbol* as it was then; None where none of its events had come."""
    engine = engine_at(path, seq=seq, time_ns=time_ns)
    number = engine.number_of(symbol)
    return None if number < 0 else engine.snapshot(number)


def verify_replay(path: Path) -> Replayed:
    """Play the whole log of the data directory *path*, and compare each checkpoint with what it then should hold.

    Reads only. A log that is damaged is CorruptLog, as ever; a checkpoint that differs, or that cannot be read, is in
    the answer.
    """
    config = logged_config(path)
    store = CheckpointStore(path / CHECKPOINTS)
    engine = Engine(config)
    agreed: list[int] = []
    damage: list[Skipped] = []
    for seq in store.list():
        _play(engine, path, seq)
        try:
            found = store.read(seq)
        except (CorruptCheckpoint, OSError) as error:
            damage.append(Skipped(str(Path(store.directory) / f"seq {seq}"), str(error)))
            continue
        reason = _difference(engine, found)
        if reason:
            damage.append(Skipped(found.path, reason))
        else:
            agreed.append(seq)
    _play(engine, path, None)
    return Replayed(engine.joiner.seq, engine.digest.value(), agreed, damage)


def _play(engine: Engine, path: Path, last_seq: int | None) -> None:
    for block in logged_blocks(path, engine.joiner.seq + 1, last_seq):
        engine.step(block)


def _difference(engine: Engine, found: Checkpoint) -> str:
    """Return in what *found* differs from what *engine* came to at its seq; "" where it does not."""
    if engine.joiner.seq != found.seq:
        return f"it stands at seq {found.seq}, and the log ends at {engine.joiner.seq}"
    if found.meta.get("digest") != engine.digest.value():
        return (
            f"its digest is {found.meta.get('digest')}, and a replay to seq {found.seq} gives {engine.digest.value()}"
        )
    differing = [name for name, state in engine.save().items() if found.parts.get(name) != state]
    return f"its state of {', '.join(differing)} is not that of a replay to seq {found.seq}" if differing else ""


_ANY: Final = (1 << 62) - 1  # no limit


def _not_after(time_ns: int) -> Callable[[Checkpoint], bool]:
    return lambda checkpoint: int(checkpoint.meta["newest_ns"]) <= time_ns


def _any_time(checkpoint: Checkpoint) -> bool:
    return True


def _is_meta(meta: dict[str, Any]) -> bool:
    """Return whether *meta* is what `checkpoint_meta` makes: files come from strangers too."""
    left_out = meta.get("left_out")
    return (
        isinstance(meta.get("newest_ns"), int)
        and isinstance(meta.get("digest"), str)
        and isinstance(left_out, list)
        and all(isinstance(name, str) for name in left_out)
    )


def _last_seq(path: Path, seq: int) -> int:
    """Return *seq* where the log goes as far, else its end."""
    reader = read_log(path / LOG, seq, last_seq=seq)
    try:
        return min(seq, max((logged.block.last_seq for logged in reader), default=reader.last_seq))
    finally:
        reader.close()


def _step_until(engine: Engine, block: Block, time_ns: int) -> bool:
    """Take *block* up to the first accepted event that is stamped after *time_ns*; False where there is one."""
    while True:
        later = block.first_after(time_ns)
        if later < 0:
            engine.step(block)
            return True
        if later > 0:
            before, block = cut(block, later)
            engine.step(before)
        one, rest = (block, None) if block.count == 1 else cut(block, 1)
        judged = engine.gate.judge(one)
        if judged.verdicts[0] <= LATE_ACCEPTED:
            return False  # the gate has seen it, but nothing that is shown has
        engine.apply(judged)
        if rest is None:
            return True
        block = rest


def _config_mark(config: Config) -> str:
    return str(xxh3_128_hexdigest(b"%d:%b" % (RESULTS, config.to_json())))
