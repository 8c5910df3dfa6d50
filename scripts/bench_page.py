"""The page in a browser: script of an update, updates a second; and what 20 viewers cost the pipeline.

The pipeline pushes in a process of its own while `mtf serve` serves its directory in another; its processor time per
event is measured without viewers and with them, in turn. Needs Chromium (scripts/browser.sh) and playwright.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from market import head, quotes, row

import mtf

SETTINGS: dict[str, Any] = {
    "calendar": "crypto",
    "timeframes": ["1m", "5m", "15m", "1h", "4h", "1d"],
    "indicators": "sma:20,bbands:20,2,rsi:14",
    "clock": "ticks",
}
FIRST = 20_000  # events before anybody looks
SHOWN_S = 15.0
PAUSE_S = 0.01  # between two ticks, while the page is measured: more often than it is drawn
EVENTS = 30_000  # of one round of the pipeline's cost
ROUNDS = 3
VIEWERS = 20
MANY = 10_000  # symbols, of which one is looked at; every second tick is its
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


def pushed(path: str, first: int, count: int, pause_s: float, symbols: int) -> None:
    """Push so many ticks, in the process of the pipeline; print the nanoseconds of processor time for each.

    Of several symbols every second tick is of the first one.
    """
    names = ["EURUSD", *(f"S{k:05}" for k in range(1, symbols))]

    async def push() -> None:
        rows = quotes(first + count)[first:]
        async with mtf.Pipeline(data=path, **SETTINGS) as p:
            begun = time.process_time_ns()
            for k, (ts_ns, bid, ask, bid_size, ask_size) in enumerate(rows):
                name = names[0] if symbols == 1 or k % 2 else names[k // 2 % symbols]
                await p.push(mtf.Tick(name, ts_ns, bid, ask, bid_size, ask_size))
                await asyncio.sleep(pause_s)
            print(json.dumps((time.process_time_ns() - begun) / count))

    asyncio.run(push())


async def pipeline(path: Path, first: int, count: int, pause_s: float = 0.0, symbols: int = 1) -> float:
    """Return the nanoseconds of processor time an event took a pipeline in a process of its own."""
    command = [sys.executable, __file__, "push", *map(str, (path, first, count, pause_s, symbols))]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    return float(out)


@contextlib.asynccontextmanager
async def served(path: Path) -> AsyncIterator[str]:
    command = [sys.executable, "-m", "mtf", "serve", str(path), "--port", "0"]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert child.stdout is not None, "it is piped"
    try:
        while line := (await child.stdout.readline()).decode():
            found = [word for word in line.split() if word.startswith("http://")]
            if found:
                yield found[0]
                return
        raise SystemExit("mtf serve ended before it served")
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def viewer(url: str, seen: list[int]) -> None:
    """Watch as the page does until it is cancelled; count the messages."""
    from websockets.asyncio.client import connect

    async with connect(url.replace("http", "ws") + "ws", compression=None, max_size=None) as socket:
        await socket.send(json.dumps({"watch": ["EURUSD"], "every_ms": 50}))
        async for _ in socket:
            seen[0] += 1


async def script(path: Path, first: int, symbols: int = 1) -> None:
    """Print what an update costs the browser, and how many there are in a second."""
    from playwright.async_api import async_playwright

    chromium = os.environ.get("MTF_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with served(path) as url, async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1600, "height": 1000})
        begun = time.monotonic()
        await page.goto(f"{url}EURUSD?tf=5m&ind=sma:20+bbands:20,2+rsi:14")
        await page.wait_for_function("() => +document.querySelector('.market')?.dataset.seq > 0", timeout=60_000)
        await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")  # painted
        first_ms = (time.monotonic() - begun) * 1_000
        count = round(SHOWN_S / PAUSE_S)
        pushing = asyncio.create_task(pipeline(path, first, count, PAUSE_S, symbols))
        before = await page.evaluate("+document.querySelector('.market').dataset.seq")
        moved = f"() => +document.querySelector('.market').dataset.seq > {before + 20}"
        await page.wait_for_function(moved, timeout=120_000)  # it pushes
        await page.evaluate("() => { window.mtfScriptMs = []; window.mtfUpdates = 0; }")
        begun = time.monotonic()
        await asyncio.sleep(SHOWN_S / 2)
        spent_s = time.monotonic() - begun
        script_ms, updates, texts = await page.evaluate("[window.mtfScriptMs, window.mtfUpdates, window.mtfWrites]")
        await pushing
        await browser.close()
    script_ms.sort()
    head(f"six charts in the page, 1600 x 1000, software drawing, symbols in the pipeline: {symbols:,}", "figure")
    row("script of an update, median, ms", f"{statistics.median(script_ms):.1f}")
    row("the same, p95, ms", f"{script_ms[int(len(script_ms) * 0.95)]:.1f}")
    row("updates a second, of 20 that are sent", f"{updates / spent_s:.1f}")
    row("texts written by the last update", f"{texts}")
    row("first paint of six charts, ms", f"{first_ms:.0f}")


async def cost(path: Path) -> None:
    """Print the processor time of an event in the pipeline, without viewers and with them."""
    alone, watched = [], []
    seen = [0]
    first = FIRST + round(SHOWN_S / PAUSE_S)
    async with served(path) as url:
        for _ in range(ROUNDS):
            alone.append(await pipeline(path, first, EVENTS))
            first += EVENTS
            viewers = [asyncio.create_task(viewer(url, seen)) for _ in range(VIEWERS)]
            watched.append(await pipeline(path, first, EVENTS))
            first += EVENTS
            for each in viewers:
                each.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)
    without, with_them = statistics.median(alone) / 1_000, statistics.median(watched) / 1_000
    head("the pipeline's processor time an event", "µs")
    row("served, without viewers", f"{without:.1f}")
    row(f"with {VIEWERS} viewers, who got {seen[0] / ROUNDS / VIEWERS:.0f} states each", f"{with_them:.1f}")
    row("difference, %", f"{(with_them / without - 1) * 100:+.1f}")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        await pipeline(path, 0, FIRST)
        await script(path, FIRST)
        await cost(path)
        many = Path(folder) / "many"
        await pipeline(many, 0, 2 * MANY, symbols=MANY)
        await script(many, 2 * MANY, MANY)


if __name__ == "__main__":
    if sys.argv[1:2] == ["push"]:
        pushed(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]))
    else:
        asyncio.run(main())
