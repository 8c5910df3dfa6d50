"""Price sides, one-sided, crossed and locked quotes, sizes, trades among quotes, and what the block builder refuses."""

from __future__ import annotations

import math

import pytest

import mtf
from mtf.errors import MalformedEvent
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from tests.bars.builders import Run
from tests.builders import at


def test_auto_is_mid_where_the_first_tick_is_a_quote(run: Run) -> None:
    """Half of bid and ask, and both sizes."""
    assert run("10:00@1x2/2x3 10:01@1").lines == ["1m 10:00 1.5 1.5 1.5 1.5 v5 n1 first"]


def test_auto_is_last_where_the_first_tick_is_a_trade(run: Run) -> None:
    """And stays so: the quotes that follow are shown, and change no bar."""
    ran = run("10:00@=2x7 10:00:10@1/9 10:01@=3x1")
    assert ran.lines == ["1m 10:00 2 2 2 2 v7 n1 first"]
    assert ran.counts()["ok"] == 3


@pytest.mark.parametrize(
    ("side", "bar"),
    [
        ("mid", "1m 10:00 1.5 1.5 1.5 1.5 v5 n1 first"),
        ("bid", "1m 10:00 1 1 1 1 v2 n1 first"),
        ("ask", "1m 10:00 2 2 2 2 v3 n1 first"),
    ],
)
def test_the_side_decides_price_and_volume(run: Run, side: str, bar: str) -> None:
    """Each side with its own size."""
    assert run("10:00@1x2/2x3 10:01@1", price=side).lines == [bar]


def test_a_trade_among_quotes_moves_the_clock_and_no_bar(run: Run) -> None:
    """Its stamp closes what is due, its price is another kind's."""
    ran = run("10:00@1 10:01:30@=9x9 10:01:40@2")
    assert ran.lines == ["1m 10:00 1 1 1 1 v0 n1 first"]
    assert ran.partial("1m") == "1m 10:01 2 2 2 2 v0 n1"


def test_a_one_sided_quote_has_no_mid(run: Run) -> None:
    """Nothing is remembered from the quote before: a mid needs both."""
    ran = run("10:00@1/2 10:00:10@5/ 10:00:20@/9 10:01@1")
    assert ran.lines == ["1m 10:00 1.5 1.5 1.5 1.5 v0 n1 first"]
    assert ran.rejected() == {}


@pytest.mark.parametrize(("side", "high"), [("bid", "5"), ("ask", "9")])
def test_a_one_sided_quote_feeds_its_side(run: Run, side: str, high: str) -> None:
    """The bid alone is a bid."""
    ran = run("10:00@1/2 10:00:10@5/ 10:00:20@/9 10:01@1", price=side)
    start = "1" if side == "bid" else "2"
    assert ran.lines == [f"1m 10:00 {start} {high} {start} {high} v0 n2 first"]


def test_crossed_and_locked_quotes_are_kept_and_counted(run: Run) -> None:
    """A vendor's book that crosses is the vendor's data: it is in the bar."""
    ran = run("10:00@2/1 10:00:10@2/2 10:00:20@1/2 10:01@1/2")
    assert ran.lines == ["1m 10:00 1.5 2 1.5 1.5 v0 n3 first"]
    assert (ran.counts()["crossed"], ran.counts()["locked"]) == (1, 1)


def test_quotes_without_sizes_count_ticks_and_no_volume(run: Run) -> None:
    """Volume 0 is what is known."""
    assert run("10:00@1/2 10:00:30@1/2 10:01@1").lines == ["1m 10:00 1.5 1.5 1.5 1.5 v0 n2 first"]


def test_a_trade_of_size_zero_is_a_tick(run: Run) -> None:
    """Its price counts."""
    assert run("10:00@=1x0 10:01@=1").lines == ["1m 10:00 1 1 1 1 v0 n1 first"]


