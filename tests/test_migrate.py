"""What docs/migrate.md shows of pandas, polars and mtf is what happens."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import mtf

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "migrate.md"
TEXT: Final = PAGE.read_text("utf-8")


def test_figures_of_pandas_and_polars_are_those_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a library is right it is shown to be, and where it is not, by how much."""
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```pycon\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    failed, tried = doctest.DocTestRunner().run(test, out=report.append)
    assert tried > 20
    assert not failed, "".join(report)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # pandas 3 says that it ignores the offset
def test_pandas_ignores_the_offset_of_days() -> None:
    """As the page says: the bars of New York's days begin at midnight, whatever the offset."""
    pd = pytest.importorskip("pandas", minversion="3", reason="the page is about pandas 3 here")
    hours = pd.date_range("2024-03-05", periods=48, freq="h", tz="America/New_York")
    days = pd.Series(range(48), hours).resample("D", offset="17h").last()
    assert {label.hour for label in days.index} == {0}


@pytest.mark.parametrize("number", [0, 1])
def test_programs_of_mtf_run(number: int, tmp_path: Path) -> None:
    programs = re.findall(r"^```python\n(# mtf\n.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    assert len(programs) == 2
    with (tmp_path / "week.csv").open("w") as file:
        file.write("time,symbol,bid,ask\n")
        for tick in mtf.open_source("synthetic:seed=7,symbols=EURUSD,events=4000,pace_ms=15000,start=2024-03-07"):
            file.write(f"{tick.ts_ns},{tick.symbol},{tick.bid},{tick.ask}\n")
    (tmp_path / "program.py").write_text(programs[number])
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
