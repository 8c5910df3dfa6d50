"""A process to be killed: `mtf run` as it is, with a consumer that can kill it, or a loop that pushes.

    driver.py run FILE DATA MODE       mtf run FILE --data DATA --durability MODE --json, checkpoints every 300 events
    driver.py push FILE DATA MODE      pushes each row of FILE, and says of each seq when it was promised

KILL_AT names where the process kills itself: `seq:700` when a consumer is shown that event, `save:2` in the second
checkpoint, `stop:1` in the orderly end. VARIANT is `retained` for a log of which only the newest events are kept, or
`workers` for two processes that compute the indicators. Lines go to stdout at once: `started`, `logged SEQ`,
`durable SEQ`, `end JSON`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import mtf
import mtf.cli
import mtf.storage.datadir

SETTINGS = ("--indicators", "ema:5,rsi:14,atr:5", "--timeframes", "1m,5m,1h,1d", "--history", "50")
CHECKPOINT_EVENTS = 300
DURABLE_EVERY = 37
VARIANTS: dict[str, dict[str, Any]] = {"": {}, "retained": {"keep_events": 400}, "workers": {"workers": 2}}
VARIANT = VARIANTS[os.environ.get("VARIANT", "")]
if "keep_events" in VARIANT:
    mtf.storage.datadir.SEGMENT_BYTES = 12_000  # type: ignore[misc]


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Failpoint(mtf.Consumer):
    """Ends the process at the place that KILL_AT names."""

    name = "failpoint"

    def __init__(self) -> None:
        place, _, number = os.environ.get("KILL_AT", "").partition(":")
        self.place = place
        self.left = int(number or 0)  # for a seq: the seq

    def on_start(self) -> None:
        say("started")

    def on_tick(self, tick: object, view: mtf.View) -> None:
        if self.place == "seq" and view.seq >= self.left and not view.recovering:
            os.kill(os.getpid(), signal.SIGKILL)

    def save(self) -> bytes:
        self._reach("save")
        return b"kept"

    def load(self, state: bytes) -> None:
        assert state == b"kept", "what was saved comes back"

    def on_stop(self) -> None:
        self._reach("stop")

    def _reach(self, place: str) -> None:
        if self.place == place:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


class Watched(mtf.Pipeline):
    """What `mtf run` uses here in place of its pipeline."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "checkpoint_events": CHECKPOINT_EVENTS, "block_events": 64, **VARIANT})
        self.add(Failpoint())


def run(source: str, data: str, mode: str) -> None:
    sys.modules["mtf.cli.run_command"].Pipeline = Watched  # type: ignore[attr-defined]
    sys.argv = ["mtf", "run", source, "--data", data, "--durability", mode, "--json", *SETTINGS]
    mtf.cli.main()


async def push(rows: list[str], data: str, mode: str) -> None:
    async with mtf.Pipeline(
        data=data,
        durability=mode,
        clock="ticks",
        timeframes=["1m", "5m"],
        indicators="ema:5",
        checkpoint_events=CHECKPOINT_EVENTS,
        **VARIANT,
    ) as pipeline:
        pipeline.add(Failpoint())
        await pipeline.drain()
        for row in rows[pipeline.seq :]:
            stamp, symbol, bid, ask = row.split(",")
            seq = await pipeline.push(mtf.Tick(symbol, int(stamp), float(bid), float(ask)))
            say("logged", seq)
            if seq % DURABLE_EVERY == 0:
                await pipeline.durable(seq)
                say("durable", seq)
        await pipeline.drain()
        digest = pipeline.digest
    say("end", digest)


if __name__ == "__main__":
    what, source, data, mode = sys.argv[1:]
    if what == "run":
        run(source, data, mode)
    else:
        asyncio.run(push(Path(source).read_text().splitlines()[1:], data, mode))
