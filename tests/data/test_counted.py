"""A timeframe of ticks that was not run, made of one of fewer ticks, is what it would have been if it had been run."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

import mtf
from mtf.errors import UnknownTimeframe
from mtf.events.tick import Tick
from mtf.storage.history import writer
from mtf.storage.history.pruning import Keep, prune_history
from tests.builders import SECOND_NS, Clock, Event, at
from tests.data.recorded import Recorder, bars_of, recorded

LONGER = ("6t", "12t", "15t", "30t")
DAY_S = 86_400


def days() -> list[Event]:
    """Return two weeks of the fx market: some days are a number of whole bars, some end within one, some are one tick.

    Several ticks share an instant, some are stamped in the last nanosecond of their day, and some are late.
    """
    random = Random(8)
    made: list[Event] = []
    for day in range(14):
        end_ns = at("2024-03-04 22:00") + day * DAY_S * SECOND_NS
        if end_ns >= at("2024-03-09 22:00") and end_ns <= at("2024-03-10 22:00"):
            continue  # closed
        count = random.choice((1, 5, 15, 30, 33, 44, 60, 61))
        now_ns = end_ns - random.randrange(3_000, 60_000) * SECOND_NS
        for k in range(count):
            now_ns += random.choice((0, 0, 1, SECOND_NS, 20 * SECOND_NS))
            if k == count - 1 and day % 3 == 0:
                now_ns = end_ns - 1
            price = 1.1 + random.randrange(100) / 1e4
            made.append(Tick.trade("EURUSD", now_ns, price, random.randrange(1, 9) / 8))
            if random.random() < 0.05:
                made.append(Tick.trade("EURUSD", now_ns - SECOND_NS, 5.0, 1.0))
        if day % 5 == 0:
            made.append(Clock(end_ns))
    return made


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder]:
    """Return a directory in which 3t and 5t were run, and what all timeframes were shown as."""
    path = tmp_path_factory.mktemp("counted")
    shown = recorded(path / "all", days(), timeframes=("1d", "3t", "5t", *LONGER), indicators=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "ROWS_MAX", 10)
        patch.setattr(writer, "BEHIND_MAX", 0)
        recorded(path / "run", days(), timeframes="1d,3t,5t")
    return path / "run", shown


def plain(bars: list[mtf.Bar]) -> list[dict[str, Any]]:
    """Return bars without their volumes, which are added up in another order."""
    return [{**bar.to_dict(), "volume": 0} for bar in bars]


def run_of(shown: Recorder, timeframe: str) -> list[mtf.Bar]:
    return bars_of(shown, "EURUSD", timeframe)


@pytest.mark.parametrize("timeframe", LONGER)
def test_it_is_what_it_would_have_been(both: tuple[Path, Recorder], timeframe: str) -> None:
    path, shown = both
    with mtf.open(path) as data:
        made = list(data.bars("EURUSD", timeframe))
    run = run_of(shown, timeframe)
    assert len(run) - len(made) in (0, 1)  # the rest of a day is known with the next bar
    assert plain(made) == plain(run[: len(made)])
    assert [bar.volume for bar in made] == pytest.approx([bar.volume for bar in run[: len(made)]], rel=1e-12)
    size = int(timeframe[:-1])
    assert {bar.ticks == size for bar in made} == {True, False}
    assert len({bar.start_ns for bar in made}) > 10


@pytest.mark.parametrize("timeframe", LONGER)
def test_none_is_known_before_it_would_have_been(both: tuple[Path, Recorder], timeframe: str) -> None:
    path, shown = both
    seqs = [seq for seq, bar in shown.seen if bar.timeframe == timeframe]
    with mtf.open(path) as data:
        rows = data.bars("EURUSD", timeframe).to_dicts()
        assert all(row["seq"] >= seq for row, seq in zip(rows, seqs, strict=False))
        assert sum(row["seq"] == seq for row, seq in zip(rows, seqs, strict=False)) > len(rows) // 2
        for seq in range(1, data.seq, 7):
            known = [each["seq"] for each in data.bars("EURUSD", timeframe, as_of=seq).to_dicts()]
            assert known == [row["seq"] for row in rows if row["seq"] <= seq]


@pytest.mark.parametrize("timeframe", ["6t", "30t"])
def test_a_part_is_the_same_as_that_part_of_all(both: tuple[Path, Recorder], timeframe: str) -> None:
    with mtf.open(both[0]) as data:
        whole = list(data.bars("EURUSD", timeframe))
        for first, second in pairwise(whole[::3]):
            for start in (first.start_ns, first.start_ns + 1):
                wanted = [bar for bar in whole if start <= bar.start_ns < second.start_ns]
                assert list(data.bars("EURUSD", timeframe, start=start, end=second.start_ns)) == wanted
                assert list(data.bars("EURUSD", timeframe, start=start, end=second.start_ns, last=2)) == wanted[-2:]
            wanted = [bar for bar in whole if bar.start_ns < second.start_ns]
            assert list(data.bars("EURUSD", timeframe, end=second.start_ns, last=3)) == wanted[-3:]
        for last in (1, 2, 9, len(whole), len(whole) + 5):
            assert list(data.bars("EURUSD", timeframe, last=last)) == whole[-last:]


@pytest.mark.parametrize("timeframe", LONGER)
def test_where_older_bars_were_pruned_none_is_counted_from_within_a_day(
    both: tuple[Path, Recorder], tmp_path: Path, timeframe: str
) -> None:
    """Wherever the cut is, what is made is right, and only what is left of that day, and the bar after it, may lack."""
    path, shown = both
    run = run_of(shown, timeframe)
    newest_ns = max(bar.start_ns for _, bar in shown.seen if bar.timeframe in ("1d", "3t", "5t"))
    cuts = [bar.start_ns for bar in run_of(shown, "5t")]
    for k, cut_ns in enumerate(cuts[3::11]):
        copy = Path(shutil.copytree(path, tmp_path / str(k)))
        pruned = prune_history(copy / "history.sqlite", Keep(age_ns=newest_ns - cut_ns))
        assert pruned.from_ns == cut_ns
        with mtf.open(copy) as data:
            made = list(data.bars("EURUSD", timeframe))
            assert list(data.bars("EURUSD", timeframe, last=4)) == made[-4:]
            if made:
                assert list(data.bars("EURUSD", timeframe, start=cut_ns)) == made
        assert plain(made) == plain([bar for bar in run if made and bar.start_ns >= made[0].start_ns][: len(made)])
        later = [bar for bar in run if bar.start_ns >= cut_ns and bar.trading_day > _day_at(shown, cut_ns)]
        assert len(later) - len(made) <= 2


def _day_at(shown: Recorder, cut_ns: int) -> Any:
    return next(bar.trading_day for bar in run_of(shown, "3t") if bar.end_ns > cut_ns)


@pytest.mark.parametrize(
    ("settings", "timeframe", "why"),
    [
        ({"timeframes": "1m,5t", "overnight": "carry"}, "10t", "that needs overnight=close, and the run has"),
        ({"timeframes": "1m,5t", "late": "accept"}, "10t", "that needs late=reject, and the run has late=accept"),
        ({"timeframes": "1m,5t"}, "12t", "one of fewer ticks must divide it"),
        ({"timeframes": "1m,10v"}, "20v", "such bars need the ticks themselves"),
        ({"timeframes": "1m,1e3d"}, "1e4d", "such bars need the ticks themselves"),
        ({"timeframes": "1m,0.1r"}, "1r", "such bars need the ticks themselves"),
    ],
)
def test_what_is_no_union_is_refused(tmp_path: Path, settings: dict[str, Any], timeframe: str, why: str) -> None:
    recorded(tmp_path / "run", days()[:20], **settings)
    with mtf.open(tmp_path / "run") as data, pytest.raises(UnknownTimeframe, match=why):
        data.bars("EURUSD", timeframe)
