"""Logs to sweep, consumers that other processes can import, and what serial replays of the same give."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import mtf
from mtf.sources import SyntheticMarket
from mtf.sweep import SweepReport, sweep

__all__ = [
    "MODULE",
    "STRATEGIES",
    "check_hundred_jobs",
    "check_serial",
    "eventually",
    "serial",
    "waiting",
    "write_log",
    "write_tokens",
]

MODULE: Final = "sweep_strategies"
STRATEGIES: Final = '''\
"""Consumers of the tests of sweeps."""

import os
import signal

import mtf


class Crossings(mtf.Consumer):
    """Counts how often the 1m close crosses its average; a token of that name kills it on the way, or has it wait."""

    def __init__(self, tokens="", every=1):
        self.tokens = tokens
        self.every = every
        self.above = None
        self.crossings = 0
        self.last = 0.0

    def on_bar(self, bar, view):
        if bar.timeframe != "1m":
            return
        (name, average), *_ = view["1m"].completed.items()
        self.last = bar.close - average
        above = bar.close > average
        self.crossings += self.above is not None and above != self.above
        self.above = above
        if self.tokens:
            self.use_up(name)

    def use_up(self, name):
        for token in sorted(os.listdir(self.tokens)):
            if token.partition(".")[0] == name:
                if token.endswith(".wait"):
                    os.mkdir(os.path.join(self.tokens, f"pid.{os.getpid()}"))
                    signal.pause()
                os.unlink(os.path.join(self.tokens, token))
                os.kill(os.getpid(), signal.SIGKILL)

    def result(self):
        print("a consumer that prints does not end up in an answer")
        return {"crossings": self.crossings * self.every, "last": self.last, "above": self.above}


class Fails(Crossings):
    """Fails if its average is of four bars."""

    def on_bar(self, bar, view):
        super().on_bar(bar, view)
        if "sma_4" in view["1m"].completed.keys():
            raise RuntimeError("four is not for me")


class Silent(mtf.Consumer):
    """Has no result."""

    def on_stop(self):
        pass


class Wrong(mtf.Consumer):
    """Its result is a list."""

    def on_stop(self):
        pass

    def result(self):
        return {"bars": [1, 2]}


class Collides(mtf.Consumer):
    """Its result has the name of a column."""

    def on_stop(self):
        pass

    def result(self):
        return {"digest": 1}
'''


def write_log(path: Path, events: int = 400, *, seed: int = 5, **settings: Any) -> Path:
    """Make a data directory of a simulated market at *path* and return it."""

    async def run() -> None:
        given = {"timeframes": "1m,5m", "indicators": "sma:3", "clock": "ticks", **settings}
        async with mtf.Pipeline(data=path, **given) as pipeline:
            await pipeline.run(
                SyntheticMarket(seed=seed, symbols=["EURUSD"], start="2024-03-07", events=events, pace_ms=15_000)
            )

    asyncio.run(run())
    return path


async def serial(log: Path, consumer: type[mtf.Consumer], **changes: Any) -> tuple[str, dict[str, Any]]:
    """Return digest and result of a replay in this process, one after the other."""
    config = mtf.open(log).config
    made: Any = consumer()
    async with mtf.Pipeline(config=config.changed(**changes), clock="ticks") as pipeline:
        pipeline.add(made)
        summary = await pipeline.replay(log, changed=True)
    return summary.digest, made.result()


async def check_serial(report: SweepReport, specs: Sequence[str], log: Path, consumer: type[mtf.Consumer]) -> None:
    """Check that *report* has, in order, the digest and the result of a replay in this process for each of *specs*."""
    for row, spec in zip(report.rows, specs, strict=True):
        digest, result = await serial(log, consumer, indicators=spec)
        assert (row["digest"], {name: row[name] for name in result}) == (digest, result)


async def check_hundred_jobs(log: Path, consumer: type[mtf.Consumer], folder: Path, **where: Any) -> None:
    """Sweep a hundred averages with five kills, *where* it says; run again, nothing is computed."""
    specs = [f"sma:{period}" for period in range(2, 102)]
    tokens = write_tokens(folder / "tokens", "sma_5", "sma_20", "sma_20", "sma_60", "sma_101")
    call: dict[str, Any] = {
        "settings": {"indicators": specs},
        "consumer": consumer,
        "options": {"tokens": [tokens]},
        "out": folder / "out",
        **where,
    }
    report = await sweep(log, **call)
    assert os.listdir(tokens) == []
    assert (report.done, report.failed, report.retried) == (100, 0, 4)
    assert sum(int(row["attempts"] or 0) - 1 for row in report.rows) == 5
    await check_serial(report, specs, log, consumer)
    again = await sweep(log, **call)
    assert (again.done, again.skipped) == (0, 100)
    assert again.rows == report.rows


def write_tokens(path: Path, *names: str, wait: str = "") -> str:
    """Make a directory with a token for each kill: the name of the average whose job it kills; return it.

    The jobs of the average *wait* do not end by themselves. Each says which process it is: `waiting` returns them.
    """
    path.mkdir()
    for number, name in enumerate(names):
        (path / f"{name}.{number}").touch()
    if wait:
        (path / f"{wait}.wait").touch()
    return str(path)


def waiting(tokens: str) -> list[int]:
    """Return the processes that wait."""
    return sorted(int(name.removeprefix("pid.")) for name in os.listdir(tokens) if name.startswith("pid."))


async def eventually(holds: Callable[[], bool]) -> None:
    """Return once *holds* is true of other processes, which are given the time that they need."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - no event comes from another process
            await asyncio.sleep(0.01)
