"""Audits: planted consumers are caught at the first output that is wrong, and honest ones pass."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import deque
from pathlib import Path

import numpy as np
import orjson
import pytest

import mtf
from mtf.audit import audit
from mtf.audit.outputs import text_of
from mtf.errors import ConfigError
from tests.audit import planted
from tests.builders import at
from tests.cli.builders import mtf as command

SETTINGS = {"timeframes": ["1m", "5m"], "calendar": "crypto", "clock": "ticks", "checkpoint_seconds": None}
TICKS = 400


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with 400 ticks of two symbols over an hour, pushed one by one."""
    folder = tmp_path_factory.mktemp("audit") / "run"

    async def make() -> None:
        chance = random.Random(7)
        async with mtf.Pipeline(data=folder, **SETTINGS) as pipeline:  # type: ignore[arg-type]
            price = 1.0
            for k in range(TICKS):
                price += chance.choice((-0.01, 0.0, 0.01))
                symbol = "AAA" if k % 3 else "BBB"
                await pipeline.push(mtf.Tick(symbol, at("10:00") + k * 9_000_000_000, price, price + 0.01))

    asyncio.run(make())
    return folder


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setenv(planted.DIRECTORY, str(run))
    planted.Remembers.highs.clear()


@pytest.mark.parametrize("consumer", [planted.Crosses, planted.Waits, planted.Sums])
async def test_honest_consumers_pass(consumer: type[mtf.Consumer], run: Path) -> None:
    """Whatever they look like: async, by blocks, with state and without."""
    report = await audit(run, consumer)
    assert report.findings == ()
    assert report.clean
    assert report.notes == ()
    assert report.outputs > 10
    assert (report.first_seq, report.last_seq) == (1, TICKS)
    assert len(report.cuts) == 8


async def test_who_reads_the_log_is_caught_at_the_first_read(run: Path) -> None:
    """The history holds the bars that come: here the first bar is asked for the one after it."""
    report = await audit(run, planted.Peeks)
    (finding,) = report.findings
    assert (finding.check, finding.channel) == ("future", "on_bar")
    assert finding.found.startswith(str(run))
    first_bar_seq = 8  # the first tick of 10:01 or later closes the first minute
    assert finding.seq == first_bar_seq


async def test_a_row_that_uses_later_rows_of_its_block_is_caught(run: Path) -> None:
    """Vectorised code has no view to protect it: blocks of another size show it."""
    report = await audit(run, planted.Centered)
    finding = report.findings[0]
    assert (finding.check, finding.channel) == ("future", "smooth")
    assert "smaller blocks" in finding.sentence
    assert 1 < finding.seq < TICKS


async def test_what_an_earlier_run_left_behind_is_the_future(run: Path) -> None:
    """In an optimisation the second run knows all that the first one saw."""
    report = await audit(run, planted.Remembers)
    finding = report.findings[0]
    assert finding.check == "future"
    assert "after a first run" in finding.sentence


@pytest.mark.parametrize("consumer", [planted.Guesses, planted.Numbers])
async def test_what_differs_from_run_to_run_is_named(consumer: type[mtf.Consumer], run: Path) -> None:
    """At the first output that differs; no other check says anything about such a consumer."""
    report = await audit(run, consumer)
    (finding,) = report.findings
    assert (finding.check, finding.seq) == ("determinism", 8)
    assert finding.expected != finding.found
    assert any("save() and load()" in note for note in report.notes)


async def test_lost_state_is_named_with_the_output_that_shows_it(run: Path) -> None:
    """The first one after the restart."""
    report = await audit(run, planted.Forgets)
    (finding,) = report.findings
    middle = report.cuts[4]
    assert (finding.check, finding.channel, finding.seq) == ("restart", "ticks", middle + 1)
    assert finding.expected == f"{middle + 1} at seq {middle + 1}"
    assert finding.found == f"1 at seq {middle + 1}"


async def test_a_consumer_without_outputs_is_refused(run: Path) -> None:
    """ "Clean" would be a lie."""
    with pytest.raises(ConfigError, match="no outputs that can be compared"):
        await audit(run, planted.Silent)


async def test_an_output_that_is_changed_afterwards_is_caught(run: Path) -> None:
    """Whoever reads the list in the end reads what nobody knew at the time."""
    report = await audit(run, planted.Repaints)
    finding = report.findings[0]
    assert (finding.check, finding.channel, finding.seq) == ("future", "labels", 2)
    assert (finding.expected, finding.found) == ("'?' at seq 2", f"'up' at seq {TICKS}")


async def test_files_outside_of_the_directory_are_noted_only(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be a future in them, or a list of holidays."""
    (tmp_path / "holidays.txt").write_text("2024-12-25")
    monkeypatch.setenv(planted.FILE, str(tmp_path / "holidays.txt"))
    report = await audit(run, planted.ReadsElsewhere, cuts=2)
    assert report.clean
    assert any("holidays.txt" in note for note in report.notes)
    assert any("saves no state" in note for note in report.notes)


async def test_bounds_are_checked(tmp_path: Path, run: Path) -> None:
    """A log of one event has no beginning and no end."""
    with pytest.raises(ConfigError, match="cuts must be between 1 and 1000"):
        await audit(run, planted.Crosses, cuts=0)
    with pytest.raises(ConfigError, match="at least two events"):
        await audit(run, planted.Crosses, until=1)
    short = await audit(run, planted.Crosses, until=100, cuts=3)
    assert (short.last_seq, short.cuts) == (100, (25, 50, 75))


def test_equal_values_have_equal_texts_and_others_do_not() -> None:
    """Floats by their bits, sets without an order, and nothing that has its place in memory as its text."""
    assert text_of({1, 2, 3}) == text_of({3, 2, 1})
    assert text_of(0.1 + 0.2) != text_of(0.3)
    assert text_of(float("nan")) == text_of(float("nan"))
    assert text_of(0.0) != text_of(-0.0)
    assert text_of([1, (2.5, None)]) == text_of(deque([1, [2.5, None]]))
    assert text_of(np.array([1.5, 2.5])) == text_of([1.5, 2.5])
    assert text_of(object()) == ""
    assert text_of([1, object()]) == ""
    endless: list[object] = []
    endless.append(endless)
    assert text_of(endless) == ""


def test_the_command_reports_with_exit_codes(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 clean, 1 found, 2 nothing to compare; as JSON for a pipeline that gates on it."""
    monkeypatch.setitem(sys.modules, "planted", planted)
    clean = command("audit", run, "--consumer", "planted:Crosses", "--json")
    assert clean.exit_code == 0, clean.output
    assert orjson.loads(clean.stdout)["clean"] is True
    caught = command("audit", run, "--consumer", "planted:Forgets", "--cuts", "3")
    assert caught.exit_code == 1
    assert caught.stdout.startswith("loses state: at seq 201, ticks: ")
    assert "Forgets: 1 found" in caught.stdout
    nothing = command("audit", run, "--consumer", "planted:Silent")
    assert nothing.exit_code == 2
    assert "return values from callbacks" in nothing.stderr
    assert os.environ[planted.DIRECTORY] == str(run)
