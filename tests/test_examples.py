"""Each program of examples/ does what its first paragraph says, run as a reader runs it."""

from __future__ import annotations

import ast
import asyncio
import functools
import importlib.util
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

import mtf
from mtf.testing import IndicatorContract, SourceContract, bars

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLES: Final = ROOT / "examples"
NAMES: Final = (
    "crossover",
    "duckdb_export",
    "notebook",
    "numpy_consumer",
    "own_indicator",
    "own_source",
    "parquet_bars",
    "sweep_crossover",
    "web_app",
)
START_NS: Final = 1_709_719_200_000_000_000  # 2024-03-06T10:00Z
SECOND_NS: Final = 1_000_000_000
WEEK: Final = "synthetic:seed=3,symbols=EURUSD,events=20000,pace_ms=15000,start=2024-03-06"


@functools.cache
def example(name: str) -> ModuleType:
    """Import an example, from where it is; once, as an indicator can be registered only once."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run(name: str, *args: object, cwd: Path) -> str:
    """Run an example in a process of its own and return what it prints."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *(str(arg) for arg in args)]
    done = subprocess.run(
        command, cwd=cwd, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_week(path: Path, first: int = 0, last: int = 20_000) -> Path:
    """Write, or append, some rows of a synthetic week to a file of quotes."""
    path.parent.mkdir(exist_ok=True)
    ticks = list(mtf.open_source(WEEK))[first:last]
    with path.open("a") as file:
        if not first:
            file.write("time,symbol,bid,ask\n")
        file.writelines(f"{tick.ts_ns},{tick.symbol},{tick.bid},{tick.ask}\n" for tick in ticks)
    return path


def test_every_example_is_run_here_and_says_what_it_shows() -> None:
    """One that nobody runs is wrong before long."""
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(NAMES)
    for name in NAMES:
        text = (EXAMPLES / f"{name}.py").read_text()
        docstring = text.partition("\n\n")[0] if text.startswith("# %%") else ast.get_docstring(ast.parse(text))
        assert docstring is not None
        assert f"examples/{name}.py" in docstring or f"--app-dir examples {name}:app" in docstring


class TestCrossover:
    """A strategy on two timeframes that survives a restart exactly."""

    def test_it_trades_and_prints_its_trades(self, tmp_path: Path) -> None:
        lines = run("crossover", cwd=tmp_path).splitlines()
        assert len(lines) > 10
        assert lines[-1].startswith(f"{len(lines) - 1} trades, cash ")

    def test_stopped_in_the_middle_it_makes_the_same_trades(self, tmp_path: Path) -> None:
        """The file grows between the two runs, as a live one does."""
        whole = run("crossover", write_week(tmp_path / "whole.csv"), cwd=tmp_path)
        parts = tmp_path / "parts.csv"
        half = run("crossover", write_week(parts, last=11_000), "--data", "paper", cwd=tmp_path)
        write_week(parts, first=11_000)
        assert run("crossover", parts, "--data", "paper", cwd=tmp_path) == whole
        assert half.splitlines()[:-1] == whole.splitlines()[: len(half.splitlines()) - 1]
        assert 0 < len(half.splitlines()) < len(whole.splitlines())

    @pytest.mark.parametrize("at", [3_000, 12_345])
    def test_killed_at_any_tick_it_makes_the_same_trades(self, at: int, tmp_path: Path) -> None:
        """What came after the last checkpoint is shown to it again."""
        week = write_week(tmp_path / "week.csv")
        whole = run("crossover", week, cwd=tmp_path)
        code = f"""
import asyncio, importlib.util, os
spec = importlib.util.spec_from_file_location("crossover", {str(EXAMPLES / "crossover.py")!r})
crossover = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crossover)
class Crossover(crossover.Crossover):
    def on_tick(self, tick, view):
        super().on_tick(tick, view)
        if view.seq == {at}:
            os._exit(9)
asyncio.run(crossover.trade({str(week)!r}, "paper", Crossover()))
"""
        killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=120, check=False)
        assert killed.returncode == 9
        assert run("crossover", week, "--data", "paper", cwd=tmp_path) == whole

    def test_an_audit_finds_nothing(self, tmp_path: Path) -> None:
        """It does not know the future, is deterministic, and loses no state."""
        data = tmp_path / "paper"
        run("crossover", write_week(tmp_path / "week.csv", last=9_000), "--data", data, cwd=tmp_path)
        command = [sys.executable, "-m", "mtf", "audit", str(data), "--consumer", "crossover:Crossover", "--cuts", "3"]
        audit = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=120, check=False)
        assert audit.returncode == 0, audit.stdout + audit.stderr


