"""Images of a running engine: all of it as of one event, although it goes on while they are made."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.config import Config
from mtf.events.block import Block
from mtf.events.tick import Tick
from mtf.image import Image
from mtf.kernel import Kernel
from mtf.saved_parts import parts_of, pieces_of, saved
from tests.builders import Event, Input, blocks
from tests.engine.follower import in_order
from tests.streams import mixed_streams, streams

CONFIGS = st.builds(
    Config.make,
    timeframes=st.sampled_from(("1m,5m,1d", "1m,3t,10v", "2t,1h,0.5r")),
    calendar=st.sampled_from(("fx", "crypto")),
    late=st.sampled_from(("reject", "accept")),
    history=st.sampled_from((1, 3, 1000)),
    live=st.sampled_from(("each", "off")),
    indicators=st.sampled_from((None, "sma:2,rsi:3,bbands:3", "ema:2@rsi:2")),
)
SIZES = st.sampled_from((1, 3, 1024))


def check(config: Config, made: Sequence[Block], start: int, draw: random.Random) -> None:
    """Take an image after the block *start*, and complete it while the later ones go through."""
    kernel = Kernel(config)
    for block in made[:start]:
        kernel.step(block)
    expected = kernel.save()
    images = {name: Image(core) for name, core in kernel.cores().items()}
    others = {name: saved(archive) for name, archive in kernel.others().items()}
    for block in made[start:]:
        for image in images.values():
            if draw.random() < 0.5:
                image.advance(draw.choice((1, 200, 2_000)))
        kernel.step(block)
    for image in images.values():
        image.complete()
    assert all(core.image is None for core in kernel.cores().values())
    found = {name: b"".join(pieces_of(part)) for name, part in parts_of(images, others).items()}
    assert found == expected
    plain = Kernel(config)
    for block in made:
        plain.step(block)
    assert plain.save() == kernel.save()


@given(stream=mixed_streams(), config=CONFIGS, size=SIZES, seed=st.integers(0, 1 << 30), data=st.data())
@settings(max_examples=40)
def test_an_image_is_of_one_event_whatever_comes_while_it_is_made(
    stream: list[Input], config: Config, size: int, seed: int, data: st.DataObject
) -> None:
    """Bars as input, runs, timers, live feeds and clock events, which also change symbols without a row."""
    made = blocks(in_order(stream, config), size=size, config=config, straddling=[])
    check(config, made, data.draw(st.integers(0, len(made))), random.Random(seed))


@given(stream=streams(events_max=60), config=CONFIGS, size=SIZES, seed=st.integers(0, 1 << 30), data=st.data())
@settings(max_examples=40)
def test_so_it_is_in_a_dense_stream(
    stream: list[Event], config: Config, size: int, seed: int, data: st.DataObject
) -> None:
    made = blocks(stream, size=size)
    check(config, made, data.draw(st.integers(0, len(made))), random.Random(seed))


def test_a_new_image_takes_the_place_of_one_that_nobody_completed() -> None:
    config = Config.make(calendar="crypto", timeframes="1m")
    kernel = Kernel(config)
    first = Image(kernel.gate)
    assert first.is_complete()
    assert kernel.gate.image is None


def test_an_image_is_released_a_thousand_symbols_at_a_time() -> None:
    kernel = Kernel(Config.make(calendar="crypto", timeframes="1m"))
    market = [Tick(f"S{number}", 60 * 10**9, 1.5, 1.5) for number in range(2_500)]
    for block in blocks(market, size=1_000):
        kernel.step(block)
    image = Image(kernel.gate)
    image.complete()
    assert len(image.windows) == 2_500
    left = []
    while not image.release():
        left.append(len(image.windows))
    assert left == [1_501, 501]  # of the first thousand, one was the only piece of the state
