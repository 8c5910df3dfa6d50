"""A browser with the page in it: what it shows, what it complained about, and everything that it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import mtf
from tests.builders import SECOND_NS, at
from tests.cli.builders import json_of

__all__ = ["SETTINGS", "START_NS", "Page", "expected", "opened", "same", "tick"]

playwright = pytest.importorskip("playwright.async_api")

ARGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]
SETTINGS: dict[str, Any] = {
    "calendar": "fx",
    "timeframes": ["1m", "5m", "15m", "1h", "4h", "1d"],
    "indicators": "sma:5,rsi:5,bbands:5,2",
    "clock": "ticks",
}
START_NS = at("2024-03-06 08:00")


def tick(k: int, symbol: str = "EURUSD") -> mtf.Tick:
    """Return the *k*-th tick of a market: one each seven seconds, with a price that wanders."""
    price = 1.09 + ((k * 7919) % 463) / 1e5 + (k % 97) / 1e4
    return mtf.Tick(symbol, START_NS + k * 7 * SECOND_NS, round(price, 5), round(price + 0.0001, 5))


class Page:
    """A page, with what it complained about and what it was sent."""

    def __init__(self, page: Any, home: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self.sent: list[Any] = []  # messages of the live channel
        self._answers: list[Any] = []  # of the API, as responses
        self._home = home
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(error.stack or str(error)))
        page.on("request", self._asked)
        page.on("response", lambda answer: self._answers.append(answer) if "/api/v1/" in answer.url else None)
        page.on("websocket", lambda channel: channel.on("framereceived", self._received))

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self._home):
            self.faults.append(f"a request to {request.url}")

    def _received(self, frame: str | bytes) -> None:
        self.sent.append(json.loads(frame))

    async def answers(self) -> list[Any]:
        """Return what the API has answered so far."""
        found = []
        for answer in self._answers:
            with contextlib.suppress(playwright.Error):  # cancelled, or the server was gone
                found.append(json.loads(await answer.body()))
        return found

    def forgive(self) -> None:
        """Leave out the complaints of a browser whose server was gone."""
        self.faults = [each for each in self.faults if "WebSocket" not in each and "net::ERR_" not in each]

    async def until(self, condition: str, *args: Any) -> Any:
        """Return once *condition*, JavaScript, is true."""
        return await self.page.wait_for_function(condition, arg=list(args), timeout=20_000)

    async def seq(self) -> int:
        return int(await self.page.evaluate("document.querySelector('.market')?.dataset.seq ?? 0"))

    async def shown(self) -> dict[str, Any]:
        """Return by timeframe the forming bar and the live values that the page holds."""
        return await self.page.evaluate(  # type: ignore[no-any-return]
            """() => Object.fromEntries([...document.querySelectorAll('.panel[data-tf]')].map((panel) => {
                const plot = panel.querySelector('.plot');
                const {partial, live} = plot.dataset;
                return [panel.dataset.tf, {seq: +panel.dataset.seq, partial, live}];
            }))"""
        )

    async def press(self, key: str, seq: int | None = None) -> int:
        """Press *key*; return the seq that is shown once it is another one than *seq*."""
        before = await self.seq() if seq is None else seq
        await self.page.keyboard.press(key)
        await self.until("([before]) => +document.querySelector('.market').dataset.seq !== before", before)
        return await self.seq()


@contextlib.asynccontextmanager
async def opened(
    url: str, width: int = 1600, height: int = 1000, held: tuple[str, asyncio.Event] | None = None, **settings: Any
) -> AsyncGenerator[Page, None]:
    """Yield the page at *url*; files like *held* come once its event is set."""
    where = os.environ.get("MTF_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=where, args=ARGS)
        try:
            context = await browser.new_context(viewport={"width": width, "height": height}, **settings)
            page = Page(await context.new_page(), url.split("/", 3)[0] + "//" + url.split("/", 3)[2])
            # The development build of the library says what the other one keeps silent about: times out of order.
            development = os.environ.get("MTF_CHARTS_DEVELOPMENT")
            if development:
                await context.route("**/vendor/lightweight-charts.mjs", lambda route: route.fulfill(path=development))
            if held is not None:
                pattern, released = held

                async def hold(route: Any) -> None:
                    await released.wait()
                    await route.continue_()

                await context.route(pattern, hold)
            await page.page.goto(url)
            yield page
            assert page.faults == [], page.faults
        finally:
            await browser.close()


def expected(data: Path, seq: int) -> dict[str, Any]:
    """Return what `mtf state` prints for that seq, in the words of the page."""
    state = json_of("state", str(data), "--symbol", "EURUSD", "--json", "--at", str(seq), "--bars", "0")
    found = {}
    for name, part in state["symbols"]["EURUSD"]["timeframes"].items():
        partial = part["partial"]
        text = " ".join(_number(partial[field]) for field in ("open", "high", "low", "close")) if partial else ""
        found[name] = {"seq": seq, "partial": text, "live": part["live"]}
    return found


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def same(shown: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert shown.keys() == wanted.keys()
    for name, part in wanted.items():
        assert shown[name]["seq"] == part["seq"]
        assert shown[name]["partial"] == part["partial"], name
        for pair in shown[name]["live"].split():
            output, _, value = pair.partition("=")
            assert (None if value == "null" else float(value)) == part["live"][output], (name, output)
