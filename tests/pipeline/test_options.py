"""The settings of a pipeline that decide no result: what cannot be is refused where it is given, by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigError, LookAheadError, UnknownSymbol
from tests.builders import events
from tests.storage.builders import feed, row_bits

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"checkpoint_seconds": float("nan")}, "checkpoint_seconds must be 0 or more, and finite, got nan"),
    ({"checkpoint_seconds": float("inf")}, "checkpoint_seconds must be 0 or more, and finite, got inf"),
    ({"checkpoint_seconds": -1}, "checkpoint_seconds must be 0 or more, and finite, got -1"),
    ({"checkpoint_seconds": "60"}, "checkpoint_seconds must be a number, got '60'"),
    ({"checkpoint_seconds": True}, "checkpoint_seconds must be a number, got True"),
    ({"checkpoint_events": 2.5}, "checkpoint_events must be an int, got 2.5"),
    ({"checkpoint_events": -1}, "checkpoint_events must be 0 or more, got -1"),
    ({"keep_events": 1.0}, "keep_events must be an int, got 1.0"),
    ({"block_events": 2.5}, "block_events must be an int, got 2.5"),
    ({"block_events": 0}, "block_events must be between 1 and"),
    ({"block_events": True}, "block_events must be an int, got True"),
    ({"block_events": "7"}, "block_events must be an int, got '7'"),
    ({"workers": 1.5}, "workers must be an int, got 1.5"),
    ({"workers": -1}, "workers must be 0 or more, got -1"),
    ({"workers": 100_000}, "workers must be between 0 and 256, got 100000"),
    ({"max_ahead_ns": 1e9}, "max_ahead_ns must be an int, got 1000000000.0"),
    ({"grace_ns": float("nan")}, "grace_ns must be an int, got nan"),
    ({"live_within_ns": 10, "grace_ns": 5}, r"live_within_ns must be between 0 and grace_ns \(5\), got 10"),
    ({"reorder_ns": "1s"}, "reorder_ns must be an int, got '1s'"),
    ({"oldest_ns": 0.0}, "oldest_ns must be an int, got 0.0"),
    ({"clock": "wall"}, "clock must be one of both, ticks, got 'wall'"),
    ({"durability": "always"}, "durability must be one of each, group, os, got 'always'"),
    ({"data": ""}, "data must be a directory"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_setting_that_cannot_be_is_refused_by_its_name(settings: dict[str, Any], message: str) -> None:
    """Before anything is opened: an infinite time between checkpoints, or half a worker, is nobody's wish."""
    with pytest.raises(ConfigError, match=message):
        mtf.Pipeline(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"checkpoint_seconds": 0},
        {"checkpoint_seconds": None},
        {"checkpoint_seconds": 0.5},
        {"checkpoint_events": 0},
        {"keep_events": 0},
        {"block_events": 1},
        {"oldest_ns": -1},
    ],
)
async def test_setting_at_its_edge_is_taken(settings: dict[str, Any], tmp_path: Path) -> None:
    async with mtf.Pipeline(data=tmp_path, calendar="crypto", clock="ticks", **settings) as p:
        assert await feed(p, events("A:10:00@1 A:10:01@2")) == 2


async def test_state_at_a_time_and_a_seq_is_as_far_as_was_known_after_that_event(tmp_path: Path) -> None:
    """The earlier of both; in a callback never later than what is shown."""
    stream = events("A:10:00:10@1 B:10:00:20@5 A:10:01:30@2 B:10:02@6 A:10:03@3")
    asked: list[Any] = []

    class Asking(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            if view.seq == 3:
                late = stream[-1].ts_ns
                asked.append(row_bits(p.state_at("A", time_ns=late)))
                asked.append(row_bits(p.state_at("A", seq=1, time_ns=late)))
                with pytest.raises(LookAheadError, match="seq 4 is after seq 3, which this callback is shown"):
                    p.state_at("A", seq=4, time_ns=stream[0].ts_ns)

    async with mtf.Pipeline(data=tmp_path, calendar="crypto", clock="ticks") as p:
        p.add(Asking())
        await feed(p, stream)
        after = {seq: row_bits(p.state_at("A", seq=seq)) for seq in range(1, 6)}
        assert row_bits(p.state_at("A", seq=5, time_ns=stream[2].ts_ns))[2:] == after[3][2:]
        assert row_bits(p.state_at("A", seq=1, time_ns=stream[4].ts_ns)) == after[1]
        assert row_bits(p.state_at("A", seq=2, time_ns=stream[4].ts_ns))[2:] == after[1][2:]
        with pytest.raises(UnknownSymbol, match="no event of 'B' had been seen by then"):
            p.state_at("B", seq=1, time_ns=stream[4].ts_ns)
        with pytest.raises(UnknownSymbol):
            p.state_at("B", seq=5, time_ns=stream[0].ts_ns)
        with pytest.raises(ConfigError, match="the log ends at seq 5"):
            p.state_at("A", seq=6, time_ns=stream[4].ts_ns)
    assert asked == [after[3], after[1]]
