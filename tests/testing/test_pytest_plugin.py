"""The pytest plug-in: loaded by its entry point, and by nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "mtf.testing.pytest_plugin"
TEST = """
import mtf
from mtf.testing import IndicatorContract, ticks


class TestSma(IndicatorContract):
    spec = "sma:3"


async def run(mtf_pipeline, mtf_clock):
    async with mtf_pipeline(timeframes=["1m"]) as pipeline:
        await pipeline.push(ticks("10:00@1")[0])
        mtf_clock.pass_ns(61_000_000_000)
        await pipeline.drain()
        return [bar.close for bar in pipeline.snapshot("EURUSD")["1m"].bars]


def test_the_clock_closes_the_bar(mtf_pipeline, mtf_clock):
    import asyncio
    assert asyncio.run(run(mtf_pipeline, mtf_clock)) == [1.0]
"""


def test_fixtures_and_contracts_work_in_a_users_suite(tmp_path: Path) -> None:
    """In a process of its own, with nothing of this repository's tests on its path."""
    (tmp_path / "test_mine.py").write_text(TEST)
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN, "-p", "no:asyncio"]
    arguments += ["-W", "error", str(tmp_path)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


def test_a_failing_contract_shows_its_values(tmp_path: Path) -> None:
    """pytest rewrites the assertions in contracts, so that the report says what differs."""
    (tmp_path / "test_mine.py").write_text(
        "from mtf.sources import IterSource\n"
        "from mtf.testing import SourceContract\n"
        "class TestEmpty(SourceContract):\n"
        "    def make(self):\n"
        "        return IterSource([], name='empty')\n"
    )
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN, str(tmp_path)]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "the contract needs a source with events" in done.stdout
    assert "assert 0 > 0" in done.stdout


def test_the_plugin_has_an_entry_point_of_its_own_name() -> None:
    """So it is loaded once, whether pytest finds it or somebody names it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}


def test_mtf_loads_nothing_for_tests() -> None:
    """Nor pytest, which is not installed where mtf runs."""
    unwanted = ("mtf.testing", "mtf.audit", "pytest")
    code = f"import sys, mtf; print([name for name in sys.modules if name.startswith({unwanted})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
