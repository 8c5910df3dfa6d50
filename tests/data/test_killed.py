"""A directory that a kill has left, at whatever moment, is read out whole: as far as its log goes, and to the bit."""

from __future__ import annotations

from pathlib import Path
from random import Random

import polars
import pytest

import mtf
from mtf.bars.bar import Bar
from mtf.kernel import Kernel
from mtf.storage.datadir import logged_config
from mtf.storage.restore import logged_blocks
from tests.data.test_tables import check
from tests.storage.test_kill import Process, write_market


def truth(path: Path) -> list[Bar]:
    """Return all bars that the log gives, from its first event on, whatever is stored."""
    engine = Kernel(logged_config(path))
    return [closing.bar for block in logged_blocks(path, 1) for closing in engine.step(block).closings]


@pytest.mark.parametrize("place", ["seq:350", "seq:1500", "save:1", "save:2", "stop:1", "moment", "another moment"])
def test_what_a_kill_left_is_read_to_the_end_of_its_log(tmp_path: Path, place: str) -> None:
    """Before and after the history's transactions, between checkpoints, and anywhere else."""
    source = write_market(tmp_path / "market.csv", clean=True)
    data = tmp_path / "run"
    at_moment = "moment" in place
    # A run may be over before its second checkpoint is begun; pushes wait for the disk, and leave time for ten.
    what = "push" if at_moment or place.startswith("save") else "run"
    process = Process(what, source, data, "group", "", "" if at_moment else place)
    if at_moment:
        process.kill_after(Random(place).random() * 0.6)
    killed, _ = process.ended()
    assert killed or at_moment
    bars = truth(data)
    with mtf.open(data) as reader:
        for symbol in reader.symbols:
            for timeframe in map(str, reader.timeframes):
                wanted = [bar for bar in bars if bar.symbol == symbol and bar.timeframe == timeframe]
                table = reader.bars(symbol, timeframe)
                assert list(table) == wanted
                assert polars.DataFrame(table)["close"].to_list() == [bar.close for bar in wanted]
        if len(bars) > 100:
            check(reader.bars(reader.symbols, ["1m", "2m"]), ("start", "end"))
        assert len(list(reader.ticks())) == reader.seq
