"""The engine without asyncio: one call a tick, and the verdicts, bars, values and digest of a pipeline."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtf
from mtf.errors import ConfigError, ConfigMismatch, CorruptCheckpoint, MalformedEvent, PipelineStopped, UnknownSymbol
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from mtf.summary import Summary
from tests.builders import Clock, Event, at, blocks, events, give
from tests.storage.builders import feed, market, whole_bits
from tests.streams import streams

NS = 1_000_000_000
VERDICTS = ("accepted", "late_accepted", "duplicate", "price", "closed", "late", "unfinished")

configs = st.builds(
    mtf.Config.make,
    timeframes=st.sampled_from((("1m", "5m", "15m", "1h", "4h", "1d"), ("30s", "7m", "1d"), ("1h", "1d", "1w", "1mo"))),
    calendar=st.sampled_from(("fx", "crypto")),
    price=st.sampled_from(("auto", "auto", "bid", "last")),
    closed=st.sampled_from(("reject", "keep")),
    late=st.sampled_from(("reject", "accept")),
    prices=st.sampled_from(("positive", "any")),
    history=st.sampled_from((1, 1000)),
    indicators=st.sampled_from((None, ("sma:3", "rsi:2", "macd:2,4,3", "vwap"))),
)


def snapshots(engine: mtf.Engine) -> list[Any]:
    return [whole_bits(engine.snapshot(symbol)) for symbol in engine.symbols]


def steady(seed: int, count: int) -> list[Event]:
    """Return quotes of two symbols, in order, now and then one that is not plain."""
    random = Random(seed)
    made: list[Event] = []
    ts_ns = at("2024-03-08 20:30")
    for number in range(count):
        ts_ns += random.choice((0, 1, NS // 3, 2 * NS))
        bid = 1.0 + random.randrange(100) / 1e4
        symbol = random.choice(("EURUSD", "EURUSD", "GBPUSD"))
        ask = None if random.random() < 0.01 else bid + random.choice((-1e-4, 0.0, 1e-4, 1e-4))
        made.append(Tick(symbol, ts_ns, bid, ask, 1.0, id=str(number) if random.random() < 0.01 else None))
    return made


def check_against_kernel(config: mtf.Config, stream: Sequence[Event], looks: set[int]) -> None:
    """Compare each call with one event as a block of its own; state is asked for only after the calls in *looks*."""
    engine, kernel = mtf.Engine(config), Kernel(config)
    for number, (event, block) in enumerate(zip(stream, blocks(stream, size=1), strict=True)):
        frame = kernel.step(block)
        assert give(engine, event) == tuple(closing.bar for closing in frame.closings)
        assert engine.last_verdict == VERDICTS[frame.judged.verdicts[0]]
        assert engine.seq == number + 1
        if number in looks:
            assert engine.digest == kernel.digest.value()
            assert snapshots(engine) == [whole_bits(kernel.snapshot(k)) for k in range(kernel.joiner.count)]
    assert engine.digest == kernel.digest.value()
    assert engine.summary() == Summary.of(kernel, 0)
    assert snapshots(engine) == [whole_bits(kernel.snapshot(k)) for k in range(kernel.joiner.count)]


@given(stream=streams(events_max=40), config=configs, looks=st.sets(st.integers(0, 39)))
@settings(max_examples=120)
def test_each_call_returns_the_bars_it_closed_and_state_is_that_of_every_tick(
    stream: list[Event], config: mtf.Config, looks: set[int]
) -> None:
    """Whatever waits inside to be processed with later ticks, no answer may show it."""
    check_against_kernel(config, stream, looks)


@pytest.mark.parametrize("seed", range(4))
def test_long_runs_of_plain_ticks_are_processed_exactly_too(seed: int) -> None:
    """More of them than wait at most, over the end of the week, and with every kind of tick between."""
    config = mtf.Config.make(indicators="sma:3,rsi:2")
    check_against_kernel(config, steady(seed, 4_000), {1_500, 3_000})
    check_against_kernel(config, market(seed, 1_500), {700})


async def pushed(stream: Sequence[Event], **made: Any) -> tuple[str, Summary, list[mtf.Bar]]:
    class Keeper(mtf.Consumer):
        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            bars.append(bar)

    bars: list[mtf.Bar] = []
    async with mtf.Pipeline(clock="ticks", **made) as pipeline:
        pipeline.add(Keeper())
        await feed(pipeline, stream)
        await pipeline.drain()
        return pipeline.digest, pipeline.summary(), bars


@pytest.mark.parametrize("made", [{"indicators": "core"}, {"late": "accept", "closed": "keep"}], ids=["core", "late"])
def test_engine_and_pipeline_agree(made: dict[str, Any]) -> None:
    """Digest, counts and bars of the same pushes."""
    stream = market(3, 1_200)
    engine = mtf.Engine(**made)
    bars = [bar for event in stream for bar in give(engine, event)]
    assert (engine.digest, engine.summary(), bars) == asyncio.run(pushed(stream, **made))


def test_bars_as_input_enter_as_in_a_pipeline() -> None:
    bars = [
        mtf.Bar(
            symbol="X",
            timeframe=mtf.Timeframe("5m"),
            start_ns=at("10:00") + k * 300 * NS,
            end_ns=at("10:05") + k * 300 * NS,
            open=1.0,
            high=2.0 + k,
            low=0.5,
            close=1.5,
            volume=7.0,
        )
        for k in range(13)
    ]
    engine = mtf.Engine(calendar="crypto")
    closed = [bar for given in bars for bar in engine.bar(given)]
    assert [(str(bar.timeframe), bar.high) for bar in closed[-3:]] == [("5m", 13.0), ("15m", 13.0), ("1h", 13.0)]
    assert engine.seq == 4 * 13

    async def main() -> tuple[str, Summary]:
        async with mtf.Pipeline(clock="ticks", calendar="crypto") as pipeline:
            for bar in bars:
                await pipeline.push(bar)
            await pipeline.drain()
            return pipeline.digest, pipeline.summary()

    assert (engine.digest, engine.summary()) == asyncio.run(main())
    with pytest.raises(ConfigError, match="no bars of 1m can be built from them"):
        mtf.Engine(calendar="crypto", timeframes="1m,1h").bar(bars[0])


def test_tick_that_closes_nothing_returns_one_shared_tuple() -> None:
    """A loop over millions of ticks allocates nothing for the answer."""
    engine = mtf.Engine()
    first = engine.tick("EURUSD", at("10:00"), 1.1, 1.2)
    assert first == ()
    assert engine.tick("EURUSD", at("10:00:01"), 1.1, 1.2) is first
    assert engine.tick("EURUSD", at("10:00:00"), 1.1, 1.2) is first  # late
    assert engine.clock(at("10:00:30")) is first
    assert [str(bar.timeframe) for bar in engine.clock(at("10:05"))] == ["1m", "5m"]


def test_last_verdict_says_what_became_of_the_newest_event() -> None:
    engine = mtf.Engine()
    assert (engine.last_verdict, engine.seq) == ("", 0)
    engine.tick("EURUSD", at("10:00"), 1.1, 1.2, id="a")
    assert engine.last_verdict == "accepted"
    engine.tick("EURUSD", at("10:00"), 1.1, 1.2, id="a")
    assert engine.last_verdict == "duplicate"
    engine.tick("EURUSD", at("10:01"), -1.1, -1.2)
    assert engine.last_verdict == "price"
    engine.tick("EURUSD", at("2024-03-09 10:00"), 1.1, 1.2)
    assert engine.last_verdict == "closed"
    engine.tick("EURUSD", at("09:59"), 1.1, 1.2)
    assert engine.last_verdict == "late"
    engine.clock(at("10:02"))
    assert engine.last_verdict == "accepted"
    engine.clock(at("10:01"))
    assert engine.last_verdict == "late"
    assert engine.summary().rejected == {"duplicate": 1, "price": 1, "closed": 1, "late": 2}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "a price is missing"),
        ({"bid": float("nan")}, "NaN or infinite"),
        ({"bid": 1.0, "bid_size": -1.0}, "a size is negative"),
        ({"bid": 1.0, "ask": 1.0, "ask_size": float("inf")}, "NaN or infinite"),
        ({"bid": 1.0, "price": 1.0}, "a quote and a trade at once"),
        ({"price": 1.0, "size": float("nan")}, "NaN or infinite"),
        ({"price": 1.0, "ts_ns": 10**19}, "before 1678 or after 2200"),
        ({"price": 1.0, "symbol": "\n"}, "the symbol is blank"),
        ({"price": 1.0, "id": "x" * 300}, "the id is longer"),
    ],
)
def test_malformed_tick_is_an_error_and_only_counted(given: dict[str, Any], fault: str) -> None:
    """Also once plain ticks of the symbol go past the checks."""
    for warm in ([], events("10:00@1.1 10:00:01@1.1"), events("10:00@=1.1 10:00:01@=1.1")):
        engine = mtf.Engine()
        for event in warm:
            give(engine, event)
        before = engine.digest
        with pytest.raises(MalformedEvent, match=fault):
            engine.tick(**{"symbol": "EURUSD", "ts_ns": at("10:00:02"), **given})
        assert engine.last_verdict == "malformed"
        assert (engine.seq, engine.digest) == (len(warm), before)
        assert engine.summary().rejected == {"malformed": 1}


def test_times_may_be_any_whole_number() -> None:
    """As NumPy has them, of which a frame's column is made."""
    numpy = pytest.importorskip("numpy")
    engine = mtf.Engine()
    engine.tick("EURUSD", numpy.int64(at("10:00")), numpy.float64(1.1), numpy.float64(1.2))
    engine.clock(numpy.int64(at("10:00:01")))
    assert engine.snapshot("EURUSD").time_ns == at("10:00:01")


