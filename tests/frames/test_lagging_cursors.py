"""A cursor that lags behind the published state is shown what one is that follows at once: nothing later.

The published state is one for all, and changes in place. Whoever stands at an earlier block is answered from the undos
of the blocks in flight, or keeps states of its own.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.config import Config
from mtf.frames.cursor import Cursor
from mtf.frames.frame import Frame
from mtf.frames.walk import BAR, CLOCK_ROW, END, REJECT, TICK
from mtf.kernel import Kernel
from mtf.units import NEVER_NS
from tests.builders import Input, blocks, inputs
from tests.engine.follower import cursor_of, in_order
from tests.engine.test_laws import state_of
from tests.streams import mixed_streams

ALL: Final = BAR | TICK | CLOCK_ROW | REJECT
INDICATORS: Final = ("sma:2", "ema:3", "macd:2,3,2", "vwap")

Seen = list[tuple[Any, ...]]


def walk(cursor: Cursor, frame: Frame) -> Seen:
    """Return what *cursor* shows of every symbol that it knows, at each step of *frame*."""
    seen: Seen = []
    cursor.enter(frame)
    while (kind := cursor.step(ALL)) != END:
        symbols = cursor.symbols()
        states = [state_of(cursor.snapshot(cursor.number_of(symbol))) for symbol in symbols]
        seen.append((kind, cursor.seq, cursor.number, cursor.time_ns, symbols, states))
    return seen


def between(cursor: Cursor) -> Seen:
    """Return what *cursor* shows of every symbol after the frames that it has walked."""
    return [state_of(cursor.snapshot(cursor.number_of(symbol))) for symbol in cursor.symbols()]


@given(
    stream=mixed_streams(),
    timeframes=st.sampled_from((("1m", "15m", "1d"), ("1m", "1d", "2t", "1v", "0.001r"))),
    late=st.sampled_from(("reject", "accept")),
    size=st.sampled_from((1, 2, 7, 1024)),
    history=st.sampled_from((1, 2, 1000)),
    lag=st.integers(1, 9),
    live=st.sampled_from(("each", "off")),
)
@settings(max_examples=60)
def test_cursor_that_lags_is_shown_what_one_is_that_does_not(
    stream: list[Input], timeframes: tuple[str, ...], late: str, size: int, history: int, lag: int, live: str
) -> None:
    """In every step, and between two frames, of every symbol: bars, windows, values, clocks and counts."""
    config = Config.make(timeframes=timeframes, late=late, history=history, indicators=list(INDICATORS), live=live)
    kernel = Kernel(config)
    prompt, lagging, keeping = cursor_of(kernel), cursor_of(kernel), cursor_of(kernel, keeps=True)
    kernel.joiner.shown_seq = lambda: int(lagging.seq)
    waiting: deque[tuple[Frame, Seen, Seen]] = deque()
    for block in blocks(in_order(stream, config), size=size, config=config, straddling=[]):
        frame = kernel.step(block)
        kernel.joiner.states_after(frame)
        waiting.append((frame, walk(prompt, frame), between(prompt)))
        if len(waiting) > lag:
            catch_up(lagging, keeping, *waiting.popleft())
    while waiting:
        catch_up(lagging, keeping, *waiting.popleft())


def catch_up(lagging: Cursor, keeping: Cursor, frame: Frame, expected: Seen, after: Seen) -> None:
    """Have both cursors walk *frame*, and compare."""
    for cursor in (lagging, keeping):
        assert walk(cursor, frame) == expected
        assert between(cursor) == after


@given(stream=mixed_streams(), size=st.sampled_from((1, 2, 7)), skipped=st.integers(1, 5))
@settings(max_examples=30)
def test_cursor_may_leave_frames_out(stream: list[Input], size: int, skipped: int) -> None:
    """A consumer that asked for one symbol is sent the frames of that one: it finds the others as they are by then."""
    config = Config.make(timeframes=("1m", "1h"), indicators=["sma:2"])
    kernel = Kernel(config)
    prompt, leaping, moved = cursor_of(kernel), cursor_of(kernel), cursor_of(kernel)
    for turn, block in enumerate(blocks(in_order(stream, config), size=size, config=config, straddling=[])):
        frame = kernel.step(block)
        expected = walk(prompt, frame)
        moved.move_to(int(frame.last_seq))
        assert between(moved) == between(prompt)
        if turn % (skipped + 1) == 0:
            assert walk(leaping, frame) == expected


def test_undos_go_once_everybody_has_passed() -> None:
    """Nothing is kept of a block that all have been shown; of those after it everything is."""
    config = Config.make(timeframes=("1m",))
    kernel = Kernel(config)
    shown = 0
    kernel.joiner.shown_seq = lambda: shown
    made = blocks(inputs("10:00@1 10:01@2 10:02@3 10:03@4 10:04@5"), size=1)
    for block in made[:4]:
        kernel.step(block)
    assert [undo.first_seq for undo in kernel.joiner._undos] == [1, 2, 3, 4]
    assert kernel.joiner.undo_after(2) is kernel.joiner._undos[2]
    shown = 3
    kernel.step(made[4])
    assert [undo.first_seq for undo in kernel.joiner._undos] == [4, 5]


@given(stream=mixed_streams(), size=st.sampled_from((1, 3, 7, 1024)))
@settings(max_examples=40)
def test_bounds_of_a_frame_are_those_of_the_bars_that_its_rows_show(stream: list[Input], size: int) -> None:
    """Also of bars that were forming before the block, whether they close in it or not."""
    config = Config.make(timeframes=("1m", "1h"))
    kernel = Kernel(config)
    cursor = cursor_of(kernel)
    for block in blocks(in_order(stream, config), size=size, config=config, straddling=[]):
        frame = kernel.step(block)
        bounds = [frame.bounds(rank) for rank in range(2)]
        cursor.enter(frame)
        while (kind := cursor.step(ALL)) != END:
            if kind == BAR or cursor.number < 0:
                continue
            for rank, (starts, ends) in enumerate(bounds):
                partial = cursor.state(cursor.number, rank).partial
                shown = (NEVER_NS, NEVER_NS) if partial is None else (partial.start_ns, partial.end_ns)
                assert (starts[cursor.row], ends[cursor.row]) == shown
                assert (frame.columns[rank].header[cursor.row] >= 0) is (partial is not None)
