"""Catching up: the state that a pipeline starts from, and the part of the log that its consumers are shown again.

The state is that of the newest checkpoint that is not ahead of any consumer; the rest of the log then goes through the
actors like any events, shown as `recovering`. This begins when somebody needs the state, so that consumers added right
after the start see all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

import attrs

from mtf.actors.consumers import NEVER_SEQ, ConsumerActor
from mtf.actors.supervisor import failure_of
from mtf.config import Config
from mtf.errors import ConfigError, MtfError
from mtf.events.block import Block, cut
from mtf.kernel import Kernel
from mtf.notes import Notes
from mtf.pipeline.threads import in_thread
from mtf.storage.checkpoint_meta import left_out_of, newest_states, saved_states
from mtf.storage.checkpoint_store import Checkpoint, Skipped
from mtf.storage.opened import OpenStorage
from mtf.storage.restore import engine_at, fresh_engine, restore, restore_oldest
from mtf.units import TS_MAX_NS

__all__ = ["CatchUp", "Start"]


@attrs.frozen(kw_only=True)
class Start:
    """The state that a start continues from."""

    engine: Kernel | None  # None: the present one, before the first event
    next_seq: int  # the first event to be replayed
    checkpoint_seq: int = 0  # that of the checkpoint; 0 if there is none
    oldest_ns: int = TS_MAX_NS  # the first stamp in it
    states: dict[str, tuple[int, bytes]] = attrs.field(factory=dict)  # of consumers, each with its seq
    committed: dict[str, int] = attrs.field(
        factory=dict
    )  # seqs committed by consumers with their own storage, up to the log's end
    skipped: list[Skipped] = attrs.field(factory=list)  # checkpoints that cannot be used, and why


class Base(NamedTuple):
    """What is remembered of the checkpoint that was chosen."""

    seq: int
    states: dict[str, tuple[int, bytes]]  # of consumers, each after which event
    left_out: frozenset[str]  # consumers of which it has none


class CatchUp:
    """Brings the state to the end of the log of *storage*; None if there is no log."""

    def __init__(self, config: Config, storage: OpenStorage | None, *, block_events: int) -> None:
        self.seq: Final = 0 if storage is None else storage.log.last_seq  # where the log ended at the start
        self.done = False  # the state is that of the log's end
        self.notes: Final = Notes()  # what this start could not restore, in sentences
        self._config: Final = config
        self._storage: Final = storage
        self._block_events: Final = block_events
        self.begun: Start | None = None  # what was started from; None until then
        self._start: Start | None = None  # the last choice, and for which consumers
        self._base: Base | None = None  # of the checkpoint that it is from
        self._chosen_for: tuple[set[str], dict[str, int]] = (set(), {})
        self._ahead: Kernel | None = None  # the state at the end of the log, before consumers have reached it

    async def prepare(self, consumers: Sequence[ConsumerActor]) -> None:
        """Choose what to start from with *consumers*, in a thread, so that it and its notes are known at once.

        They may still change: `begin` looks again, and meets what fails here.
        """
        wanted = self._wanted(consumers, roll_back=False)
        if wanted is not None:
            with suppress(MtfError, OSError):
                await in_thread(partial(self._chosen, *wanted))

    def engine(self) -> Kernel:
        """Return the state at the end of the log before `done`: for looking at, not for continuing."""
        start = self.begun or self._start
        if start is not None and start.engine is not None and start.next_seq > self.seq:
            return start.engine  # nothing is left to be played
        if self._ahead is None:
            assert self._storage is not None, "only a log can be caught up with"
            self._ahead = engine_at(self._storage.storage)
        return self._ahead

    async def begin(self, consumers: Sequence[ConsumerActor]) -> Start:
        """Return the final choice to start from with *consumers*; those that are ahead of the log roll back first.

        Consumers may come and leave while checkpoints are read, in a thread: then the choice is made again.
        """
        start: Start | None = None
        here: list[ConsumerActor] = []
        while start is None or here != list(consumers):
            here = list(consumers)
            wanted = self._wanted(here, roll_back=True)
            if wanted is None:
                start = Start(engine=None, next_seq=1)
            else:
                start = await in_thread(partial(self._chosen, *wanted))
        self.begun = start
        return start

    def choose(self, consumers: Sequence[ConsumerActor]) -> Start:
        """Return the start, or what it would be with *consumers*.

        A consumer whose saved state is older than the checkpoint, because it was absent when that was taken, is shown
        the events since: the start is then as early as its state, and the others are not shown those events again.
        """
        if self.begun is not None:
            return self.begun
        wanted = self._wanted(consumers, roll_back=False)
        return Start(engine=None, next_seq=1) if wanted is None else self._chosen(*wanted)

    def _wanted(
        self, consumers: Sequence[ConsumerActor], *, roll_back: bool
    ) -> tuple[OpenStorage, set[str], dict[str, int]] | None:
        """Return what the choice depends on: consumers' names, and what those with their own storage have committed.

        None if there is nothing to start from.
        """
        storage = self._storage
        if storage is None:
            return None
        committed = _committed(consumers, self.seq, roll_back=roll_back)
        return (storage, {actor.consumer_name for actor in consumers}, committed) if self.seq else None

    def _chosen(self, storage: OpenStorage, names: set[str], committed: dict[str, int]) -> Start:
        if self._start is None or self._chosen_for != (names, committed):
            base = self._base
            if self._start is not None and base is not None and self._suits(base, names, committed):
                self._start = self._with_states(storage, self._start, names, base.states)
            else:
                self._start = self._choose(storage, names, committed)
            self._chosen_for = (names, committed)
        return self._start

    def _suits(self, base: Base, names: set[str], committed: dict[str, int]) -> bool:
        """Return whether *base*, chosen for some of *names*, would be for all of them: then it is not read again.

        So it is as a rule: who is added right after the start has a state in it, or none at all.
        """
        before, committed_before = self._chosen_for
        return (
            before <= names
            and committed == committed_before
            and not (names - before) & base.left_out
            and all(base.states[name][0] >= base.seq for name in base.states.keys() & names)
        )

    def blocks(self, start: Start, consumers: Sequence[ConsumerActor]) -> Iterator[Block]:
        """Yield the rest of the log after *start*, split where a consumer begins to be shown events again."""
        assert self._storage is not None, "only a log can be caught up with"
        parted = sorted({start.states[name][0] for name in start.states.keys() & {a.consumer_name for a in consumers}})
        for logged in self._storage.log.read(start.next_seq, block_events=self._block_events):
            block = logged.block
            if block.first_seq < start.next_seq:
                block = cut(block, start.next_seq - block.first_seq)[1]
            for seq in parted:
                if block.first_seq <= seq < block.last_seq:
                    before, block = cut(block, seq - block.first_seq + 1)
                    yield before
            yield block

    def state_of_late(
        self, actor: ConsumerActor, states: Mapping[str, tuple[int, bytes]], now_seq: int
    ) -> bytes | None:
        """Return the state with which to restore a consumer that is added after `begin`; None if it has none.

        *states* are those of earlier runs, and *now_seq* is the newest published event. ConfigError if it has missed
        events, because they are not shown again.
        """
        name = actor.consumer_name
        committed = actor.committed_seq()
        if committed is not None and now_seq == self.seq < committed:
            actor.roll_back(now_seq)
            committed = now_seq
        seq, state = states.get(name, (now_seq, None))
        for stands_at in (seq, committed):
            if stands_at is not None and stands_at != now_seq:
                raise ConfigError(
                    f"consumer {name!r} was at seq {stands_at} in an earlier run, and the pipeline is already at "
                    f"{now_seq}: add it right after the start, before awaiting anything, so that it is shown the "
                    "events since; or, unless it has its own storage, use another name to begin from here"
                )
        return state

    def finish(self) -> None:
        """Note that the state is that of the log's end."""
        self._ahead = None
        self.done = True

    def _choose(self, storage: OpenStorage, names: set[str], committed: dict[str, int]) -> Start:
        self._base = None
        limit = min([self.seq, *committed.values()])
        start, base = self._at_most(storage, limit, names, committed)
        states = {} if base is None else saved_states(base)
        earliest = min([states[name][0] for name in states.keys() & names - committed.keys()], default=NEVER_SEQ)
        if base is not None and earliest < base.seq:
            start, base = self._at_most(storage, limit, names, committed, earliest=earliest)
            earlier = {} if base is None else saved_states(base)
            states = {name: state for name, state in states.items() if name not in committed}
            states.update((name, earlier[name]) for name in earlier.keys() & committed.keys())
        elif base is not None:
            self._base = Base(base.seq, states, frozenset(left_out_of(base)))
        return self._with_states(storage, attrs.evolve(start, committed=committed), names, states)

    def _with_states(
        self, storage: OpenStorage, start: Start, names: set[str], states: dict[str, tuple[int, bytes]]
    ) -> Start:
        """Return *start* with the *states* of consumers: those of *names*, and the newest of all others."""
        here = {name: state for name, state in states.items() if name in names}
        # Whatever the start is, an absent consumer loses nothing.
        base, store = self._base, storage.checkpoints
        is_newest = base is not None and base.seq == max(store.list(), default=0)
        newest = base.states if base is not None and is_newest else newest_states(store, self.seq)
        absent = {name: state for name, state in newest.items() if name not in names}
        return attrs.evolve(start, states=here | absent)

    def _at_most(
        self, storage: OpenStorage, limit: int, names: set[str], committed: dict[str, int], *, earliest: int = NEVER_SEQ
    ) -> tuple[Start, Checkpoint | None]:
        """Return the start from the newest checkpoint up to *limit* that the consumers can use, and the checkpoint.

        A consumer has a state at the event *earliest*, and must be shown all later events.
        """
        first_seq = storage.log.first_seq
        behind = [name for name, seq in committed.items() if seq < first_seq - 1]
        if earliest < first_seq - 1:
            behind.append("a consumer that has been absent")
        # Events that were removed from the log cannot be shown again.
        limit, earliest = max(limit, first_seq - 1), max(earliest, first_seq - 1)
        engine, checkpoint, skipped = restore(
            self._config,
            storage.checkpoints,
            limit,
            lambda found: found.seq <= earliest and not names & set(left_out_of(found)),
        )
        oldest = None
        if checkpoint is None and first_seq > 1:
            oldest = restore_oldest(self._config, storage.checkpoints, self.seq)
            if oldest is not None:
                engine, checkpoint = oldest
            else:
                engine = fresh_engine(self._config, storage.log)
                self._note(
                    f"the log begins at seq {first_seq}, and no checkpoint can be used: bars and indicators are "
                    "computed as if there had been no earlier events",
                    first_seq,
                )
        if checkpoint is not None and (behind or oldest is not None):
            who = " and ".join(behind) or "a consumer"
            self._note(
                f"the log begins at seq {first_seq}, and {who} needs earlier events: it is shown those after "
                f"the oldest checkpoint, seq {checkpoint.seq}",
                first_seq,
            )
        if checkpoint is None:
            return Start(engine=engine, next_seq=first_seq, skipped=skipped), None
        oldest_ns = checkpoint.meta["zones"]["oldest_ns"]
        start = Start(
            engine=engine,
            next_seq=checkpoint.seq + 1,
            checkpoint_seq=checkpoint.seq,
            oldest_ns=oldest_ns,
            skipped=skipped,
        )
        return start, checkpoint

    def _note(self, sentence: str, first_seq: int) -> None:
        self.notes.note_once("start_incomplete", sentence, seq=first_seq)  # an earlier look may have noted it


def _committed(consumers: Sequence[ConsumerActor], last_seq: int, *, roll_back: bool) -> dict[str, int]:
    """Return the committed seq, at most *last_seq*, of each of *consumers* that has its own storage."""
    committed: dict[str, int] = {}
    for actor in consumers:
        try:
            seq = actor.committed_seq()
            if seq is None:
                continue
            if seq > last_seq and roll_back:
                actor.roll_back(last_seq)
        except BaseException as error:
            raise failure_of(actor.name, error) from error
        committed[actor.consumer_name] = min(seq, last_seq)
    return committed
