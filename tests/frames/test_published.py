"""What is published after a block: what the cores hold, and, for those behind, what it was after earlier ones."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.config import Config
from mtf.events.block import Block, cut
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from mtf.units import SECOND_NS
from tests.builders import Input, at, blocks
from tests.streams import mixed_streams

KEPT = (("1m", "15m", "1d"), ("1m", "1d", "2t", "1v", "0.001r"))
START_NS = at("10:00")


@st.composite
def plain_streams(draw: st.DrawFn) -> list[Input]:
    """Draw streams of quotes of which most need no second look, in order and with both sides."""
    steps = st.tuples(
        st.sampled_from("XY"),
        st.sampled_from((0, 1, 20, 40)),
        st.sampled_from((*[(1.0, 2.0)] * 12, (2.0, 1.0), (0.0, 2.0), (2.0, 2.0))),
        st.sampled_from((*[0] * 12, 30)),
    )
    found: list[Input] = []
    time_ns = START_NS
    for symbol, seconds, (bid, ask), late in draw(st.lists(steps, min_size=20, max_size=60)):
        time_ns += seconds * SECOND_NS
        found.append(Tick(symbol, time_ns - late * SECOND_NS, bid, ask))
    return found


@given(
    stream=st.one_of(mixed_streams(events_max=60), plain_streams()),
    rng=st.randoms(use_true_random=False),
    timeframes=st.sampled_from(KEPT),
    late=st.sampled_from(("reject", "accept")),
)
@settings(max_examples=40, deadline=None)
def test_published_state_is_that_of_the_cores_and_stays_known_to_those_behind(
    stream: list[Input], rng: random.Random, timeframes: tuple[str, ...], late: str
) -> None:
    config = Config.make(timeframes=timeframes, late=late)
    kernel = Kernel(config)
    kernel.joiner.shown_seq = lambda: 0  # somebody is behind, so that every undo is kept
    passed: list[tuple[int, list[list[int]]]] = []
    for block in in_pieces(stream, config, rng):
        kernel.step(block, rows=False)
        compare_bars(kernel)
        counts = [list(each.numbers) for each in kernel.gate.counts()]
        assert counts_after(kernel, kernel.joiner.seq, len(counts)) == counts
        passed.append((kernel.joiner.seq, counts))
        for seq, known in passed:
            assert counts_after(kernel, seq, len(known)) == known


def in_pieces(stream: list[Input], config: Config, rng: random.Random) -> Iterator[Block]:
    """Yield *stream* in blocks of different lengths."""
    for block in blocks(stream, size=1024, config=config, straddling=[]):
        rest: Block | None = block
        while rest is not None:
            count = rng.choice((1, 2, 5, 30))
            if rest.count <= count:
                yield rest
                rest = None
            else:
                piece, rest = cut(rest, count)
                yield piece


def compare_bars(kernel: Kernel) -> None:
    """Compare each forming bar that is published with the one that the aggregator has."""
    published = kernel.joiner.published
    for rank, aggregator in enumerate(kernel.aggregators):
        for number in range(published.count):
            header = aggregator.header(number)
            state = published.bars(number, rank, None)
            if header is None:
                assert state.header is None
                continue
            assert state.header is not None
            assert state.header.__reduce__() == header.__reduce__()
            shown = [state.open, state.high, state.low, state.close, state.volume, float(state.ticks), state.share]
            assert shown == list(aggregator.numbers(number))


def counts_after(kernel: Kernel, seq: int, symbols: int) -> list[list[int]]:
    """Return the counts of the first *symbols* after the event *seq*, as who stands there is answered."""
    before = kernel.joiner.undo_after(seq)
    return [list(kernel.joiner.published.counts(number, before).numbers) for number in range(symbols)]