@pytest.mark.parametrize(
    ("call", "given", "message"),
    [
        ("tick", {"symbol": "X", "ts_ns": 1.5, "bid": 1.0}, "tick() argument 'ts_ns' must be int, not float"),
        ("tick", {"symbol": "X", "ts_ns": "1", "bid": 1.0}, "tick() argument 'ts_ns' must be int, not str"),
        ("clock", {"ts_ns": None}, "clock() argument 'ts_ns' must be int, not NoneType"),
        ("bar", {"bar": Tick("X", 1, 1.0, 1.0)}, "bar() argument 'bar' must be Bar, not Tick"),
    ],
)
def test_wrong_argument_is_named_and_nothing_is_taken(call: str, given: dict[str, Any], message: str) -> None:
    engine = mtf.Engine()
    with pytest.raises(TypeError) as caught:
        getattr(engine, call)(**given)
    assert str(caught.value) == message
    assert (engine.seq, engine.last_verdict, engine.summary().rejected) == (0, "", {})


def test_bar_that_forms_is_malformed() -> None:
    """It is not over, and not an observation of its whole interval."""
    engine = mtf.Engine(calendar="crypto")
    engine.tick("X", at("10:00"), 1.0, 1.0)
    partial = engine.snapshot("X")["1m"].partial
    assert partial is not None
    with pytest.raises(MalformedEvent, match="PartialBar is not an event"):
        engine.bar(partial)
    assert engine.seq == 1


