"""The time machine in a real browser: dragged, stepped and played, it shows each moment and nothing later."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mtf
from tests.web.asking import recorded, serving
from tests.web.browsing import SETTINGS, expected, opened, same, tick

pytestmark = pytest.mark.browser

LATER = 777.0  # a price that nothing else looks like
MOMENT = 1_500
AT_REST = "() => !window.mtf.seeking && !window.mtf.pastBusy && window.mtf.state?.as_of"


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A market whose prices are about 1.09 up to MOMENT, and about 777 after it."""
    later = [mtf.Tick("EURUSD", tick(k).ts_ns, LATER, LATER + 0.5) for k in range(MOMENT, 2_000)]
    await recorded(tmp_path / "d", [*(tick(k) for k in range(MOMENT)), *later], **SETTINGS)
    return tmp_path / "d"


def prices_of_later(message: Any) -> Iterator[float]:
    """Yield every price in *message* that only came after MOMENT."""
    if isinstance(message, dict):
        message = list(message.values())
    if isinstance(message, list):
        for each in message:
            yield from prices_of_later(each)
    elif isinstance(message, float) and LATER - 50 < message < LATER + 50:
        yield message


async def drag(page: Any, *shares: float) -> None:
    """Press on the strip at the first of *shares* of its width, move to the others, and release."""
    box = await page.page.locator("#strip").bounding_box()
    places = [(box["x"] + 14 + share * (box["width"] - 28), box["y"] + box["height"] / 2) for share in shares]
    await page.page.mouse.move(*places[0])
    await page.page.mouse.down()
    for place in places[1:]:
        await page.page.mouse.move(*place, steps=8)
    await page.page.mouse.up()


async def test_nothing_later_is_in_any_message(data: Path) -> None:
    """However the moment is moved about before it: by steps, drags, playing, with another symbol and back."""
    async with serving(data) as server, opened(f"{server.url}EURUSD?tf=5m&at=700&ind=sma:5+bbands:5,2") as page:
        await page.until("() => +document.querySelector('.market')?.dataset.seq === 700")
        await page.until("() => window.mtf.timeline.glance?.seq === 2000")
        for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowLeft", "ArrowLeft"):
            await page.press(key)
        await drag(page, 0.2, 0.7, 0.1, 0.6)
        await page.until(AT_REST)
        assert 400 < await page.seq() < MOMENT
        await page.page.keyboard.press("Space")
        before = await page.seq()
        await page.until("([before]) => window.mtf.state.seq > before + 5", before)
        await page.page.keyboard.press("Space")
        await page.page.keyboard.press("2")
        await page.until("() => document.querySelector('.panel.focus')?.dataset.tf === '5m' && window.mtf.state")
        await page.page.keyboard.press("v")
        await page.until(AT_REST)
        answers, text = await page.answers(), await page.page.inner_text("body")
        assert await page.seq() < MOMENT
    assert len(answers) > 10
    assert len(page.sent) > 2
    assert [price for message in (*answers, *page.sent) for price in prices_of_later(message)] == []
    assert "777" not in text


async def test_what_is_later_would_be_found(data: Path) -> None:
    """The test above looks for something that is there in the present."""
    async with serving(data) as server, opened(f"{server.url}EURUSD") as page:
        await page.until("() => +document.querySelector('.market')?.dataset.seq === 2000")
        assert [price for message in await page.answers() for price in prices_of_later(message)] != []


async def test_fifty_ticks_and_twenty_bars_each_way_show_the_same_moments(data: Path) -> None:
    async with serving(data) as server, opened(f"{server.url}EURUSD?tf=1m&at=900&ind=sma:5+rsi:5") as page:
        await page.until("() => +document.querySelector('.market')?.dataset.seq === 900")
        for unit, count in (("", 50), ("Shift+", 20)):
            if unit:
                await page.press("Shift+ArrowRight")  # to a close: from there each step back leads to one, too
            seq, seen = await page.seq(), {}
            for _ in range(count):
                seen[seq] = await page.shown()
                seq = await page.press(f"{unit}ArrowRight", seq)
            assert len(seen) == count
            for back, (at, shown) in enumerate(reversed(seen.items())):
                seq = await page.press(f"{unit}ArrowLeft", seq)
                assert (seq, await page.shown()) == (at, shown)
                if back % 10 == 0:
                    same(shown, expected(data, seq))


