"""`mtf demo`: a simulated market, live, with the page and the screen of the terminal; without configuration."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from mtf.cli.exits import DONE
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import note
from mtf.cli.page_of import page_of
from mtf.cli.progress import progress_bar
from mtf.cli.typed import called_as, directory_word, program
from mtf.cli.watch_session import WatchSession, is_screen
from mtf.cli.watched import Watched
from mtf.pipeline import Pipeline
from mtf.sources.demo_market import DIGITS, DemoMarket
from mtf.tasks import cancelled

__all__ = ["demo"]

INDICATORS: Final = ("sma:20", "bbands:20,2", "rsi:14")
PREFIX: Final = "mtf-demo-"  # of the temporary directory


@click.command
@click.argument(
    "directory", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), required=False, default=None
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any free port.")
@click.option("--rate", type=click.FloatRange(0.1, 1_000), default=10.0, show_default=True, help="Quotes a second.")
@click.option("--seed", type=int, default=1, show_default=True, help="Each seed gives another market.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.option("--no-screen", is_flag=True, help="Print the address, without a screen.")
@click.pass_context
def demo(
    context: click.Context,
    directory: Path | None,
    port: int,
    rate: float,
    seed: int,
    open_page: bool,
    no_screen: bool,
) -> int:
    """Show a simulated market, live: in a browser at the address that is printed, and in this terminal.

    It has already traded for two months, and runs until q or Ctrl-C. With DIR it is kept there and continues when the
    same command is run again; without DIR it is deleted at the end.
    """
    is_default_port = context.get_parameter_source("port") == ParameterSource.DEFAULT
    with _directory(directory) as path:
        shown = _Demo(path, kept=directory is not None, seed=seed, rate=rate)
        screen = is_screen() and not no_screen
        return run_async(shown.run(port, or_any_port=is_default_port, open_page=open_page, screen=screen))


@contextlib.contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "demo"


class _Demo:
    """The market in *path*, being traded and shown."""

    def __init__(self, path: Path, *, kept: bool, seed: int, rate: float) -> None:
        self._path: Final = path
        self._kept: Final = kept
        self._seed: Final = seed
        self._rate: Final = rate
        self._stopped: Final = asyncio.Event()

    async def run(self, port: int, *, or_any_port: bool, open_page: bool, screen: bool) -> int:
        """Trade and show the market until it is stopped; return the exit code."""
        pipeline = Pipeline(data=self._path, calendar="crypto", indicators=list(INDICATORS))
        code = DONE
        with stop_on_signals(self._stop):
            async with pipeline:
                market = await self._with_its_past(pipeline)
                async with page_of(pipeline, self._path, port=port, or_any_port=or_any_port) as (url, _token):
                    note(f"a simulated market, live on {url}  (Ctrl-C ends it)")
                    if open_page:
                        with contextlib.suppress(webbrowser.Error):
                            webbrowser.open(url)
                    code = await self._until_stopped(pipeline, market, url, screen=screen)
                seq = pipeline.seq
        self._say_goodbye(seq)
        return code

    async def _with_its_past(self, pipeline: Pipeline) -> DemoMarket:
        """Return the market, once its trading up to now is in the log; an existing log continues where it ended."""
        await pipeline.drain()
        known = {}
        newest_ns = 0
        for symbol in pipeline.symbols:
            if symbol in DIGITS:
                snapshot = pipeline.snapshot(symbol)
                newest_ns = max(newest_ns, snapshot.time_ns)
                price = snapshot["1m"].partial or (snapshot["1m"].bars[-1] if snapshot["1m"].bars else None)
                if price is not None:
                    known[symbol] = price.close
        now_ns = time.time_ns()
        market = DemoMarket(seed=self._seed + pipeline.seq, prices=known, since_ns=newest_ns)
        note("simulating two months of trading" if not newest_ns else f"continuing after seq {pipeline.seq:,}")
        async with progress_bar(lambda: ("the past", None, pipeline.seq)):
            await pipeline.run(market.past(now_ns), name=f"past to {now_ns}")
        await pipeline.checkpoint()  # from which page and screen begin
        return market

    async def _until_stopped(self, pipeline: Pipeline, market: DemoMarket, url: str, *, screen: bool) -> int:
        trading = asyncio.create_task(self._trade(pipeline, market), name="mtf demo market")
        showing = asyncio.create_task(self._show(url, screen=screen), name="mtf demo screen")
        try:
            await asyncio.wait({trading, showing}, return_when=asyncio.FIRST_COMPLETED)
            if trading.done():
                await trading  # raises why
            return await showing
        finally:
            await cancelled(trading)
            await cancelled(showing)

    async def _trade(self, pipeline: Pipeline, market: DemoMarket) -> None:
        while True:
            await asyncio.sleep(market.wait_s(self._rate))
            await pipeline.push(market.next_tick(time.time_ns()))

    async def _show(self, url: str, *, screen: bool) -> int:
        """Return when it should end."""
        if not screen:
            await self._stopped.wait()
            return DONE
        with Watched(self._path) as watched:
            return await WatchSession(watched, f"demo, in a browser: {url} ").run()

    def _stop(self, _number: int) -> bool:
        self._stopped.set()
        return True

    def _say_goodbye(self, seq: int) -> None:
        called = program(called_as())
        if self._kept:
            note(f"{seq:,} events were kept; look at them with: {called} serve {directory_word(self._path)}")
        else:
            note(f"ended after {seq:,} events, which were deleted; to keep them: {called} demo DIR")
