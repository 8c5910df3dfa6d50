"""The mailboxes of the policies: what they leave out changes nothing of what is shown.

The same frames go through a mailbox that is read at random, and past it; each step that comes out of it is, to the bit,
the step that a consumer is shown which misses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.actors.actor import Marker, MarkerKind
from mtf.actors.consumers import ConsumerActor
from mtf.actors.contract import callbacks_of
from mtf.actors.policies import (
    POLICIES,
    ConsumerMailbox,
    DropMailbox,
    FailMailbox,
    LatestMailbox,
    queue_limit_of,
)
from mtf.actors.showing import Showing
from mtf.config import Config
from mtf.errors import ConfigError
from mtf.events.block import Block
from mtf.frames.frame import Frame
from mtf.frames.passed import Leap, Passed
from mtf.frames.selection import Selection
from mtf.frames.still import StillCamera
from mtf.kernel import Kernel
from tests.builders import Input, at, blocks, events, ticks
from tests.engine.follower import cursor_of
from tests.pipeline.recording import Recorder, Step, bars_of
from tests.streams import mixed_streams

CONFIGS: Final = st.sampled_from(
    [
        Config.make(timeframes="1m,5m", calendar="crypto", indicators=["sma:3", "rsi:2"], history=4),
        Config.make(timeframes="1m,1h,1d", calendar="fx", late="accept", closed="keep"),
        Config.make(timeframes="1m,1d,2t,1v", calendar="crypto", indicators=["sma:3"], history=4, late="accept"),
    ]
)
ALL: Final = 15


def _never(*_: object) -> Any:
    raise AssertionError("not called here")


@attrs.frozen
class Walk:
    """A consumer behind a mailbox, walked by hand."""

    actor: ConsumerActor
    mailbox: ConsumerMailbox
    recorder: Recorder

    def take(self) -> None:
        """Show what waits first."""
        message = self.mailbox._take()
        if isinstance(message, Marker):
            return
        for callback, arguments in self.actor._steps(message):
            self.actor._cursor.alive = True
            callback(*arguments)
            self.actor._cursor.alive = False
            self.actor._cursor.generation += 1


def frame_of(engine: Kernel, block: Block) -> Frame:
    """Return the next frame, with what a consumer needs that may lag behind."""
    frame = engine.step(block)
    engine.joiner.states_after(frame)
    return frame


def walk_of(
    engine: Kernel, make: Callable[[Selection], ConsumerMailbox], selection: Selection, keeps: bool = True
) -> Walk:
    mailbox, recorder = make(selection), Recorder()
    actor = ConsumerActor(
        recorder,
        "recorder",
        callbacks_of(recorder),
        mailbox,
        schema=engine.schema,
        cursor=cursor_of(engine, keeps),
        showing=Showing(),
        answered=_never,
        now_ns=lambda: 0,
        blocked=_never,
        delivered=lambda: 0,
    )
    return Walk(actor, mailbox, recorder)


def latest(engine: Kernel, selection: Selection) -> Walk:
    return walk_of(
        engine,
        lambda chosen: LatestMailbox(1000, chosen, StillCamera(cursor_of(engine, keeps=True), chosen)),
        selection,
    )


def waiting(engine: Kernel) -> Walk:
    return walk_of(engine, lambda chosen: ConsumerMailbox(1000, chosen), Selection(ALL), keeps=False)


@given(
    stream=mixed_streams(events_max=60),
    config=CONFIGS,
    size=st.sampled_from((1, 1, 2, 7, 1024)),
    seed=st.integers(0, 1 << 16),
    marked=st.booleans(),
)
@settings(max_examples=40)
def test_latest_shows_every_bar_and_the_newest_row_as_if_nothing_was_left_out(
    stream: list[Input], config: Config, size: int, seed: int, marked: bool
) -> None:
    """Frames are not kept; views of closings in them are what they were."""
    random, engine = Random(seed), Kernel(config)
    every, walk = waiting(engine), latest(engine, Selection(ALL))
    for block in blocks(stream, size=size, config=config, straddling=[]):
        frame = frame_of(engine, block)
        assert every.mailbox.offer(frame)
        every.take()
        assert walk.mailbox.offer(frame)
        if marked and random.random() < 0.2:
            assert walk.mailbox.offer(Marker(MarkerKind.DRAIN, block.last_seq))
        while len(walk.mailbox) and random.random() < 0.4:
            walk.take()
    while len(walk.mailbox):
        walk.take()
    expected, found = every.recorder.steps, walk.recorder.steps
    assert bars_of(found) == bars_of(expected), "every bar, in order, with its view"
    _check_part(found, expected)
    assert len(found) + walk.mailbox.conflated == len(expected)
    rows = [step for step in expected if step[0] != "bar"]
    assert not rows or rows[-1] in found, "the newest row is shown"


@given(
    stream=mixed_streams(events_max=60),
    config=CONFIGS,
    size=st.sampled_from((1, 2, 7)),
    seed=st.integers(0, 1 << 16),
    limit=st.integers(1, 3),
)
@settings(max_examples=40)
def test_drop_counts_what_it_lost_and_shows_the_rest_as_it_was(
    stream: list[Input], config: Config, size: int, seed: int, limit: int
) -> None:
    random, engine = Random(seed), Kernel(config)
    every = waiting(engine)
    walk = walk_of(engine, lambda chosen: DropMailbox(limit, chosen), Selection(ALL))
    for block in blocks(stream, size=size, config=config, straddling=[]):
        frame = frame_of(engine, block)
        assert every.mailbox.offer(frame)
        every.take()
        assert walk.mailbox.offer(frame)
        assert len(walk.mailbox) <= limit
        while len(walk.mailbox) and random.random() < 0.4:
            walk.take()
    while len(walk.mailbox):
        walk.take()
    _check_part(walk.recorder.steps, every.recorder.steps)
    assert len(walk.recorder.steps) + walk.mailbox.dropped == len(every.recorder.steps)


@given(
    stream=mixed_streams(events_max=60),
    config=CONFIGS,
    size=st.sampled_from((1, 2, 7, 1024)),
    seed=st.integers(0, 1 << 16),
    name=st.sampled_from(("latest", "wait")),
)
@settings(max_examples=40)
def test_frames_that_are_passed_over_are_in_what_is_shown_after_them(
    stream: list[Input], config: Config, size: int, seed: int, name: str
) -> None:
    """As the delivery does for consumers that selected nothing of what a frame holds."""
    random, engine = Random(seed), Kernel(config)
    every, walk = waiting(engine), latest(engine, Selection(ALL)) if name == "latest" else waiting(engine)
    engine.joiner.shown_seq = lambda: int(walk.actor._cursor.seq)
    passed = Passed()
    dropped = 0
    for block in blocks(stream, size=size, config=config, straddling=[]):
        frame = frame_of(engine, block)
        assert every.mailbox.offer(frame)
        every.take()
        if random.random() < 0.5:
            dropped += Selection(ALL).steps(frame)
            passed.add(frame)
        else:
            assert walk.mailbox.offer(Leap(passed.copy(), frame) if name == "latest" else frame)
            passed.add(frame)
        if len(walk.mailbox) and random.random() < 0.5:
            walk.take()
    while len(walk.mailbox):
        walk.take()
    _check_part(walk.recorder.steps, every.recorder.steps)
    assert len(walk.recorder.steps) + walk.mailbox.conflated + dropped == len(every.recorder.steps)


def _check_part(found: list[Step], expected: list[Step]) -> None:
    """Check that *found* is a part of *expected*, in its order."""
    rest = iter(expected)
    for step in found:
        assert any(step == other for other in rest), f"not shown to others, or not then: {step[:5]}"


def test_latest_holds_one_frame_however_many_come() -> None:
    """A thousand blocks: one frame, and the bars that closed."""
    config = Config.make(timeframes="1m", calendar="crypto")
    engine = Kernel(config)
    walk = latest(engine, Selection(ALL))
    mailbox = walk.mailbox
    assert isinstance(mailbox, LatestMailbox)
    seconds = ticks(" ".join(f"10:{k // 60:02}:{k % 60:02}@1" for k in range(1000)))
    for block in blocks(seconds, size=1):
        assert mailbox.offer(frame_of(engine, block))
    assert (mailbox.waiting, len(mailbox)) == (16, 17), "sixteen minutes have ended, and there is the newest row"
    assert mailbox.conflated == 999
    assert not any(hasattr(message, "frame") for message in mailbox._messages)


def test_latest_is_full_once_its_bars_are_as_many_as_its_limit() -> None:
    """Bars are never lost: who sends more has to wait."""
    engine = Kernel(Config.make(timeframes="1m", calendar="crypto"))
    selection = Selection(ALL)
    mailbox = LatestMailbox(2, selection, StillCamera(cursor_of(engine, keeps=True), selection))
    frames = [frame_of(engine, block) for block in blocks(ticks("10:00@1 10:01@1 10:02@1 10:02:30@1 10:03@1"), size=1)]
    assert [mailbox.offer(frame) for frame in frames] == [True, True, True, True, False]
    assert mailbox.full
    mailbox._take()
    assert not mailbox.full


def test_fail_calls_its_actor_instead_of_keeping_a_block_too_many() -> None:
    engine = Kernel(Config.make(timeframes="1m", calendar="crypto"))
    mailbox = FailMailbox(2, Selection(ALL))
    overflows: list[int] = []
    mailbox.overflowed = lambda: overflows.append(len(mailbox))
    frames = [frame_of(engine, block) for block in blocks(ticks("10:00@1 10:01@1 10:02@1"), size=1)]
    assert all(mailbox.offer(frame) for frame in frames)
    assert (overflows, len(mailbox)) == ([2], 2)


@pytest.mark.parametrize("policy", ["latest", "drop", "fail"])
def test_markers_that_nobody_waits_for_any_more_do_not_pile_up(policy: str) -> None:
    """A consumer that hangs for a year gets a checkpoint's marker each minute."""
    engine = Kernel(Config.make(timeframes="1m", calendar="crypto"))
    selection = Selection(ALL)
    mailbox: ConsumerMailbox = FailMailbox(2, selection)
    if policy == "drop":
        mailbox = DropMailbox(2, selection)
    elif policy == "latest":
        mailbox = LatestMailbox(2, selection, StillCamera(cursor_of(engine, keeps=True), selection))
    markers = [Marker(MarkerKind.CHECKPOINT, k) for k in range(10)]
    for marker in markers:
        assert mailbox.offer(marker)
        marker.closed = True
    assert len(mailbox) == 1


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "8", 1 << 30])
@pytest.mark.parametrize("policy", POLICIES)
def test_limit_of_a_queue_is_a_whole_number_within_bounds(policy: str, limit: object) -> None:
    with pytest.raises(ConfigError, match="queue_limit must be between 1 and 1048576, got"):
        queue_limit_of(policy, limit)
    assert queue_limit_of(policy, None) == (4096 if policy == "latest" else 8)


def test_times_of_other_symbols_at_a_closing_are_kept() -> None:
    """A clock event moves all symbols: each still of its closings says so, and nothing later."""
    config = Config.make(timeframes="1m", calendar="crypto")
    engine = Kernel(config)
    walk = latest(engine, Selection(ALL, symbols=frozenset({"A"})))
    for block in blocks(events("A:10:00:01@1 B:10:00:02@5 !10:00:30 !10:01 !10:02 A:10:02:30@2"), size=2):
        assert walk.mailbox.offer(frame_of(engine, block))
    while len(walk.mailbox):
        walk.take()
    (bar,) = bars_of(walk.recorder.steps)
    assert bar[4] == at("10:01")
    assert [state[2] for state in bar[6]] == [at("10:01"), at("10:01")]
    assert bar[8][1] == "1m"
