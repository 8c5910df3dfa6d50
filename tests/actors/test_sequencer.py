"""The sequencer, beside what the pipeline's tests say of it."""

from __future__ import annotations

import asyncio

from mtf.actors.actor import Actor
from mtf.actors.sequencer import Sequencer
from mtf.bars.judged_block import JudgedBlock
from mtf.config import Config
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.kernel import Kernel
from tests.builders import blocks, events


class Keeps(Actor):
    """Keeps what it was sent."""

    def __init__(self, limit: int) -> None:
        super().__init__("keeps", limit)
        self.seqs: list[int] = []

    def handle(self, message: JudgedBlock) -> None:
        self.seqs.append(message.block.last_seq)


def sequencer(*outlets: Actor) -> Sequencer:
    made = Sequencer(BlockBuilder(SymbolTable()), Kernel(Config.make(calendar="crypto")).gate, None, 4)
    made.outlets.extend(outlets)
    return made


def test_replayed_block_goes_to_idle_actors_without_a_turn_of_the_loop() -> None:
    """A log is replayed at the speed of the cores; a block that is too large goes in pieces."""
    outlet = Keeps(8)
    source = sequencer(outlet)
    (block,) = blocks(events("X:10:00@1 X:10:01@2 X:10:02@3 X:10:03@4 X:10:04@5 X:10:05@6"))
    playing = source.replay(block)
    try:
        playing.send(None)
    except StopIteration:
        pass
    else:
        raise AssertionError("it waited")
    assert (outlet.seqs, source.sent_seq) == ([4, 6], 6)


def test_replayed_block_waits_for_room() -> None:
    """Whoever is slow holds the replay back, and gets everything in order."""

    async def run() -> list[int]:
        outlet = Keeps(1)
        source = sequencer(outlet)
        for name in ("first", "second"):
            assert outlet.mailbox.offer(name) is (name == "first")
        tasks = [asyncio.create_task(source.run())]
        playing = asyncio.create_task(source.replay(blocks(events("X:10:00@1 X:10:01@2"))[0]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not playing.done()
        assert await outlet.mailbox.get() == "first"
        await playing
        for task in tasks:
            task.cancel()
        return outlet.seqs

    assert asyncio.run(run()) == [2]
