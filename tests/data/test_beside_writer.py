"""A reader in another process while a pipeline writes as fast as it can: each answer is a beginning of the truth."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import orjson

import mtf
from mtf.sources import SyntheticMarket
from tests.data.recorded import Recorder, bars_of

EVENTS: Final = 60_000
SYMBOLS: Final = ("EURUSD", "GBPUSD")

# Reads over and over until the run is over, and prints what it found: the seq and a hash of the rows.
READER: Final = """
import sys, orjson, mtf
path, done = sys.argv[1], sys.argv[2]
from pathlib import Path
answers = []
with mtf.open(path) as data:
    while True:
        last_round = Path(done).exists()
        symbols = data.symbols
        seq = data.seq
        if symbols:
            table = data.bars(symbols, ["1m", "5m"], as_of=mtf.data.moments.Moment(seq=seq))
            rows = [[row["symbol"], row["timeframe"], row["start_ns"], row["close"], row["ticks"], row["seq"]]
                    for row in table.to_dicts()]
            again = [row["seq"] for row in table.to_dicts()]
            newest = [row["seq"] for row in data.bars(symbols[0], "1m", last=3).to_dicts()]
            assert again == [row[-1] for row in rows]
            answers.append([seq, rows, newest])
        if last_round:
            break
print(orjson.dumps(answers[:: max(1, len(answers) // 20)] + answers[-1:]).decode())
"""


async def run(path: Path) -> Recorder:
    """Run a market at full speed, with many checkpoints, while another process reads; return what was shown."""
    recorder = Recorder()
    async with mtf.Pipeline(data=path, clock="ticks", timeframes="1m,5m", checkpoint_events=5_000) as pipeline:
        pipeline.add(recorder)
        done = path / "done"
        reader = await asyncio.create_subprocess_exec(
            sys.executable, "-c", READER, str(path), str(done), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        await pipeline.run(
            SyntheticMarket(seed=5, symbols=list(SYMBOLS), start="2024-03-07", events=EVENTS, pace_ms=2_000)
        )
        await pipeline.drain()
        done.touch()
        out, err = await asyncio.wait_for(reader.communicate(), 120)
        assert reader.returncode == 0, err.decode()
        check(recorder, orjson.loads(out))
    return recorder


def check(recorder: Recorder, answers: list[tuple[int, list[list[object]], list[int]]]) -> None:
    """Have each answer be what was shown up to its seq, exactly."""
    assert answers[-1][0] == EVENTS
    for seq, rows, newest in answers:
        truth = [
            [bar.symbol, bar.timeframe.name, bar.start_ns, bar.close, bar.ticks, at]
            for symbol in SYMBOLS
            for name in ("1m", "5m")
            for at, bar in recorder.seen
            if bar.symbol == symbol and bar.timeframe == name and at <= seq
        ]
        assert rows == truth
        seqs = [at for at, bar in recorder.seen if bar.symbol == SYMBOLS[0] and bar.timeframe == "1m"]
        assert newest == [at for at in seqs if at <= newest[-1]][-3:] if newest else seq < seqs[0]


async def test_each_answer_is_a_beginning_of_the_truth(tmp_path: Path) -> None:
    """Neither torn nor ahead nor short, whatever the writer has stored by then; and the writer is not held up."""
    recorder = await run(tmp_path / "run")
    with mtf.open(tmp_path / "run") as data:
        for symbol in SYMBOLS:
            assert list(data.bars(symbol, "1m")) == bars_of(recorder, symbol, "1m")


async def test_a_reader_that_stops_half_way_holds_nobody_up(tmp_path: Path) -> None:
    """A table that is half read leaves no transaction open: the write-ahead log can be emptied, and bars be stored."""
    settings = {"clock": "ticks", "timeframes": "1m,5m", "checkpoint_seconds": None}
    source = {"seed": 5, "symbols": list(SYMBOLS), "start": "2024-03-07", "pace_ms": 2_000}
    async with mtf.Pipeline(data=tmp_path / "run", **settings) as pipeline:  # type: ignore[arg-type]
        await pipeline.run(SyntheticMarket(events=30_000, **source))  # type: ignore[arg-type]
        await pipeline.checkpoint()
        with mtf.open(tmp_path / "run") as data:
            half_read = iter(data.bars("EURUSD", "1m"))
            first = next(half_read)
            await pipeline.run(SyntheticMarket(events=60_000, **source))  # type: ignore[arg-type]
            await pipeline.checkpoint()
            rest = list(half_read)
            assert not any("cannot be stored" in note for note in pipeline.notes)
            assert [first, *rest] == list(data.bars("EURUSD", "1m", as_of=30_000))
