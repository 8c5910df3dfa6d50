"""What is timed side by side is the same: bars to the bit, values but for rounding; and the rest is named."""

from __future__ import annotations

import json
import math
import shutil
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "entrants"))

import bench_peers
import instructions
import mtf_arrays
import mtf_calls
from contest import Case, Entry, FullBar, Ticks, read_ticks, write_ticks
from hand import prepare as by_hand
from plots import growth_plot

LENGTHS = (60, 300, 86_400)


def ticks(symbols: int, count: int, step_ms: int) -> Ticks:
    case = Case(symbols, LENGTHS, "none")
    return bench_peers.ticks_of(bench_peers.Question("", case, step_ms * 1_000_000, count))


def found(entry: Entry) -> tuple[list[FullBar], dict[tuple[int, int], tuple[float, ...]]]:
    entry.run()
    result = entry.result()
    return sorted(result.bars), result.values or {}


def test_the_loop_by_hand_makes_these_bars() -> None:
    """A tick on the end of a bar completes it and belongs to the next; the bar that forms is not complete."""
    minute = 60_000_000_000
    few = Ticks(
        array("i", [0] * 5),
        array("q", [1, minute - 1, minute, 2 * minute + 5, 5 * minute]),
        array("d", [5.0, 7.0, 4.0, 6.0, 6.0]),
        array("d", [1.0, 0.5, 2.0, 1.0, 1.0]),
    )
    bars, _ = found(by_hand(Case(1, (60, 300), "none"), few))
    assert bars == [
        (0, 0, 0, 5.0, 7.0, 5.0, 7.0, 1.5, 2),
        (0, 0, minute, 4.0, 4.0, 4.0, 4.0, 2.0, 1),
        (0, 0, 2 * minute, 6.0, 6.0, 6.0, 6.0, 1.0, 1),
        (0, 1, 0, 5.0, 7.0, 4.0, 6.0, 4.5, 4),
    ]


@pytest.mark.parametrize(("symbols", "values"), [(1, "none"), (1, "closed"), (1, "live"), (7, "live")])
def test_mtf_makes_the_bars_and_values_of_the_loop_by_hand(symbols: int, values: str) -> None:
    case, given = Case(symbols, LENGTHS, values), ticks(symbols, 1_500, 7_000 // symbols)
    bars, expected = found(by_hand(case, given))
    called, calls = found(mtf_calls.prepare(case, given))
    flown, _ = found(mtf_arrays.prepare(case, given))
    assert len(bars) > 50
    assert called == flown == bars
    assert calls.keys() == expected.keys()
    for place, numbers in expected.items():
        assert all(map(bench_peers.same, calls[place], numbers)), place
    assert values == "none" or any(math.isfinite(number) for numbers in expected.values() for number in numbers)


def test_ticks_in_a_file_are_those_that_were_written(tmp_path: Path) -> None:
    given = ticks(3, 50, 100)
    write_ticks(tmp_path / "ticks", given)
    assert read_ticks(tmp_path / "ticks") == given


def answer(**other: Any) -> dict[str, Any]:
    return {"bars": 2, "digest": "a", "uncounted": "b", "counted": True, "values": [[0, 0, 1.0, math.nan]], **other}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (answer(), ""),
        (answer(values=[[0, 0, 1.0 + 1e-12, math.nan]]), ""),
        (answer(counted=False, digest="of no counts"), ""),
        (answer(bars=3), "other bars: 3 instead of 2"),
        (answer(digest="c"), "other bars: as many, with other numbers"),
        (answer(values=[[0, 0, 1.1, math.nan]]), "other values of indicators"),
        (answer(values=[[0, 0, 1.0, 5.0]]), "other values of indicators"),
        (answer(values=[[0, 0, 1.0]]), "other values of indicators"),
        (answer(values=[]), "other values of indicators"),
        (answer(values=None), ""),
        ({"cannot": "bars alone"}, "bars alone"),
    ],
)
def test_other_results_are_not_timed_and_why_is_said(given: dict[str, Any], why: str) -> None:
    assert bench_peers.differing(given, answer()) == why


def test_a_plot_names_each_line_once_and_higher_figures_lie_higher() -> None:
    lines = {"slow <one>": [(1.0, 100.0), (10.0, 900.0)], "fast": [(1.0, 10.0), (10.0, 10.0)]}
    svg = growth_plot("Growth", "symbols", "ns", lines).svg
    assert svg.count("slow &lt;one&gt;") == svg.count(">fast<") == 1
    assert svg.count("<circle") == 4
    heights = [float(part.split('"')[0]) for part in svg.split('cy="')[1:]]
    assert heights[1] < heights[0] < heights[2] == heights[3]


def test_without_valgrind_nothing_is_judged_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert instructions.main([]) == 0
    assert capsys.readouterr().out == "instructions a tick: not counted: valgrind is not installed\n"


@pytest.mark.parametrize(
    ("counted", "compiler", "code"), [(1_000, "gcc", 0), (1_029, "gcc", 0), (1_031, "gcc", 1), (2_000, "clang", 0)]
)
def test_a_tick_that_takes_more_instructions_fails_where_counts_can_be_compared(
    counted: int,
    compiler: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = tmp_path / "right.json"
    right.write_text(json.dumps({"built_with": {"compiler": "gcc"}, "instructions": {"case": 1_000}}))
    monkeypatch.setattr(instructions, "RIGHT", right)
    monkeypatch.setattr(instructions, "CASES", {"case": {}})
    monkeypatch.setattr(instructions, "COMPILED", True)
    monkeypatch.setattr(instructions, "built_with", lambda: {"compiler": compiler})
    monkeypatch.setattr(instructions, "counted", lambda _valgrind, _case, ticks: 5_000 + counted * ticks)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/valgrind")
    assert instructions.main([]) == code
    said = capsys.readouterr().out
    assert ("not judged" in said) == (compiler == "clang")
    assert ("find out why" in said) == (code == 1)