class TestNumpyConsumer:
    """Frames as columns for NumPy."""

    def test_it_prints_a_histogram_for_each_timeframe(self, tmp_path: Path) -> None:
        pytest.importorskip("numpy")
        lines = run("numpy_consumer", write_week(tmp_path / "week.csv", last=4_000), cwd=tmp_path).splitlines()
        assert [line.split()[0] for line in lines] == ["1m", "15m", "1h", "4h"]
        assert all(len(line.split()) == 11 for line in lines)

    def test_it_counts_what_a_callback_for_each_tick_would(self) -> None:
        pytest.importorskip("numpy")
        source = "synthetic:seed=3,symbols=EURUSD+GBPUSD,events=3000,start=2024-03-06"
        counted = asyncio.run(example("numpy_consumer").count(source, ["1m", "1h"])).counts.tolist()

        class Slow(mtf.Consumer):
            def __init__(self) -> None:
                self.counts = [[0] * 10, [0] * 10]

            def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
                for rank, timeframe in enumerate(("1m", "1h")):
                    bar = view[timeframe].partial
                    if bar is not None and bar.high > bar.low:
                        self.counts[rank][min(9, int((bar.close - bar.low) / (bar.high - bar.low) * 10))] += 1

        async def count() -> Slow:
            slow = Slow()
            async with mtf.Pipeline(data=None, timeframes="1m,1h", clock="ticks") as pipeline:
                pipeline.add(slow)
                await pipeline.run(source)
            return slow

        slow = asyncio.run(count()).counts
        assert [sum(each) for each in counted] == [sum(each) for each in slow]
        assert all(abs(a - b) <= 2 for each in zip(counted, slow, strict=True) for a, b in zip(*each, strict=True))