@pytest.mark.parametrize("price", ["0", "-1", "-0"])
def test_a_price_of_zero_or_less_is_rejected(run: Run, price: str) -> None:
    """Counted as `price`, it closes nothing and moves no clock."""
    ran = run(f"10:00@=1 10:05@={price} 10:00:30@=2")
    assert ran.lines == []
    assert ran.rejected() == {"price": 1}
    assert ran.partial("1m") == "1m 10:00 1 2 1 2 v0 n2 first"


def test_one_bad_side_makes_a_quote_one_sided(run: Run) -> None:
    """The other side is what it says; counted, so that a feed that does it is known."""
    ran = run("10:00@1/2 10:00:10@0/3 10:01@1/2", price="ask")
    assert (ran.lines, ran.rejected()) == (["1m 10:00 2 3 2 3 v0 n2 first"], {})
    assert ran.counts()["bad_sides"] == 1


def test_one_bad_side_leaves_no_mid(run: Run) -> None:
    """Half of a broken quote is not a price between two."""
    ran = run("10:00@1/2 10:00:10@0/3 10:01@1/2")
    assert (ran.lines, ran.rejected()) == (["1m 10:00 1.5 1.5 1.5 1.5 v0 n1 first"], {})


def test_two_bad_sides_reject_the_quote(run: Run) -> None:
    """Nothing of it can be used."""
    ran = run("10:00@1/2 10:00:10@0/-3 10:01@1/2")
    assert (ran.rejected(), ran.counts().get("bad_sides")) == ({"price": 1}, None)


@pytest.mark.parametrize(("bid", "ask"), [(math.nan, 1.0), (1.0, math.inf), (-math.inf, 1.0)])
def test_a_side_that_is_nan_or_infinite_is_a_bad_side(bid: float, ask: float) -> None:
    """It is in the log as it came, and in no bar."""
    builder = BlockBuilder(SymbolTable())
    assert builder.tick(Tick("EURUSD", at("10:00"), bid, ask)) == 0
    assert builder.count == 1


def test_a_quote_without_a_number_is_malformed() -> None:
    """Refused at intake, in no log, with no seq."""
    builder = BlockBuilder(SymbolTable())
    assert builder.tick(Tick("EURUSD", at("10:00"), math.nan, math.nan)) != 0
    assert builder.count == 0


def test_tiny_prices_are_prices_and_those_beyond_the_bound_are_not(run: Run) -> None:
    """From 1e12 on, the default bound, it is a number that somebody wrote into the wrong column."""
    ran = run("10:00@=0.0000001 10:00:01@=999999999999 10:00:02@=1000000000000 10:01@=1")
    assert (ran.bars[0].low, ran.bars[0].high) == (1e-07, 999999999999.0)
    assert ran.rejected() == {"price": 1}


def test_a_duplicate_counts_once(run: Run) -> None:
    """The same id, stamp, price and size again within the last 4,096 of its symbol."""
    ran = run("10:00@=1x1#a 10:00@=1x1#a 10:00:20@=2x2#b 10:01@=1#c")
    assert ran.lines == ["1m 10:00 1 2 1 2 v3 n2 first"]
    assert ran.rejected() == {"duplicate": 1}


def test_an_id_with_other_content_is_another_venues(run: Run) -> None:
    """Two venues that both count from 1 lose nothing."""
    ran = run("10:00@=1x1#a 10:00:10@=9x9#a 10:01@=1#c")
    assert ran.lines == ["1m 10:00 1 9 1 9 v10 n2 first"]
    assert (ran.rejected(), ran.counts()["id_reused"]) == ({}, 1)


def test_a_duplicate_is_found_before_any_other_reason(run: Run) -> None:
    """Verdicts have an order: what comes again is a duplicate, though it is late by now."""
    ran = run("10:00@=1#a 10:02@=1#b 10:00@=1#a")
    assert ran.rejected() == {"duplicate": 1}


def test_ids_of_two_symbols_are_apart(run: Run) -> None:
    """1 of EURUSD is not 1 of GBPUSD."""
    ran = run("EURUSD:10:00@=1#1 GBPUSD:10:00@=2#1")
    assert (ran.rejected("EURUSD"), ran.rejected("GBPUSD")) == ({}, {})


