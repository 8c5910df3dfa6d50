"""An array of trades gives the same rows, and the same refusals, in whichever number of trades it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.sources.file_format import CERTAIN
from mtf.sources.formats.binance import FORMAT
from mtf.sources.input_files import InputFile
from mtf.sources.limits import Limits
from mtf.sources.trade_arrays import TradeArrays
from tests.sources.builders import Taken

GOOD = '[1570752011620,"7",null,"sell",0.5,23.0,11.5]'
OTHERS = (
    GOOD,
    GOOD,
    GOOD,
    '[1570752011621,8,null,"buy","0.5","2",1]',  # numbers as text, and an id as a number
    "[1570752011622,null,null,null,1,2]",
    '[1570752011620,"7]",null,"sell",0.5,23.0,11.5]',
    '[1570752011620,"7",[2],"sell",0.5,23.0,11.5]',
    '["x","7",null,"sell",0.5,23.0,11.5]',
    '[99999999999999,"7",null,"sell",0.5,23.0,11.5]',
    '[1570752011620,"7",null,"sell",-1e999,23.0,11.5]',
    '[1570752011620,"7",null,"sell",0.5,-1,11.5]',
    "[]",
    "{}",
    '{"a":1}',
    "7",
    '["cut',
)


def read(text: str, limit: int, chunk: int) -> Taken:
    """Read *text* as it comes, *chunk* bytes more a time, with at most *limit* trades a call."""
    data, taken = text.encode(), Taken()
    reader, at, seen = TradeArrays("f.json", "XRPETH"), 0, 0
    while True:
        seen = min(len(data), seen + chunk)
        final = seen == len(data)
        while True:
            at = reader.scan(taken.builder, data[:seen], at, limit, final)
            if reader.left > 0:
                break
        if final:
            taken.take()
            return taken


@given(
    st.lists(st.sampled_from(OTHERS), max_size=12),
    st.sampled_from((",", ", ", ",\n", ",,", " ")),
    st.sampled_from(("]", "]\n", " ]", "", ",")),
    st.integers(2, 9),
    st.integers(1, 400),
)
def test_trades_read_many_at_a_time_are_those_read_one_by_one(
    trades: list[str], between: str, end: str, limit: int, chunk: int
) -> None:
    text = "[" + between.join([GOOD, *trades]) + end
    one, many = read(text, 1, len(text)), read(text, limit, chunk)
    assert (many.rows, many.heap, many.refused) == (one.rows, one.heap, one.refused)


def test_a_trade_that_cannot_be_read_is_refused_alone_with_its_number_and_text() -> None:
    bad = '["x","8",null,"sell",0.5,23.0,11.5]'
    taken = read(f"[{GOOD},{GOOD}, {bad},{GOOD}]", 100, 1000)
    assert taken.count == 3
    assert taken.refused == [("f.json", 3, "the time cannot be read", bad)]


def test_a_time_beyond_all_that_are_taken_is_refused_and_no_error() -> None:
    late = GOOD.replace("1570752011620", "99999999999999")
    taken = read(f"[{GOOD},{late},{GOOD}]", 100, 1000)
    assert (taken.count, taken.lines) == (2, [2])


@pytest.mark.parametrize("start", [f"[{GOOD},", f"  [ {GOOD}"])
def test_the_first_bytes_of_an_array_of_trades_settle_its_format(tmp_path: Path, start: str) -> None:
    """Else a long line would be split at all its commas, to find out that it is not a table."""
    path = tmp_path / "XRPETH-trades.json"
    path.write_text(start)
    assert FORMAT.sniff(InputFile(path, path, Limits())) == CERTAIN