class TestDuckDBExport:
    """Completed bars into DuckDB, each exactly once."""

    def rows(self, path: Path) -> list[tuple[Any, ...]]:
        import duckdb

        with duckdb.connect(str(path), read_only=True) as database:
            found: list[tuple[Any, ...]] = database.execute("SELECT * FROM bars ORDER BY ALL").fetchall()
        return found

    def expected(self, data: Path) -> list[tuple[Any, ...]]:
        """Return the rows as mtf stored them."""
        names = ("symbol", "timeframe", "start_ns", "open", "high", "low", "close", "volume", "ticks", "seq")
        stored = mtf.open(data).bars("EURUSD", ["1m", "5m", "1h"]).to_dicts()
        return sorted(tuple(bar[name] for name in names) for bar in stored)

    def test_run_twice_and_grown_it_has_each_bar_once(self, tmp_path: Path) -> None:
        pytest.importorskip("duckdb")
        week = write_week(tmp_path / "week.csv", last=3_000)
        for last in (3_000, 3_000, 5_000):
            if last > 3_000:
                write_week(week, first=3_000, last=last)
            run("duckdb_export", week, "run", "bars.duckdb", cwd=tmp_path)
            assert sorted(self.rows(tmp_path / "bars.duckdb")) == self.expected(tmp_path / "run")
        assert len(self.expected(tmp_path / "run")) > 1_000

    def test_table_that_was_deleted_is_filled_again(self, tmp_path: Path) -> None:
        """Its log has everything."""
        pytest.importorskip("duckdb")
        week = write_week(tmp_path / "week.csv", last=2_000)
        run("duckdb_export", week, "run", "bars.duckdb", cwd=tmp_path)
        run("duckdb_export", week, "run", "other.duckdb", cwd=tmp_path)
        assert self.rows(tmp_path / "other.duckdb") == self.rows(tmp_path / "bars.duckdb")

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_killed_around_a_commit_it_has_each_bar_once(self, when: str, tmp_path: Path) -> None:
        """The worst moments: the bars are not in the table yet, or they are, and mtf has not been informed."""
        pytest.importorskip("duckdb")
        week = write_week(tmp_path / "week.csv", last=4_000)
        code = f"""
import asyncio, importlib.util, os
spec = importlib.util.spec_from_file_location("duckdb_export", {str(EXAMPLES / "duckdb_export.py")!r})
duckdb_export = importlib.util.module_from_spec(spec)
spec.loader.exec_module(duckdb_export)
class Killed(duckdb_export.DuckDBExport):
    def on_frame(self, frame):
        kill = frame.last_seq > 2000 and len(self._rows) > 0
        if kill and {when == "before"}:
            os._exit(9)
        super().on_frame(frame)
        if kill:
            os._exit(9)
duckdb_export.DuckDBExport = Killed
asyncio.run(duckdb_export.export({str(week)!r}, "run", "bars.duckdb"))
"""
        killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=120, check=False)
        assert killed.returncode == 9
        run("duckdb_export", week, "run", "bars.duckdb", cwd=tmp_path)
        assert sorted(self.rows(tmp_path / "bars.duckdb")) == self.expected(tmp_path / "run")

    def test_log_that_lost_its_end_takes_the_bars_back(self, tmp_path: Path) -> None:
        """The table is ahead of a log that was restored from a copy; what the log has not, the table must not have."""
        pytest.importorskip("duckdb")
        week = write_week(tmp_path / "week.csv", last=2_000)
        run("duckdb_export", week, "run", "bars.duckdb", cwd=tmp_path)
        early = self.rows(tmp_path / "bars.duckdb")
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
        write_week(week, first=2_000, last=3_000)
        run("duckdb_export", week, "run", "bars.duckdb", cwd=tmp_path)
        late = self.rows(tmp_path / "bars.duckdb")
        assert len(early) < len(late)
        shutil.rmtree(tmp_path / "run")
        shutil.copytree(tmp_path / "copy", tmp_path / "run")
        run(
            "duckdb_export", write_week(tmp_path / "short" / "week.csv", last=2_000), "run", "bars.duckdb", cwd=tmp_path
        )
        assert self.rows(tmp_path / "bars.duckdb") == early
        run("duckdb_export", week, "run", "bars.duckdb", cwd=tmp_path)
        assert self.rows(tmp_path / "bars.duckdb") == late


class TestNotebook:
    """Cell by cell, as Jupyter shows it; here from top to bottom."""

    def test_it_runs_and_draws(self, tmp_path: Path) -> None:
        pytest.importorskip("polars")
        printed = run("notebook", cwd=tmp_path)
        assert "rsi_14" in printed
        assert "hourly_rsi" in printed
        assert (tmp_path / "hours.svg").read_text().startswith("<svg ")

    def test_its_cells_are_those_of_a_notebook(self) -> None:
        """Text is commented, code is not, and each cell is whole."""
        cells = re.split(r"^# %%(.*)\n", (EXAMPLES / "notebook.py").read_text(), flags=re.MULTILINE)[1:]
        kinds, bodies = cells[::2], cells[1::2]
        assert set(kinds) == {"", " [markdown]"}
        for kind, body in zip(kinds, bodies, strict=True):
            if kind:
                assert all(line.startswith("#") for line in body.splitlines() if line)
            else:
                compile(body, "notebook.py", "exec")


class TestOwnIndicator:
    """An indicator that works wherever a spec does."""

    def test_it_prints_the_newest_values(self, tmp_path: Path) -> None:
        lines = run("own_indicator", write_week(tmp_path / "week.csv"), cwd=tmp_path).splitlines()
        assert lines[-1].startswith("EURUSD now: 5m ")
        assert "nan" not in lines[-1]
        assert "deviations away" in lines[0]

    def test_value_is_that_of_the_formula(self) -> None:
        """The closes 1 2 3 4 5: mean 3, standard deviation √2."""
        example("own_indicator")
        indicator = mtf.indicators.create("zscore:5")
        for bar in bars("1/1/1/1 2/2/2/2 3/3/3/3 4/4/4/4 5/5/5/5"):
            indicator.update(bar)
        assert indicator.values() == pytest.approx((2.0 / 2.0**0.5,))

    class TestContract(IndicatorContract):
        spec = "zscore:5"

        @pytest.fixture(autouse=True)
        def _registered(self) -> None:
            example("own_indicator")


