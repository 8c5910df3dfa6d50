"""What the page looks like, read from its pixels: filled is finished, outlined is forming, and no colour is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mtf
from tests.builders import at
from tests.web.asking import recorded, serving
from tests.web.browsing import SETTINGS, opened

pytestmark = pytest.mark.browser

SHOWN = "([seq]) => +document.querySelector('.market')?.dataset.seq === seq"

# The colours at the middle of the bodies of the last bars of the focused chart, the forming one last; and the column's
# at its foot. Each as [red, green, blue].
MIDDLES = """async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const { chart } = [...window.mtf.market.panels.values()].find((panel) => panel.focus);
    const drawn = chart.chart.takeScreenshot();
    const copy = Object.assign(document.createElement('canvas'), { width: drawn.width, height: drawn.height });
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(drawn, 0, 0);
    const ratio = drawn.width / chart.chart.chartElement().clientWidth;
    const scale = chart.chart.timeScale();
    const at = (x, y) => [...context.getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1).data].slice(0, 3);
    const middle = (bar) => at(scale.timeToCoordinate(bar.time), chart.candles.priceToCoordinate((bar.o + bar.c) / 2));
    const bars = chart.bars.slice(-4).map(middle);
    const tall = chart.chart.panes()[0].getHeight();
    const foot = scale.logicalToCoordinate(chart.bars.length);
    const whole = (text) => (text.length === 4 ? text.replace(/[0-9a-f]/gi, '$&$&') : text);
    const hex = (name) => [1, 3, 5].map((k) => parseInt(whole(chart.colours[name]).slice(k, k + 2), 16));
    return {
        bars, forming: chart.partial && middle(chart.partial),
        column: at(foot, tall - 30), beside: at(foot + 40, tall - 30),
        panel: hex('panel'), up: hex('up'), down: hex('down'),
    };
}"""


def ticks(*prices: tuple[str, float]) -> list[mtf.Tick]:
    return [mtf.Tick.trade("EURUSD", at(f"2024-03-06 {time}"), price) for time, price in prices]


BARS = [
    *(("08:00", 1.10), ("08:00:59", 1.20), ("08:01", 1.20), ("08:01:59", 1.10)),  # up, down
    *(("08:02", 1.10), ("08:02:59", 1.20), ("08:03", 1.20), ("08:03:59", 1.10)),  # up, down
    *(("08:04", 1.10), ("08:04:30", 1.20)),  # rises, and still forms
]


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    await recorded(tmp_path / "d", ticks(*BARS), **{**SETTINGS, "indicators": None})
    return tmp_path / "d"


def lightness(colour: list[int]) -> float:
    """Return the relative luminance of a colour, 0 to 1: what a greyscale picture shows of it."""
    linear = [(part / 255) / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def near(one: list[int], other: list[int], most: int = 24) -> bool:
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_a_close_turns_outlined_into_filled(data: Path, scheme: str) -> None:
    settings = {**SETTINGS, "indicators": None}
    async with (
        serving(data) as server,
        mtf.Pipeline(data=data, **settings) as p,
        opened(f"{server.url}EURUSD?tf=1m", color_scheme=scheme) as page,
    ):
        await page.until(SHOWN, 10)
        before = await page.page.evaluate(MIDDLES)
        assert near(before["forming"], before["panel"])
        assert [near(colour, before[way]) for colour, way in zip(before["bars"], ["up", "down"] * 2, strict=True)] == [
            True
        ] * 4
        for tick in ticks(("08:05", 1.15), ("08:05:01", 1.16)):
            await p.push(tick)
        await page.until(SHOWN, 12)
        after = await page.page.evaluate(MIDDLES)
        assert near(after["bars"][-1], after["up"])
        assert near(after["forming"], after["panel"])


async def test_without_a_forming_bar_there_is_no_column(data: Path) -> None:
    """From the end of a bar until the next tick of its timeframe."""
    settings = {**SETTINGS, "indicators": None}
    async with (
        serving(data) as server,
        mtf.Pipeline(data=data, **settings) as p,
        opened(f"{server.url}EURUSD?tf=1m") as page,
    ):
        await page.until(SHOWN, 10)
        column = (await page.page.evaluate(MIDDLES))["column"]
        await p.clock(at("2024-03-06 08:05"))
        await page.until(SHOWN, 11)
        shown = await page.page.evaluate(MIDDLES)
        assert shown["forming"] is None
        assert column != shown["beside"]
        assert shown["column"] == shown["beside"]
        assert await page.page.inner_text(".panel.focus [data-field=change]") == "no forming bar"
        assert await page.page.evaluate("[...document.querySelectorAll('.panel.focus .left')][0].textContent") == ""


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_up_down_and_forming_differ_in_a_grey_picture(data: Path, scheme: str) -> None:
    async with serving(data) as server, opened(f"{server.url}EURUSD?tf=1m", color_scheme=scheme) as page:
        await page.until(SHOWN, 10)
        shown: dict[str, Any] = await page.page.evaluate(MIDDLES)
    up, down = (lightness(shown["bars"][k]) + 0.05 for k in (2, 3))
    forming = lightness(shown["forming"]) + 0.05
    for one, other in ((up, down), (up, forming), (down, forming)):
        assert max(one, other) / min(one, other) > 1.6
