"""Bars that come again, in a file and live: each counts once, and never a mixture of two."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import mtf
from tests.builders import MINUTE_NS, at
from tests.cases.builders import CRYPTO, Run
from tests.fake_clock import FakeClock

AFTER_THE_FIRST: Final = [
    "03-06 10:01 101/103/99/102 v40",
    "03-06 10:02 102/104/98/103 v50",
    "03-06 10:03 103/104/98/103 v50",
]


def test_a_bar_that_comes_twice_counts_once(cases: Path, tmp_path: Path) -> None:
    """Its volume too; it is one duplicate, not four."""
    run = Run(cases / "dupbar.csv", tmp_path, *CRYPTO)
    assert run.bars("DUPBAR", "1m") == ["03-06 10:00 100/105/95/101 v60", *AFTER_THE_FIRST]
    assert run.summary["rejected"] == {"duplicate": 1}
    assert run.summary["rows"] == {"read": 5, "accepted": 4, "rejected": 1, "malformed": 0}


def test_a_bar_that_comes_again_with_other_values_is_late(cases: Path, tmp_path: Path) -> None:
    """The first one holds, whole."""
    run = Run(cases / "revbar.csv", tmp_path, *CRYPTO)
    assert run.bars("REVBAR", "1m") == ["03-06 10:00 100/105/95/101 v60", *AFTER_THE_FIRST]
    assert run.summary["rejected"] == {"late": 1}
    assert run.summary["rows"] == {"read": 5, "accepted": 4, "rejected": 1, "malformed": 0}


async def test_a_kline_that_forms_makes_no_trade_late(tmp_path: Path) -> None:
    """What an exchange answers at 10:30:20: the last kline is not over. Its bar has what came after, and lacks 20."""
    wall = FakeClock(at("10:30:20"))
    rejected: list[str] = []

    class Rejected(mtf.Consumer):
        def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
            rejected.append(reason)

    async with mtf.Pipeline(data=tmp_path / "data", calendar="crypto", timeframes=["1m"], wall=wall) as p:
        p.add(Rejected())
        for minute, volume in ((28, 60.0), (29, 60.0), (30, 20.0)):
            await p.push(kline(at(f"10:{minute}"), volume))
        for second in range(20, 60):
            wall.go_to(at(f"10:30:{second}"))
            await p.push(mtf.Tick("X", at(f"10:30:{second}"), price=100.0, size=1.0))
        wall.go_to(at("10:31"))
        await p.push(mtf.Tick("X", at("10:31"), price=100.0, size=1.0))
        await p.drain()
        bars = p.snapshot("X")["1m"].bars
        assert [(bar.start_ns, bar.volume, bar.incomplete) for bar in bars] == [
            (at("10:28"), 60.0, False),
            (at("10:29"), 60.0, False),
            (at("10:30"), 40.0, True),
        ]
        assert p.summary().rejected == {"unfinished": 1}
    assert set(rejected) == {"unfinished"}


def kline(start_ns: int, volume: float) -> mtf.Bar:
    return mtf.Bar(
        symbol="X",
        timeframe=mtf.Timeframe("1m"),
        start_ns=start_ns,
        end_ns=start_ns + MINUTE_NS,
        open=100.0,
        high=101.0,
        low=99.0,
        close=100.0,
        volume=volume,
    )