def write_trades(path: Path, count: int) -> Path:
    """Write, or append, a trade a second to a table, so that it has *count*."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE IF NOT EXISTS trades(symbol, ts_ns, price, size)")
        (have,) = database.execute("SELECT count(*) FROM trades").fetchone()
        rows = [("X", START_NS + k * SECOND_NS, 100.0 + k % 7 / 4, 1.0) for k in range(have, count)]
        database.executemany("INSERT INTO trades VALUES (?, ?, ?, ?)", rows)
    database.close()
    return path


class TestOwnSource:
    """A table of SQLite as a source, resumed at the exact row."""

    def test_second_run_reads_the_new_rows_only(self, tmp_path: Path) -> None:
        trades = write_trades(tmp_path / "trades.sqlite", 500)
        printed = run("own_source", trades, "run", cwd=tmp_path)
        assert printed == "500 new trades of 500, bars {'1m': 8, '1h': 0}\n"
        write_trades(trades, 4_000)
        printed = run("own_source", trades, "run", cwd=tmp_path)
        assert printed == "3500 new trades of 4000, bars {'1m': 66, '1h': 1}\n"

    class TestContract(SourceContract):
        @pytest.fixture(autouse=True)
        def _table(self, tmp_path: Path) -> None:
            self.path = write_trades(tmp_path / "trades.sqlite", 150)

        def make(self) -> mtf.Source:
            source: mtf.Source = example("own_source").TradesTable(str(self.path))
            return source


class TestParquetBars:
    """Binance's trades to Parquet files of bars."""

    @pytest.mark.parametrize("form", ["csv", "zip"])
    def test_files_have_the_completed_bars(self, form: str, tmp_path: Path) -> None:
        """Trades of 1, 2, ... at one a second: a minute's open and close are known, and the last minute is not over."""
        pytest.importorskip("arro3.io")
        pl = pytest.importorskip("polars")
        lines = [
            f"{k},{k}.5,2,{2 * k + 1},{START_NS // 1_000_000 + (k - 1) * 1_000},true,true\n" for k in range(1, 150)
        ]
        path = tmp_path / f"BTCUSDT-trades-2024-03-06.{form}"
        if form == "csv":
            path.write_text("".join(lines))
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("BTCUSDT-trades-2024-03-06.csv", "".join(lines))
        assert run("parquet_bars", path.name, "1m,1h", cwd=tmp_path).splitlines() == [
            "BTCUSDT-trades-2024-03-06.1m.parquet",
            "BTCUSDT-trades-2024-03-06.1h.parquet",
        ]
        minutes = pl.read_parquet(tmp_path / "BTCUSDT-trades-2024-03-06.1m.parquet")
        assert minutes["symbol"].to_list() == ["BTCUSDT", "BTCUSDT"]
        assert minutes.select("open", "close", "volume", "ticks").rows() == [
            (1.5, 60.5, 120.0, 60),
            (61.5, 120.5, 120.0, 60),
        ]
        assert pl.read_parquet(tmp_path / "BTCUSDT-trades-2024-03-06.1h.parquet").height == 0


class TestSweepCrossover:
    """A crossover under every pair of averages."""

    def test_program_and_command_give_the_table_of_the_page_and_compute_it_once(self, tmp_path: Path) -> None:
        """The consumer's path is the same for both, so that the command finds everything done."""
        pytest.importorskip("arro3.io")
        lines = run("sweep_crossover", cwd=tmp_path).splitlines()
        assert lines[-1] == "6 done now, 0 before, 0 failed: crossover-sweep/results.parquet"
        data, out = tmp_path / "crossover-run", tmp_path / "crossover-sweep"
        command = [sys.executable, "-m", "mtf", "sweep", str(data), "--out", str(out), "--best", "profit"]
        command += ["--set", "indicators=sma:{5..15..5},sma:{20,40}", "--consumer", "sweep_crossover:Crossover"]
        done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=120, check=True)
        assert "; 6 done before, 0 to run, " in done.stderr
        page = (ROOT / "docs" / "sweeps.md").read_text("utf-8")
        assert "\n".join(done.stdout.splitlines()[:7]) in page
        assert [line.split()[0] for line in lines[:-1]] == [line.split()[0] for line in done.stdout.splitlines()[1:7]]

    def test_an_audit_finds_nothing(self, tmp_path: Path) -> None:
        """A table of results is worth nothing if the consumer knows the future."""
        data = tmp_path / "run"
        week = write_week(tmp_path / "week.csv", last=6_000)
        settings = ["--timeframes", "1m,15m", "--indicators", "sma:2,sma:5"]
        made = [sys.executable, "-m", "mtf", "run", str(week), "--data", str(data), *settings]
        subprocess.run(made, cwd=tmp_path, capture_output=True, timeout=120, check=True)
        command = [sys.executable, "-m", "mtf", "audit", str(data), "--consumer", "sweep_crossover:Crossover"]
        audit = subprocess.run(
            [*command, "--cuts", "2"], cwd=EXAMPLES, capture_output=True, text=True, timeout=120, check=False
        )
        assert audit.returncode == 0, audit.stdout + audit.stderr