@given(stream=streams(events_max=30), config=configs, cut=st.integers(0, 30))
@settings(max_examples=40)
def test_saved_engine_goes_on_to_the_bit(stream: list[Event], config: mtf.Config, cut: int) -> None:
    engine = mtf.Engine(config)
    for event in stream[:cut]:
        give(engine, event)
    other = mtf.Engine(config)
    give(other, Clock(at("10:00")))
    other.load(engine.save())
    copied, pickled = copy.copy(engine), pickle.loads(pickle.dumps(engine))
    for each in (other, copied, pickled):
        assert each.save() == engine.save()
        assert each.last_verdict == engine.last_verdict
    for event in stream[cut:]:
        wanted = give(engine, event)
        for each in (other, copied, pickled):
            assert give(each, event) == wanted
    for each in (other, copied, pickled):
        assert (each.digest, each.summary(), snapshots(each)) == (engine.digest, engine.summary(), snapshots(engine))


def test_foreign_and_damaged_states_are_refused_and_change_nothing() -> None:
    engine = mtf.Engine(indicators="sma:3")
    for event in steady(1, 300):
        give(engine, event)
    saved, digest = engine.save(), engine.digest
    for place in range(0, len(saved), 97):
        damaged = bytearray(saved)
        damaged[place] ^= 1
        with pytest.raises(CorruptCheckpoint):
            engine.load(bytes(damaged))
    for foreign in (b"", b"x", saved[:-1], saved + b"x"):
        with pytest.raises(CorruptCheckpoint):
            engine.load(foreign)
    with pytest.raises(ConfigMismatch, match=r"indicators: sma:3 in the log, rsi:14 requested"):
        mtf.Engine(indicators="rsi:14").load(saved)
    assert (engine.digest, engine.save()) == (digest, saved)


