"""Rejoining: a consumer that failed is shown the events since its last saved state, and then rejoins the others.

The log since then goes through its own engine, in small pieces, so that nobody waits for it. Without a saved state, or
without a log, it continues with the next event, and what it has missed is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from mtf.actors.consumers import ConsumerActor
from mtf.actors.delivery import Delivery
from mtf.events.block import Block, cut
from mtf.frames.cursor import Cursor
from mtf.kernel import Kernel
from mtf.pipeline.audience import Audience
from mtf.pipeline.consumer_statistics import ConsumerRecord
from mtf.pipeline.terms import Added
from mtf.storage.opened import OpenStorage
from mtf.storage.restore import restore

__all__ = ["rejoin"]

PIECE_EVENTS: Final = 64  # replayed in one turn of the loop

Make = Callable[[Added, Callable[[bool], Cursor], bool], ConsumerActor]


async def rejoin(
    record: ConsumerRecord,
    audience: Audience,
    delivery: Delivery,
    *,
    make: Make,
    here: Callable[[bool], Cursor],
    storage: OpenStorage | None,
    state: tuple[int, bytes] | None,
) -> None:
    """Restart the consumer of *record*; *state* is its newest saved state with its seq.

    *make* makes its actor at a cursor, *here* one at the newest event.
    """
    added = record.added
    if storage is None or state is None or state[0] + 1 < storage.log.first_seq:
        actor = make(added, here, False)
        before = record.actor
        if before is not None:
            actor.queue.dropped += max(0, int(actor.seq) - before.stands_at)
        audience.enter(actor, added)
        return
    seq, saved = state
    record.state = "catching up"
    engine, _, _ = await asyncio.to_thread(restore, storage.config, storage.checkpoints, seq)
    schema = here(False).schema
    target_seq = delivery.seq
    actor = make(added, lambda keeps: Cursor(schema, engine.joiner, target_seq, keeps), True)
    actor.restore(saved, seq)
    audience.launch(actor, added)
    while engine.joiner.seq < delivery.seq:
        for block in _pieces(storage, engine, seq, delivery):
            frame = engine.step(block)
            engine.joiner.states_after(frame)
            await actor.send(frame)
            await asyncio.sleep(0)
            if actor.has_left:
                return
        await asyncio.sleep(0)
    audience.seat(actor, engine.joiner.seq)


def _pieces(storage: OpenStorage, engine: Kernel, state_seq: int, delivery: Delivery) -> Iterator[Block]:
    """Yield what was delivered after *engine*'s state, split after *state_seq*, where the consumer's part begins."""
    first_seq = engine.joiner.seq + 1
    for logged in storage.log.read(first_seq, block_events=PIECE_EVENTS):
        block = logged.block
        if block.first_seq < first_seq:
            block = cut(block, first_seq - block.first_seq)[1]
        if block.first_seq <= state_seq < block.last_seq:
            before, block = cut(block, state_seq - block.first_seq + 1)
            yield before
        limit = int(delivery.seq)
        if block.first_seq > limit:
            return
        if block.last_seq > limit:
            block, _ = cut(block, limit - block.first_seq + 1)
            yield block
            return
        yield block