class TestWebApp:
    """A pipeline in the lifespan of a web app; called as a server calls it, without one."""

    async def call(self, app: Any, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """Ask *app* and return status and body."""
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "app": app}
        await app(scope, receive, send)
        text = b"".join(message.get("body", b"") for message in messages)
        return messages[0]["status"], json.loads(text) if text.startswith(b"{") else text.decode()

    async def test_ticks_go_in_and_snapshots_come_out(self) -> None:
        pytest.importorskip("starlette")
        app = example("web_app").make_app(calendar="crypto", timeframes="1m,1h", clock="ticks")
        ticks = [{"symbol": "X", "ts_ns": START_NS + k * SECOND_NS, "price": 100.0 + k, "size": 1.0} for k in range(61)]
        async with app.router.lifespan_context(app):
            assert (await self.call(app, "GET", "/snapshot/X"))[0] == 404
            assert await self.call(app, "POST", "/ticks", json.dumps(ticks).encode()) == (200, {"seq": 61})
            status, state = await self.call(app, "GET", "/snapshot/X")
            assert status == 200
            assert state["seq"] == 61
            assert [bar["close"] for bar in state["timeframes"]["1m"]["bars"]] == [159.0]
            assert state["timeframes"]["1m"]["partial"]["open"] == 160.0
            assert state["timeframes"]["1h"]["partial"]["ticks"] == 61

    @pytest.mark.parametrize("body", [b"no json", b'[{"price": 1.0}]', b"[1]", b"1"])
    async def test_body_that_is_not_ticks_is_refused(self, body: bytes) -> None:
        pytest.importorskip("starlette")
        app = example("web_app").make_app(calendar="crypto", timeframes="1m", clock="ticks")
        async with app.router.lifespan_context(app):
            status, text = await self.call(app, "POST", "/ticks", body)
        assert status == 400
        assert text

    async def test_feed_is_pushed_while_the_app_runs_and_ends_with_it(self) -> None:
        pytest.importorskip("starlette")
        pushed = asyncio.Event()

        async def feed() -> AsyncIterator[mtf.Tick]:
            yield mtf.Tick("X", START_NS, price=100.0, size=1.0)
            pushed.set()
            await asyncio.Event().wait()  # a feed that goes on for ever

        app = example("web_app").make_app(feed(), calendar="crypto", timeframes="1m", clock="ticks")
        async with app.router.lifespan_context(app):
            await pushed.wait()
            await app.state.pipeline.applied(1)
            assert (await self.call(app, "GET", "/snapshot/X"))[1]["timeframes"]["1m"]["partial"]["close"] == 100.0
        assert len(asyncio.all_tasks()) == 1

    async def test_feed_that_fails_is_reported_when_the_app_ends(self) -> None:
        """Its error is not lost in a task that nobody looks at."""
        pytest.importorskip("starlette")

        async def feed() -> AsyncIterator[mtf.Tick]:
            yield mtf.Tick("X", START_NS, price=100.0, size=1.0)
            raise RuntimeError("the cable is cut")

        app = example("web_app").make_app(feed(), calendar="crypto", timeframes="1m", clock="ticks")
        with pytest.raises(RuntimeError, match="the cable is cut"):
            async with app.router.lifespan_context(app):
                await asyncio.wait([app.state.feeding])
