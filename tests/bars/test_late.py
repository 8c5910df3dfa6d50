"""Late ticks, by both policies, inside and outside of the bar that forms."""

from __future__ import annotations

from tests.bars.builders import Run
from tests.builders import at


def test_a_late_tick_is_rejected_by_default_even_within_the_bar(run: Run) -> None:
    """Older than its symbol's clock by a nanosecond: counted, and in no bar."""
    ran = run("10:00:30@1 10:00:29.999999999@9 10:01@1")
    assert ran.lines == ["1m 10:00 1 1 1 1 v0 n1 first incomplete"]
    assert ran.rejected() == {"late": 1}


def test_a_tick_on_the_clock_itself_is_not_late(run: Run) -> None:
    """Equal stamps are accepted."""
    assert run("10:00:30@1 10:00:30@9 10:01@1").rejected() == {}


def test_accepted_late_it_changes_high_low_volume_and_ticks(run: Run) -> None:
    """Never the open, which it might precede, nor the close, which it does precede."""
    ran = run("10:00:10@2x1 10:00:30@3x1 10:00:20@9x2 10:00:05@1x4 10:01@1", late="accept")
    assert ran.lines == ["1m 10:00 2 9 1 3 v16 n4 first incomplete"]
    assert ran.rejected() == {}
    assert ran.counts()["late_ok"] == 2


def test_accepted_late_it_moves_no_clock(run: Run) -> None:
    """A tick between the late one's stamp and the clock is late as well."""
    ran = run("10:00:30@2 10:00:10@2 10:00:20@2", late="accept")
    assert ran.counts()["late_ok"] == 2
    assert ran.time_ns() == at("10:00:30")


def test_late_for_the_shortest_timeframe_is_late_for_all(run: Run) -> None:
    """10:00:59 after 10:01:00 lies in the 5m bar that forms, but its minute is closed: nested bars agree."""
    ran = run("10:00@1 10:01@2 10:00:59@9 10:05@3", ("1m", "5m"), late="accept")
    assert ran.only("5m") == ["5m 10:00 1 2 1 2 v0 n2 first"]
    assert ran.rejected() == {"late": 1}


def test_late_on_the_start_of_the_forming_bar_is_accepted(run: Run) -> None:
    """ "Not before the start of the open bar": its first nanosecond is in it."""
    ran = run("10:00@1 10:01:30@2 10:01@9 10:02@1", late="accept")
    assert ran.lines[1] == "1m 10:01 2 9 2 2 v0 n2"


def test_after_a_clock_event_closed_the_bar_nothing_late_is_accepted(run: Run) -> None:
    """What is closed is closed for good."""
    ran = run("10:00@1 !10:01 10:00:59@9 10:01:30@2 10:02@1", late="accept")
    assert ran.lines == ["1m 10:00 1 1 1 1 v0 n1 first", "1m 10:01 2 2 2 2 v0 n1"]
    assert ran.rejected() == {"late": 1}


def test_late_for_a_clock_event_alone_it_counts_in_full(run: Run) -> None:
    """Its bar is not over, and nothing newer has come: without the clock event it would not be late at all."""
    ran = run("10:00@1 !10:01:30 10:01:10@9 10:01:20@8", late="accept")
    assert ran.rejected() == {}
    assert ran.partial("1m") == "1m 10:01 9 9 8 8 v0 n2"
    assert ran.lines == run("10:00@1 10:01:10@9 10:01:20@8", late="accept").lines


def test_late_in_a_bar_that_the_clock_closed_is_rejected(run: Run) -> None:
    """A completed bar never changes, though it had no tick."""
    ran = run("10:00@1 !10:02 10:01:10@9", late="accept")
    assert ran.rejected() == {"late": 1}
    assert ran.partial("1m") is None


def test_a_late_tick_stretches_every_timeframe(run: Run) -> None:
    """It lies in the shortest open bar, so in each longer one."""
    ran = run("10:00@2 10:00:30@2 10:00:10@9x1", ("1m", "5m", "1h"), late="accept")
    assert ran.partial("1m") == "1m 10:00 2 9 2 2 v2 n3 first"
    assert ran.partial("5m") == "5m 10:00 2 9 2 2 v2 n3 first"
    assert ran.partial("1h") == "1h 10:00 2 9 2 2 v2 n3 first"


def test_a_late_tick_of_a_year_ago_is_rejected_and_closes_nothing(run: Run) -> None:
    """A clock never goes back."""
    ran = run("10:00@1 2023-03-06T10:00@9 10:01@1", late="accept")
    assert ran.rejected() == {"late": 1}


def test_shuffled_within_a_bar_the_late_policy_keeps_high_low_volume_and_ticks(run: Run) -> None:
    """Any order of the same ticks of a minute, begun by its first: all but the close is the same."""
    ordered = run("10:00@2x1 10:00:10@4x2 10:00:20@1x3 10:00:30@3x4 10:01@1", late="accept")
    shuffled = run("10:00@2x1 10:00:30@3x4 10:00:20@1x3 10:00:10@4x2 10:01@1", late="accept")
    assert ordered.lines == shuffled.lines == ["1m 10:00 2 4 1 3 v20 n4 first"]


def test_clock_events_make_ticks_late_and_change_no_completed_bar(run: Run) -> None:
    """Two clocks: which bars are over, and which tick is the newest. Without them only one would be late."""
    ran = run("!10:00:40 10:00:10@=5x1 !10:00:50 10:00:30@=6x2 10:00:20@=9x4 10:01@=1", late="accept")
    assert ran.counts() == {"ok": 1, "late_ok": 3}
    assert ran.lines == ["1m 10:00 5 9 5 6 v7 n3 first incomplete"]
    without = run("10:00:10@=5x1 10:00:30@=6x2 10:00:20@=9x4 10:01@=1", late="accept")
    assert without.lines == ran.lines
    assert without.counts() == {"ok": 3, "late_ok": 1}


def test_a_tick_older_than_the_newest_needs_a_bar_that_forms(run: Run) -> None:
    """It changes what is there; the newest tick may be a quote among trades, which made no bar."""
    ran = run("10:00:10@=1 10:01:30@1/2 10:01:10@=2 10:01:40@=3 10:01:35@=4", late="accept")
    assert ran.counts() == {"ok": 3, "late_ok": 1, "late": 1}