async def test_the_strip_leads_to_the_moment_at_its_place(data: Path) -> None:
    """The last wish of a drag is what is shown, and its right end is the present."""
    async with serving(data) as server, opened(f"{server.url}EURUSD?tf=5m") as page:
        await page.until("() => window.mtf.state && window.mtf.timeline.glance?.seq === 2000")
        await drag(page, 0.9, 0.3, 0.8, 0.5)
        await page.until(AT_REST)
        seq = await page.seq()
        assert seq == pytest.approx(1_000, abs=20)
        same(await page.shown(), expected(data, seq))
        assert await page.page.evaluate("new URLSearchParams(location.search).get('at')") == str(seq)
        for selector in ("#band", "#chip"):
            assert await page.page.is_visible(selector)
        await drag(page, 0.5, 1.0)
        await page.until("() => +document.querySelector('.market').dataset.seq === 2000")
        assert await page.page.inner_text("#chip") == "Live"
        same(await page.shown(), expected(data, 2_000))


async def test_the_past_stays_where_it_is_when_the_server_comes_back(data: Path) -> None:
    from mtf.web.server import Server

    async with contextlib.AsyncExitStack() as stack:
        first = contextlib.AsyncExitStack()
        server = await first.enter_async_context(serving(data))
        port = int(server.url.rstrip("/").rpartition(":")[2])
        page = await stack.enter_async_context(opened(f"{server.url}EURUSD?tf=5m&at=1200"))
        await page.until("() => window.mtf.state?.seq === 1200 && window.mtf.timeline.glance?.seq === 2000")
        await first.aclose()
        await page.until("() => document.querySelector('#chip').dataset.state === 'offline'")
        await drag(page, 0.5, 0.4)  # nothing can answer
        assert "What you see is seq 1,200, and stays so." in await page.page.inner_text("#trouble")
        await stack.enter_async_context(Server(data, port=port))
        await page.until("() => document.querySelector('#chip').dataset.state === 'past'")
        await page.until(AT_REST)
        await drag(page, 0.4, 0.25)
        await page.until(f"() => ({AT_REST})() && Math.abs(window.mtf.state.seq - 500) < 20")
        assert await page.page.is_hidden("#trouble")
        same(await page.shown(), expected(data, await page.seq()))
        page.forgive()


async def test_bars_are_loaded_on_the_way_also_without_indicators(tmp_path: Path) -> None:
    await recorded(tmp_path / "d", [tick(k) for k in range(400)], **{**SETTINGS, "indicators": None})
    async with serving(tmp_path / "d") as server, opened(f"{server.url}EURUSD?tf=1m&at=200") as page:
        await page.until("() => window.mtf.state?.seq === 200")
        counts = []
        for _ in range(3):
            counts.append(await page.page.evaluate("window.mtf.market.panels.get('1m').chart.bars.length"))
            await page.press("Shift+ArrowRight")
        assert [count - counts[0] for count in counts] == [0, 1, 2]


async def test_a_chart_of_bars_alone_can_be_given_them_again(tmp_path: Path) -> None:
    """A forming bar that has closed makes the same times as before: the chart must not mix up which is which.

    It did, once a line was drawn for the first time after that.
    """
    await recorded(tmp_path / "d", [tick(k) for k in range(400)], **{**SETTINGS, "indicators": "sma:5"})
    async with serving(tmp_path / "d") as server, opened(f"{server.url}EURUSD?tf=1m&at=20") as page:
        await page.until("() => window.mtf.state?.seq === 20")
        for seq in (29, 38, 47, 56, 65, 74, 83, 30, 39, 48, 57):  # a minute later each: what formed has closed
            await page.page.evaluate("([seq]) => window.mtf.goTo(seq)", [seq])
            await page.until(f"() => ({AT_REST})() && window.mtf.state.seq === {seq}")
            await page.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
            found = await page.page.evaluate(
                """() => [...window.mtf.market.panels.values()].flatMap(({chart}) => {
                    const scale = chart.chart.timeScale();
                    return chart.candles.data().map(({time}, k) =>
                        scale.timeToCoordinate(time) === scale.logicalToCoordinate(k));
                })"""
            )
            assert all(found)
