"""A timeframe that was not run, made of one that was, is what it would have been if it had been run."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import mtf
from mtf.data.longer import base_of
from mtf.timeframe import Timeframe, TimeframeSet
from tests.builders import ticks
from tests.data.recorded import Recorder, bars_of, recorded
from tests.storage.builders import SYMBOLS, market

LONGER = ("2m", "10m", "30m", "2h", "1d", "1w", "1mo")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder]:
    """Return a directory in which only 1m and 5m were run, and what all timeframes were shown as."""
    path = tmp_path_factory.mktemp("longer")
    events = market(6, 1_500)
    shown = recorded(path / "all", events, timeframes=("1m", "5m", *LONGER), indicators=None)
    recorded(path / "run", events, timeframes="1m,5m")
    return path / "run", shown


@pytest.mark.parametrize("timeframe", LONGER)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_it_is_what_it_would_have_been(both: tuple[Path, Recorder], symbol: str, timeframe: str) -> None:
    """In every field, but that volumes are added up in another order; a bar that ends without a tick may come later.

    The first one may be marked incomplete if its first minutes are silent: whether the log began before is not stored.
    """
    path, shown = both
    with mtf.open(path) as data:
        made = list(data.bars(symbol, timeframe))
    run = bars_of(shown, symbol, timeframe)
    assert len(run) - len(made) in (0, 1)
    for each, other in zip(made, run, strict=False):
        assert each.volume == pytest.approx(other.volume, rel=1e-12)
        free = {"volume": 0, "incomplete": other.incomplete or (other.first and each.incomplete)}
        assert {**each.to_dict(), "volume": 0} == {**other.to_dict(), **free}


@pytest.mark.parametrize("timeframe", ["2m", "2h"])
def test_none_is_known_before_it_would_have_been(both: tuple[Path, Recorder], timeframe: str) -> None:
    """The seq may be later than that of the event which closed the bar, and never earlier."""
    path, shown = both
    seqs = [seq for seq, bar in shown.seen if bar.symbol == "EURUSD" and bar.timeframe == timeframe]
    with mtf.open(path) as data:
        rows = data.bars("EURUSD", timeframe).to_dicts()
        assert rows
        for row, seq in zip(rows, seqs, strict=False):
            assert row["seq"] >= seq
        for row in rows[::7]:
            assert [each["seq"] for each in data.bars("EURUSD", timeframe, as_of=row["seq"]).to_dicts()] == [
                each["seq"] for each in rows if each["seq"] <= row["seq"]
            ]


@pytest.mark.parametrize("timeframe", ["2m", "10m", "2h", "1d"])
def test_a_part_is_the_same_as_that_part_of_all(both: tuple[Path, Recorder], timeframe: str) -> None:
    """From wherever it is asked for, inside of a bar too, and if it is the last so many."""
    with mtf.open(both[0]) as data:
        whole = list(data.bars("USDJPY", timeframe))
        for first, second in itertools.pairwise(whole[::5]):
            for start in (first.start_ns, first.start_ns + 1):
                wanted = [bar for bar in whole if start <= bar.start_ns < second.start_ns]
                assert list(data.bars("USDJPY", timeframe, start=start, end=second.start_ns)) == wanted
                wanted = [bar for bar in whole if bar.start_ns < second.end_ns - 1]
                assert list(data.bars("USDJPY", timeframe, end=second.end_ns - 1, last=3)) == wanted[-3:]
        for last in (1, 2, len(whole), len(whole) + 5):
            assert list(data.bars("USDJPY", timeframe, last=last)) == whole[-last:]


def test_a_bar_that_ends_in_silence_is_known_with_the_next(tmp_path: Path) -> None:
    """Of 10:00 to 10:02 only 10:00 has a tick: that it is over is known once the bar of 10:05 is."""
    quotes = "10:00@1 10:01:59@2 10:02:30@3 10:05@4 "
    recorded(tmp_path / "one", ticks(quotes), timeframes="1m")
    recorded(tmp_path / "two", ticks(quotes + "10:06@5"), timeframes="1m")
    with mtf.open(tmp_path / "one") as data:
        assert [(bar.open, bar.close) for bar in data.bars("EURUSD", "2m")] == [(1.0, 2.0)]
    with mtf.open(tmp_path / "two") as data:
        assert [(bar.open, bar.close) for bar in data.bars("EURUSD", "2m")] == [(1.0, 2.0), (3.0, 3.0), (4.0, 4.0)]
        assert [row["seq"] for row in data.bars("EURUSD", "2m").to_dicts()] == [3, 5, 5]


@pytest.mark.parametrize(
    ("timeframe", "base"),
    [
        ("1m", "1m"), ("2m", "1m"), ("10m", "5m"), ("15m", "5m"), ("2h", "1h"), ("90m", "5m"), ("1d", "1h"),
        ("1w", "1h"), ("30s", None), ("90s", None),
    ],
)  # fmt: skip
def test_it_is_made_of_the_longest_that_divides_it(timeframe: str, base: str | None) -> None:
    """Bars given as input enter the longer ones only; and there are fewer of them to read."""
    assert base_of(Timeframe(timeframe), TimeframeSet(["1m", "5m", "1h"])) == (base and Timeframe(base))


def test_months_are_not_made_of_weeks() -> None:
    """A week can lie in two of them."""
    assert base_of(Timeframe("1mo"), TimeframeSet(["1w"])) is None
    assert base_of(Timeframe("1mo"), TimeframeSet(["1d", "1w"])) == Timeframe("1d")