def test_a_rejected_ticks_id_is_not_remembered(run: Run) -> None:
    """Late trades that are sent again and again push no id out that counts."""
    ran = run("10:00:30@=1#a 10:00:10@=9#x 10:00:10@=9#x")
    assert ran.rejected() == {"late": 2}


def test_the_oldest_of_4096_ids_is_forgotten(run: Run) -> None:
    """Memory is bounded: the 4,097th new id pushes the first one out, which then counts again."""
    text = " ".join(f"10:00@=1#{number}" for number in range(4_097))
    ran = run(f"{text} 10:00@=1#0 10:00@=1#4096")
    assert ran.rejected() == {"duplicate": 1}
    assert ran.partial("1m") == "1m 10:00 1 1 1 1 v0 n4098 first"


async def test_a_nan_that_is_pushed_raises_and_has_no_seq() -> None:
    """The caller gets the error; the next tick gets the seq."""
    async with mtf.Pipeline(clock="ticks") as pipeline:
        with pytest.raises(MalformedEvent):
            await pipeline.push(Tick("EURUSD", at("10:00"), math.nan, math.nan))
        assert await pipeline.push(Tick("EURUSD", at("10:00"), 1.0, 1.0)) == 1


def test_an_id_that_is_used_again_is_an_event_of_its_own_and_what_is_sent_again_is_known(run: Run) -> None:
    """Two venues both count from 1: what either sends again is a duplicate."""
    ran = run("10:00@=1x1#1 10:00@=1x2#1 10:00@1/2#1 10:00@=1x1#1 10:00@=1x2#1 10:00:01@=1x1#1")
    assert ran.counts() == {"ok": 4, "duplicate": 2, "id_reused": 3}


def test_reasons_come_in_order_price_closed_late(run: Run) -> None:
    """A tick that is wrong in several ways is counted under the first."""
    text = "2024-03-08 12:00@1 2024-03-09 12:00@0 12:00@1 2024-03-08 11:00@0/-1 11:00@-0.0/ 11:00@=-1 11:00@1"
    assert run(text).counts() == {"ok": 1, "price": 4, "closed": 1, "late": 1, "locked": 1}


@pytest.mark.parametrize(
    ("price", "bar"),
    [("mid", "2 2 2 2 v0 n1"), ("bid", "1 5 1 5 v0 n2"), ("ask", "3 6 3 6 v6 n3")],
)
def test_a_side_that_is_zero_negative_or_past_the_bound_leaves_the_other(run: Run, price: str, bar: str) -> None:
    """At mid there is no price then, and the quote moves the clock all the same."""
    ran = run("10:00@1/3 10:00:01@0x5/4x6 10:00:02@5/1000000000000 10:00:03@-1/6", price=price)
    assert ran.partial("1m") == f"1m 10:00 {bar} first"
    assert ran.counts() == {"ok": 4, "bad_sides": 3}
    assert ran.time_ns() == at("10:00:03")


def test_any_finite_price_within_the_bound_counts_if_that_is_asked_for(run: Run) -> None:
    """Oil in April 2020, spreads, power."""
    text = "10:00@=0 10:00:01@=-37.5 10:00:02@=-1000000000000 10:00:03@=999999999999"
    assert run(text, prices="any").counts() == {"ok": 3, "price": 1}
    assert run(text).counts() == {"ok": 1, "price": 3}


def test_a_rejected_trade_decides_no_price_side(run: Run) -> None:
    """Nor does an accepted one later on: it moves the clock, closes bars, and changes none."""
    ran = run("10:00@=-1 10:00@1/3x1 10:00:30@=9x9 10:01@=8x8", ("1m", "5m"))
    assert ran.counts() == {"ok": 3, "price": 1}
    assert ran.lines == ["1m 10:00 2 2 2 2 v1 n1 first"]
    assert (ran.partial("1m"), ran.partial("5m")) == (None, "5m 10:00 2 2 2 2 v1 n1 first")
    assert ran.time_ns() == at("10:01")
