"""What notebooks show of values and tables: escaped, bounded, and read no further than is shown."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import orjson
import pytest

import mtf
from mtf.events.tick import Tick
from mtf.sources import SyntheticMarket
from tests.builders import at, ticks

HOSTILE = "<script>alert(1)</script>"


class Cells(HTMLParser):
    """Collects tags and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def engine(symbol: str = "EURUSD", **made: Any) -> mtf.Engine:
    made_engine = mtf.Engine(**{"timeframes": "1m,5m", "indicators": "sma:2", **made})
    for minute in range(4):
        made_engine.tick(symbol, at(f"10:0{minute}"), 1.1 + minute, 1.2 + minute)
    return made_engine


def shown() -> list[Any]:
    snapshot = engine(HOSTILE).snapshot(HOSTILE)
    return [
        snapshot,
        snapshot["1m"].bars[-1],
        snapshot["1m"].partial,
        mtf.point_in_time([Tick(HOSTILE, at("10:00"), 1.0, 1.0), Tick(HOSTILE, at("10:01"), 1.0, 1.0)], "1m"),
    ]


@pytest.mark.parametrize("value", shown(), ids=lambda value: type(value).__name__)
def test_a_symbol_that_is_markup_is_shown_as_text(value: Any) -> None:
    """It comes with the data, and runs in the reader's browser."""
    html = value._repr_html_()
    assert "<script" not in html
    cells = Cells(html)
    assert set(cells.tags) <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert HOSTILE in "".join(cells.texts)


def test_a_snapshot_has_a_row_a_timeframe() -> None:
    snapshot = engine().snapshot("EURUSD")
    cells = Cells(snapshot._repr_html_())
    assert cells.tags.count("tr") == 1 + 2
    assert cells.texts[0] == "EURUSD at seq 4, 2024-03-06 10:03:00Z: forming bars, live values"
    assert " ".join(cells.texts[1:11]) == "timeframe open high low close volume ticks progress completed sma_2"
    assert " ".join(cells.texts[11:22]) == "1m 4.15 4.15 4.15 4.15 0 1 0% 3.15 3.65 5m"
    assert " ".join(cells.texts[22:]) == "1.15 4.15 1.15 4.15 0 4 60%"


def test_values_that_are_many_are_counted() -> None:
    html = engine(indicators="core").snapshot("EURUSD")._repr_html_()
    assert len(Cells(html).texts) < 100
    assert "more values" in html


def test_bars_say_whether_they_form_and_their_flags() -> None:
    state = engine().snapshot("EURUSD")["1m"]
    assert state.partial is not None
    first = Cells(state.bars[0]._repr_html_())
    assert first.texts[0] == "EURUSD 1m"
    assert first.texts[-1] == "first, day_incomplete"
    assert "2024-03-06 10:00:00Z" in first.texts
    assert Cells(state.partial._repr_html_()).texts[0] == "EURUSD 1m (forming)"


def test_a_table_shows_its_first_rows_and_reads_no_more() -> None:
    taken = 0

    class Counted:
        def __iter__(self) -> Iterator[Tick]:
            nonlocal taken
            for tick in SyntheticMarket(seed=1, symbols=["EURUSD"], start="2024-03-06", events=50_000):
                taken += 1
                yield tick

    source = Counted()
    table = mtf.point_in_time(source, "tick", timeframes="1m,5m", indicators="core")
    cells = Cells(table._repr_html_())
    assert 10 < taken < 2_000
    assert cells.tags.count("tr") == 1 + 10
    assert cells.tags.count("th") == 19
    assert cells.texts[-1] == f"the first 10 rows, {len(table.columns) - 18} columns left out"
    few = mtf.resample(ticks("10:00@1.1 10:01@1.2 10:02@1.2"), "1m")["1m"]
    assert Cells(few._repr_html_()).texts[-1] == "2 rows"
    assert Cells(few._repr_html_()).tags.count("tr") == 1 + 2


def test_showing_a_table_of_an_iterator_does_not_use_it_up() -> None:
    table = mtf.point_in_time(iter(ticks("10:00@1.1 10:01@1.2")), "tick")
    assert Cells(table._repr_html_()).texts[-1].startswith("not read yet")
    assert len(table.to_dicts()) == 2


def test_long_texts_are_cut() -> None:
    bar = engine("X" * 200).snapshot("X" * 200)["1m"].bars[0]
    assert max(map(len, Cells(bar._repr_html_()).texts)) == 80


def test_values_go_through_orjson_and_pickle() -> None:
    """Whole, with NaN as null."""
    made = engine()
    snapshot = made.snapshot("EURUSD")
    values: list[Any] = [snapshot, snapshot["1m"].bars[0], snapshot["1m"].partial, snapshot["1m"].live, made.summary()]
    for value in values:
        document = orjson.loads(orjson.dumps(value, default=lambda each: each.to_dict()))
        assert document == orjson.loads(orjson.dumps(value.to_dict()))
        again = pickle.loads(pickle.dumps(value))
        assert orjson.dumps(again.to_dict()) == orjson.dumps(value.to_dict())
