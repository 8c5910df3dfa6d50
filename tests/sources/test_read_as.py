"""What was inferred about a file is reported, is in the log, and holds when the file has grown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigMismatch, OptionNeeded
from mtf.sources import open_source
from mtf.sources.read_as import reading_text, readings_of
from tests.sources.builders import Taken, brief, drain, read, written
from tests.sources.markets import reading_of

AT = 1_709_719_200  # 2024-03-06 10:00:00 UTC
HEADER = "time,open,high,low,close\n"
TWO = HEADER + f"{AT},10,12,9,11\n{AT + 60},10,12,9,11\n"
GROWN = TWO + "".join(f"{AT + 60 * i},10,12,9,11\n" for i in (3, 6, 9, 12))


async def ran(path: Path, data: Path | None, **options: Any) -> mtf.Summary:
    async with mtf.Pipeline(data=data, calendar="crypto", timeframes=["1m", "1h"], clock="ticks") as pipeline:
        return await pipeline.run(path, **options)


def test_a_reading_says_what_was_settled_and_by_whom(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "when;Open;High;Low;Close\n2024-03-06 10:00;1;2;0,5;1\n".replace("0,5", "0.5"))
    options: dict[str, Any] = {"columns": "time=when,open=1,high=High,low=3,close=4", "timeframe": "1h", "point": 0.1}
    assert reading_of(path, **options) == {
        "format": "csv",
        "kind": "bars",
        "timeframe": "1h",
        "timeframe_by": "said",
        "zone": "UTC",
        "zone_by": "assumed",
        "stamp": "open",
        "point": "1e-1",
        "point_by": "said",
        "times": "ymd",
        "columns": {"time": "when", "open": "Open", "high": "High", "low": "Low", "close": "Close"},
        "symbol": "X",
        "layout": open_source(path, **options).parts[0].plan.layout.to_dict(),  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize(
    ("cell", "zone", "by"),
    [
        (str(AT), "UTC", "file"),
        ("2024-03-06 10:00:00", "UTC", "assumed"),
        ("2024-03-06", "UTC", "assumed"),
        ("2024-03-06T10:00:00Z", "as written", "file"),
        ("2024-03-06 10:00:00-05:00", "as written", "file"),
        ("20240306 10:00:00 US/Eastern", "as written", "file"),
        ("2024-03-06 10:00:00 EST", "as written", "file"),
        ("3/25/2024 10:00:00 AM", "UTC", "assumed"),
    ],
)
def test_whose_the_zone_is(tmp_path: Path, cell: str, zone: str, by: str) -> None:
    reading = reading_of(written(tmp_path, "x.csv", f"time,bid,ask\n{cell},1,2\n"))
    assert (reading["zone"], reading["zone_by"]) == (zone, by)


def test_a_reading_is_one_line_for_people(tmp_path: Path) -> None:
    (reading,) = readings_of(open_source(written(tmp_path, "x.csv", TWO)).identity())
    assert reading_text(reading) == (
        "csv, bars, 1m (inferred), zone UTC, stamped at the open, times s, prices as written, "
        "columns time=time open=open high=high low=low close=close"
    )
    assert "layout" not in reading


def test_parts_that_are_read_alike_are_one_reading(tmp_path: Path) -> None:
    for name in ("EURUSD", "GBPUSD"):
        written(tmp_path, f"d/{name}.csv", "time,bid,ask\n2024-03-06,1,2\n")
    written(tmp_path, "d/USDJPY.csv", f"time,ask,bid\n{AT},2,1\n")
    source = open_source(tmp_path / "d")
    assert [reading["times"] for reading in readings_of(source.identity())] == ["ymd", "s"]
    assert json.loads(json.dumps(source.identity())) == source.identity()


async def test_a_length_that_was_inferred_holds_when_the_file_has_grown(tmp_path: Path) -> None:
    """Of the grown file it could not be: it would be asked for, or be another one."""
    path = written(tmp_path, "x.csv", TWO)
    await ran(path, tmp_path / "run")
    written(tmp_path, "x.csv", GROWN)
    with pytest.raises(OptionNeeded):
        await ran(path, None)
    with pytest.raises(OptionNeeded):
        await ran(path, tmp_path / "other")
    summary = await ran(path, tmp_path / "run")
    assert (summary.new_events, summary.bars["1m"]) == (16, 5)
    again = await ran(path, tmp_path / "run")
    assert (again.new_events, again.digest) == (0, summary.digest)
    assert summary.digest == (await ran(path, None, timeframe="1m")).digest


@pytest.mark.parametrize("said", [{}, {"symbol": "Z"}])
async def test_a_column_of_symbols_names_the_rows_of_a_file_that_has_grown(
    tmp_path: Path, said: dict[str, str]
) -> None:
    """Its name says nothing of them; also where the length has to be known from before."""
    text = TWO.replace("time,", "time,symbol,").replace(",10,12,", ",A,10,12,")
    path = written(tmp_path, "x.csv", text)
    await ran(path, tmp_path / "run", **said)
    written(tmp_path, "x.csv", text + "".join(f"{AT + 60 * i},A,10,12,9,11\n" for i in (3, 6, 9, 12)))
    summary = await ran(path, tmp_path / "run", **said)
    assert (list(summary.symbols), summary.new_events) == ([said.get("symbol", "A")], 16)


async def test_columns_that_were_guessed_hold_when_the_file_has_grown(tmp_path: Path) -> None:
    """One row had its ask in front; of all that are there now it would have been the bid."""
    path = written(tmp_path, "x.csv", f"{AT},1.51,1.5\n")
    assert brief(read(path).ticks[0]) == f"X {AT} 1.5/1.51 0.0x0.0"
    await ran(path, tmp_path / "run")
    written(tmp_path, "x.csv", f"{AT},1.51,1.5\n" + "".join(f"{AT + i},1.5,1.51\n" for i in range(1, 5)))
    assert brief(read(path).ticks[0]) == f"X {AT} 1.51/1.5 0.0x0.0"
    summary = await ran(path, tmp_path / "run")
    assert (summary.events, summary.crossed) == (5, 4)


async def test_what_is_said_otherwise_the_second_time_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", TWO)
    await ran(path, tmp_path / "run")
    with pytest.raises(ConfigMismatch, match="zone=UTC"):
        await ran(path, tmp_path / "run", zone="UTC")


def test_a_folders_newest_file_holds_what_was_inferred_of_it(tmp_path: Path) -> None:
    """And a file that comes later is looked at by itself."""
    written(tmp_path, "d/X_2024-03-05.csv", HEADER + "".join(f"{AT - 86_400 + 60 * i},1,2,1,1\n" for i in range(3)))
    written(tmp_path, "d/X_2024-03-06.csv", TWO)
    first = open_source(tmp_path / "d")
    drain(first)
    written(tmp_path, "d/X_2024-03-06.csv", GROWN)
    written(tmp_path, "d/X_2024-03-07.csv", HEADER + "".join(f"{AT + 86_400 + 60 * i},1,2,1,1\n" for i in range(2)))
    with pytest.raises(OptionNeeded):
        open_source(tmp_path / "d")
    source = open_source(tmp_path / "d", resumable=True)
    (known,), (part,) = first.parts, source.parts  # type: ignore[attr-defined]
    part.source.recall(known.source.identity(), known.source.position())
    source.seek(first.position())
    assert drain(source).count == 4 * (4 + 2)


def test_a_part_that_was_never_read_is_still_asked_about(tmp_path: Path) -> None:
    source = open_source(written(tmp_path, "x.csv", GROWN), resumable=True)
    with pytest.raises(OptionNeeded):
        source.recall({}, {})  # type: ignore[attr-defined]
    with pytest.raises(OptionNeeded):
        source.fill(Taken().builder, 10)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_quotes_that_are_held_are_in_the_position(tmp_path: Path, stop: int) -> None:
    """The row after a stop may say one side only."""
    rows = (
        f"time,symbol,bid,ask,bid_size\n{AT},A,1,2,7\n{AT},B,5,,\n{AT + 1},A,,3,\n{AT + 2},B,,6,\n{AT + 3},A,1.5,,8\n"
    )
    path = written(tmp_path, "x.csv", rows)
    whole = [brief(tick) for tick in read(path, blank="unchanged").ticks]
    assert whole == [
        f"A {AT} 1.0/2.0 7.0x0.0",
        f"B {AT} 5.0/None 0.0x0.0",
        f"A {AT + 1} 1.0/3.0 7.0x0.0",
        f"B {AT + 2} 5.0/6.0 0.0x0.0",
        f"A {AT + 3} 1.5/3.0 8.0x0.0",
    ]
    source = open_source(path, blank="unchanged")
    taken = Taken()
    source.fill(taken.builder, stop)
    taken.take()
    position = json.loads(json.dumps(source.position()))
    source.close()
    again = open_source(path, blank="unchanged")
    again.seek(position)
    assert [brief(tick) for tick in drain(again, into=taken).ticks] == whole


def test_an_empty_side_is_missing_if_nothing_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", f"time,bid,ask\n{AT},1,2\n{AT + 1},,3\n")
    assert brief(read(path).ticks[1]) == f"X {AT + 1} None/3.0 0.0x0.0"
    assert "blank" not in reading_of(path)
    assert reading_of(path, blank="unchanged")["blank"] == "unchanged"