def test_unknown_symbols_and_settings_are_named() -> None:
    engine = mtf.Engine()
    with pytest.raises(UnknownSymbol, match=r"no event of 'X' has been seen; known symbols: none"):
        engine.snapshot("X")
    with pytest.raises(ConfigError, match=r"^calendar: already set by config="):
        mtf.Engine(mtf.Config.make(), calendar="crypto")
    with pytest.raises(ConfigError, match="price must be one of"):
        mtf.Engine(price="middle")


def test_engine_that_failed_within_an_event_says_so_until_a_state_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What half an event has changed is not a state."""
    engine = mtf.Engine()
    give(engine, events("EURUSD:10:00@1.1")[0])
    saved = engine.save()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Kernel, "step", fail)
    with pytest.raises(KeyboardInterrupt):
        engine.tick("EURUSD", at("10:01"), 1.1, 1.2)
    monkeypatch.undo()
    for ask in (
        lambda: engine.digest,
        lambda: engine.snapshot("EURUSD"),
        lambda: engine.tick("EURUSD", at("10:01"), 1.1, 1.2),
        lambda: engine.clock(at("10:02")),
    ):
        with pytest.raises(PipelineStopped, match="failed while processing an event"):
            ask()
    engine.load(saved)
    assert [str(bar.timeframe) for bar in engine.tick("EURUSD", at("10:01"), 1.1, 1.2)] == ["1m"]


def test_it_works_inside_a_running_loop() -> None:
    """A notebook has one."""

    async def main() -> str:
        engine = mtf.Engine()
        for event in steady(1, 100):
            give(engine, event)
        return engine.digest

    engine = mtf.Engine()
    for event in steady(1, 100):
        give(engine, event)
    assert asyncio.run(main()) == engine.digest


def test_a_stamp_in_seconds_is_refused_with_the_unit_that_it_seems_to_be_in() -> None:
    """It would be a bar of 1970; a history that is that old is asked for."""
    engine = mtf.Engine(calendar="crypto", timeframes="1m")
    with pytest.raises(MalformedEvent, match=r"the number looks like seconds: .* pass oldest_ns= to the engine"):
        engine.tick("X", 1_709_719_200, price=1.0)
    assert engine.last_verdict == "malformed"
    old = pickle.loads(pickle.dumps(mtf.Engine(calendar="crypto", timeframes="1m", oldest_ns=0)))
    assert old.tick("X", 1_709_719_200, price=1.0) == ()
    assert old.last_verdict == "accepted"
