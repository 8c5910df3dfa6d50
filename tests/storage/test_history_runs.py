"""Runs that are merged, cut and pruned have the bars that they had, each series in its order, whatever the packs."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.errors import CorruptHistory
from mtf.storage.history import rewriting
from mtf.storage.history.gather import FIXED, NO_DAY
from mtf.storage.history.packs import BarPage, Pack, bars_a_pack, packed_rows, spans_of, stored_form, unpacked
from mtf.storage.history.rewriting import cut, merged
from mtf.storage.history.runs import NewRun, Run, entry_of, run_of_row
from mtf.storage.history.schema import Row

MINUTE_NS = 60_000_000_000


def row_of(series: int, k: int, seq: int) -> Row:
    """Return the *k*-th bar of a series, whose numbers name it."""
    start_ns = k * MINUTE_NS
    price = series + k / 1024
    prices = (price, price + 1, price - 1, price, 0.5)
    flags = (int(k == 0), 0, k % 2, 0, series % 2)
    gaps = (0, 0, 0, k % 3)
    day = "" if k % 7 == 6 else "2024-03-06"
    return (f"S{series}", "1m", start_ns, start_ns + MINUTE_NS, *prices, k + 1, day, *flags, *gaps, seq)


class Stored:
    """Some runs, in memory."""

    def __init__(self) -> None:
        self.packs: dict[int, tuple[bytes, int]] = {}
        self.runs: list[Run] = []

    def add(self, new: NewRun) -> Run:
        run = new.numbered(max(self.packs, default=0) + 1)
        self.packs.update((number, (stored, 0)) for number, (_, stored) in zip(run.packs, new.packs, strict=True))
        assert run_of_row(run.row()) == run
        return run

    def fetch(self, number: int, run: Run) -> Pack:
        stored, width = self.packs[number]
        return unpacked(stored, run.entries[number - run.first_pack].bars, width, "a pack")

    def rows(self, run: Run) -> dict[int, list[Row]]:
        """Return what a run has, by series."""
        found: dict[int, list[Row]] = {}
        for number in run.packs:
            pack = self.fetch(number, run)
            for series, first, stop in spans_of(pack):
                found.setdefault(series, []).extend(BarPage(f"S{series}", "1m", pack, first, stop))
        return found


def runs_of(stored: Stored, counts: list[dict[int, int]]) -> tuple[list[Run], dict[int, list[Row]]]:
    """Store a run for each of *counts*: how many bars of which series; return them and all rows by series."""
    rows: dict[int, list[Row]] = {}
    runs = []
    seq = 0
    for each in counts:
        packs = []
        for series in sorted(each):
            new = [row_of(series, len(rows.get(series, [])) + k, seq + k + 1) for k in range(each[series])]
            rows.setdefault(series, []).extend(new)
            packs.append(entry_of(Pack(packed_rows(new, series), len(new), 0)))
        seq += max(each.values())
        runs.append(stored.add(NewRun(seq, 0, 0, packs)))
    return runs, rows


COUNTS = st.lists(
    st.dictionaries(st.integers(1, 9), st.integers(1, 40), min_size=1, max_size=6), min_size=1, max_size=6
)


@given(COUNTS, st.integers(1, 30), st.integers(1, 30))
def test_what_is_merged_has_the_same_bars_in_packs_of_the_same_series(
    counts: list[dict[int, int]], pack_bars: int, mixed_bars: int
) -> None:
    stored = Stored()
    runs, rows = runs_of(stored, counts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewriting, "PACK_BARS", pack_bars)
        patch.setattr(rewriting, "MIXED_BARS", mixed_bars)
        run = stored.add(merged(runs, stored.fetch))
    assert stored.rows(run) == rows
    assert (run.last_seq, run.level, run.bars) == (runs[-1].last_seq, 1, sum(map(len, rows.values())))
    for entry in run.entries:
        assert entry.bars <= max(pack_bars, 1)
        assert entry.first_ns <= entry.last_ns
    for series in rows:
        numbers = [number for number, _ in run.with_series(series)]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))


@given(COUNTS, st.integers(0, 60), st.integers(0, 240))
def test_what_is_cut_has_all_bars_but_those_before_and_after(
    counts: list[dict[int, int]], first: int, last_seq: int
) -> None:
    stored = Stored()
    runs, rows = runs_of(stored, counts)
    run = stored.add(merged(runs, stored.fetch))
    left = stored.add(cut(run, stored.fetch, from_ns=first * MINUTE_NS, last_seq=last_seq))
    wanted = {
        series: kept
        for series, each in rows.items()
        if (kept := [row for row in each if row[2] >= first * MINUTE_NS and row[-1] <= last_seq])
    }
    assert stored.rows(left) == wanted


def test_eight_runs_of_a_level_become_one_of_the_next() -> None:
    """So that there are few, however long it goes on; those of other layouts are left alone."""
    stored = Stored()
    runs: list[Run] = []
    for k in range(600):
        runs.append(stored.add(NewRun(k + 1, 0, 0, [entry_of(Pack(packed_rows([row_of(1, k, k + 1)], 1), 1, 0))])))
        while group := rewriting.mergeable(runs):
            at = runs.index(group[0])
            assert runs[at : at + len(group)] == group
            runs[at : at + len(group)] = [stored.add(merged(group, stored.fetch))]
        assert len(runs) < 4 * rewriting.FAN
    assert [row for run in runs for row in stored.rows(run)[1]] == [row_of(1, k, k + 1) for k in range(600)]
    assert rewriting.mergeable([runs[0]._replace(last_seq=k, layout=k % 2) for k in range(40)]) == []


def test_a_day_that_is_none_is_an_empty_text() -> None:
    pack = Pack(packed_rows([row_of(1, 6, 1)], 1), 1, 0)
    assert list(pack.small(1)) == [NO_DAY]
    assert list(BarPage("S1", "1m", pack, 0, 1)) == [row_of(1, 6, 1)]


@pytest.mark.parametrize(
    ("bars", "width"), [(0, 0), (-1, 0), (2, 0), (1, 1), (1, -1), (1 << 40, 0), (1, 1 << 40), (1 << 20, 1 << 15)]
)
def test_a_directory_that_says_something_else_of_a_pack_is_found_out(bars: int, width: int) -> None:
    """Before anything of that size is made."""
    for rows in (1, 300):
        data = packed_rows([row_of(1, k, k + 1) for k in range(rows)], 1)
        with pytest.raises(CorruptHistory, match="a pack"):
            unpacked(stored_form(data), bars if bars != 2 else rows + 1, width, "a pack")


def test_values_are_columns_after_the_fixed_ones() -> None:
    rows: list[Any] = [row_of(1, k, k + 1) for k in range(3)]
    data = packed_rows(rows, 1)
    at = FIXED * 8 * 3
    pack = Pack(data[:at] + struct.pack("<6d", 1, 2, 3, 4, 5, 6) + data[at:], 3, 2)
    page = BarPage("S1", "1m", pack, 1, 3, ("a", "b"))
    values = page.values("b")
    assert values is not None
    assert values.tolist() == [5, 6]
    assert page.values("c") is None
    assert list(page) == rows[1:]


def test_a_run_whose_row_was_altered_is_none(tmp_path: Path) -> None:
    run = NewRun(5, 0, 0, [entry_of(Pack(packed_rows([row_of(1, 0, 1)], 1), 1, 0))]).numbered(3)
    row = run.row()
    for place in range(len(row)):
        altered = list(row)
        altered[place] = b"x" * 48 if place == 5 else row[place] + 1
        assert run_of_row(altered) is None
        altered[place] = None
        assert run_of_row(altered) is None


def test_bars_with_many_values_are_in_shorter_packs() -> None:
    """So that what is read, or merged, is bounded in bytes."""
    assert bars_a_pack(0) == 4_096
    assert bars_a_pack(60) == (2 << 20) // (116 + 8 * 60)
    assert bars_a_pack(4_096) == 63
    assert bars_a_pack(1 << 20) == 1
