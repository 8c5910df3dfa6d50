"""The contract suites pass what is right, and fail what is wrong in the way that each test names."""

from __future__ import annotations

import inspect
import itertools
import math
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

import mtf
from mtf.events.block import Block
from mtf.indicators import Declaration, PythonIndicator, Whole, register
from mtf.log import EventLog, FileLog
from mtf.sources import BlockBuilder, IterSource, SyntheticMarket
from mtf.sources.source import Source
from mtf.testing import ConsumerContract, IndicatorContract, LogContract, SourceContract, bars, ticks
from tests.audit import planted
from tests.log.disk import Disk
from tests.log.memory_log import MemoryLog


class TestRsi(IndicatorContract):
    spec = "rsi:5"


class TestSwings(IndicatorContract):
    spec = "swings:2,2"


class TestSynthetic(SourceContract):
    def make(self) -> Source:
        return SyntheticMarket(events=300, symbols=["EURUSD", "USDJPY"])


class TestBars(SourceContract):
    def make(self) -> Source:
        return IterSource(bars("10/12/9/11x3 11 12/13/11/12"), name="bars")


class TestFileLog(LogContract):
    def make(self, config: bytes) -> EventLog:
        return FileLog.open("log", config=config, fs=Disk(), segment_bytes=300)


class TestMemoryLog(LogContract):
    def make(self, config: bytes) -> EventLog:
        return MemoryLog(config=config)


class TestCrosses(ConsumerContract):
    def make(self) -> mtf.Consumer:
        return planted.Crosses()


def failing(suite: type[Any]) -> set[str]:
    """Return the names of the tests of *suite* that fail."""
    failed = set()
    for name, test in inspect.getmembers(suite, inspect.isfunction):
        if name.startswith("test_"):
            try:
                test(suite())
            except AssertionError:
                failed.add(name)
    return failed


@pytest.fixture
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[register.__module__], "_REGISTERED", {})


class _Own(PythonIndicator):
    """The base of the wrong ones: its only parameter is a period."""

    declares = Declaration(
        name="wrong", title="x", group="custom", formula="x", source="x", params=(Whole("period", 3),)
    )


class _Eager(_Own):
    """Has values before its warm-up."""

    def step(self, state: list[Any], bar: Any) -> float:
        return float(bar.close)


class _Late(_Own):
    """Has none after it."""

    def step(self, state: list[Any], bar: Any) -> float:
        return math.nan


class _Grows(_Own):
    """Keeps every bar."""

    def step(self, state: list[Any], bar: Any) -> float:
        state.append(bar.close)
        return math.nan if len(state) < 3 else float(bar.close)


class _Dice(_Own):
    """Counts its calls outside of its state."""

    calls: ClassVar[Iterator[int]] = itertools.count()

    def step(self, state: list[Any], bar: Any) -> float:
        state.append(0)
        del state[:-3]
        return math.nan if len(state) < 3 else float(next(self.calls))


@pytest.mark.usefixtures("_own")
@pytest.mark.parametrize(
    ("wrong", "tests"),
    [
        (_Eager, {"test_values_are_nan_until_the_warm_up"}),
        (_Late, {"test_values_are_nan_until_the_warm_up"}),
        (_Grows, {"test_memory_is_bounded"}),
        (
            _Dice,
            {
                "test_a_preview_equals_the_value_after_the_update",
                "test_a_preview_leaves_no_trace",
                "test_a_loaded_state_goes_on_to_the_bit",
                "test_no_value_knows_of_a_later_bar",
            },
        ),
    ],
)
def test_wrong_indicators_fail(wrong: type[PythonIndicator], tests: set[str]) -> None:
    """Each by the tests that name its mistake."""
    register(wrong)

    class Suite(IndicatorContract):
        spec = "wrong:3"

    assert failing(Suite) >= tests


class _Wrong:
    """A source over an own list, with a mistake by name."""

    def __init__(self, mistake: str) -> None:
        self.name = "" if mistake == "nameless" else "wrong"
        self._mistake = mistake
        self._inner = IterSource(ticks("10:00@1 10:01@2 10:02@3 10:03@4 10:04@5 10:05@6 10:06@7"), name="wrong")

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        if self._mistake == "greedy":
            limit += 20
        more = self._inner.fill(builder, limit)
        if self._mistake == "endless" and not more:
            builder.tick(ticks("11:00@1")[0])
        return more

    def identity(self) -> dict[str, Any]:
        return {"id": id(self)} if self._mistake == "unlike" else self._inner.identity()

    def position(self) -> dict[str, Any]:
        return self._inner.position()

    def seek(self, position: dict[str, Any]) -> None:
        if self._mistake != "rewinds":
            self._inner.seek(position)

    def progress(self) -> float | None:
        return 7.0 if self._mistake == "beyond" else None

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize(
    ("mistake", "test"),
    [
        ("nameless", "test_it_is_a_source_with_a_name"),
        ("greedy", "test_no_more_rows_than_asked_for"),
        ("endless", "test_the_end_is_the_end"),
        ("unlike", "test_identity_and_position_are_json"),
        ("rewinds", "test_reading_goes_on_where_a_position_says"),
        ("beyond", "test_progress_is_a_share"),
    ],
)
def test_wrong_sources_fail(mistake: str, test: str) -> None:
    """Each by the test that names its mistake."""

    class Suite(SourceContract):
        def make(self) -> Source:
            return _Wrong(mistake)

    class Right(SourceContract):
        def make(self) -> Source:
            return _Wrong("none")

    assert test in failing(Suite)
    assert failing(Right) == set()


class _Forgetful(MemoryLog):
    """Loses positions, and takes a block that does not follow."""

    def append(self, block: Block, positions: Any = None) -> None:
        if block.first_seq == self.last_seq + 1:
            super().append(block)


def test_a_wrong_log_fails() -> None:
    """By what it loses, and by what it accepts."""

    class Suite(LogContract):
        def make(self, config: bytes) -> EventLog:
            return _Forgetful(config=config)

    assert failing(Suite) == {"test_positions_are_written_when_they_change", "test_seqs_have_no_hole"}


@pytest.mark.parametrize(
    ("wrong", "test"),
    [
        (planted.Centered, "test_it_does_not_know_the_future"),
        (planted.Guesses, "test_it_is_deterministic"),
        (planted.Forgets, "test_it_loses_no_state"),
    ],
)
def test_wrong_consumers_fail(wrong: type[mtf.Consumer], test: str) -> None:
    """Each by the check of its mistake, and by no other."""

    class Suite(ConsumerContract):
        def make(self) -> mtf.Consumer:
            return wrong()

    assert failing(Suite) == {test}


def test_bars_and_ticks_are_written_as_text() -> None:
    """What is not one is named."""
    made = bars("10/12/9/11x3 11")
    assert [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in made] == [
        (10.0, 12.0, 9.0, 11.0, 3.0),
        (11.0, 11.0, 11.0, 11.0, 0.0),
    ]
    assert made[1].start_ns == made[0].end_ns
    with pytest.raises(ValueError, match="invalid bar '10/12'"):
        bars("10/12")
    with pytest.raises(ValueError, match="invalid tick '10:00'"):
        ticks("10:00")
