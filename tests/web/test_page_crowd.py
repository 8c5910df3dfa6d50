"""The page among others and over time: fifty clients, a slow network, an hour of ticks, other fonts, keys alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

import mtf
from tests.builders import at
from tests.cli.builders import json_of
from tests.web.asking import recorded, serving, talking
from tests.web.browsing import SETTINGS, expected, opened, same, tick

pytestmark = pytest.mark.browser

SHOWN = "([seq]) => +document.querySelector('.market')?.dataset.seq === seq"
GBPUSD_SHOWN = "() => document.querySelector('#symbol').textContent === 'GBPUSD' && window.mtf.state"
CLIENTS = 50
ROUNDS = 40

# Elements of the page whose text is cut off: shorter than what is in them, with the rest hidden.
CLIPPED = """() => [...document.querySelectorAll('header *, .panel h2 *, .matrix *, #timeline *, .row *, .health *')]
    .filter((each) => each.offsetParent && each.children.length === 0 && each.textContent.trim()
        && !each.closest('.unseen') && getComputedStyle(each).overflowX !== 'visible'
        && each.scrollWidth > each.clientWidth + 1)
    .map((each) => `${each.tagName} ${each.className} ${each.textContent}`)"""

# What an hour does to the page: each message moves the time on by two seconds, closes what is due, and is shown.
HOUR = """async ([from, to]) => {
    const app = window.mtf;
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const lengths = app.config.timeframes;
    for (let k = from; k < to; k += 1) {
        const before = app.state;
        const now = BigInt(before.time_ns) + 2_000_000_000n;
        const state = { ...before, seq: before.seq + 1, time_ns: String(now), rejects: [], tf: {} };
        state.last = before.last + (k % 2 ? 0.0001 : -0.0001);
        if (k % 100 === 0) {
            state.rejects = [{ seq: state.seq, symbol: state.symbol, time_ns: String(now), reason: 'late', price: 1 }];
        }
        for (const { name, seconds } of lengths) {
            const { partial, live, completed, ...rest } = before.tf[name];
            const part = { ...rest, live, completed, closed: [], partial: { ...partial, c: state.last } };
            if (now >= BigInt(partial.end_ns)) {
                part.closed = [{ ...partial, values: live }];
                part.bars_seen += 1;
                part.newest_ns = partial.start_ns;
                const start = BigInt(partial.end_ns);
                part.partial = { ...part.partial, o: state.last, h: state.last, l: state.last, ticks: 1,
                    start_ns: String(start), end_ns: String(start + BigInt(seconds) * 1_000_000_000n) };
            }
            part.partial.progress = Number(now - BigInt(part.partial.start_ns)) / seconds / 1e9;
            state.tf[name] = part;
        }
        app.show(state);
        if (k % 10 === 0) await frame();
    }
    return app.state.seq;
}"""


async def two_recorded(path: Path, count: int) -> None:
    """Write *count* ticks of each of EURUSD and GBPUSD, in turn."""
    await recorded(path, [tick(k, symbol) for k in range(count) for symbol in ("EURUSD", "GBPUSD")], **SETTINGS)


async def test_fifty_clients_are_sent_as_much_as_one(tmp_path: Path) -> None:
    """One of them never reads, one is the page; each message is whole, and each client comes to the end."""
    path = tmp_path / "d"
    await recorded(path, [tick(k) for k in range(2_000)], **SETTINGS)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(path))
        p = await stack.enter_async_context(mtf.Pipeline(data=path, **SETTINGS))
        page = await stack.enter_async_context(opened(f"{server.url}EURUSD?tf=5m"))
        await page.until(SHOWN, 2_000)
        deaf = await stack.enter_async_context(talking(server, max_queue=1))
        sockets = [await stack.enter_async_context(talking(server)) for _ in range(CLIENTS - 2)]
        for socket in (deaf, *sockets):
            await socket.send(json.dumps({"watch": ["EURUSD"], "every_ms": 50}))
        counts = [0] * len(sockets)
        newest = [0] * len(sockets)

        async def read(k: int) -> None:
            async for text in sockets[k]:
                message = json.loads(text)
                assert newest[k] <= message["seq"]
                counts[k], newest[k] = counts[k] + 1, message["seq"]
                if message["seq"] == 2_000 + ROUNDS:
                    return

        readers = [asyncio.create_task(read(k)) for k in range(len(sockets))]
        try:
            for k in range(2_000, 2_000 + ROUNDS):
                await p.push(tick(k))
                await page.until(SHOWN, k + 1)  # the page is not held up by any of them
            async with asyncio.timeout(20):
                await asyncio.gather(*readers)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        assert server.viewers() == CLIENTS
        assert min(counts) >= ROUNDS // 2
        same(await page.shown(), expected(path, 2_000 + ROUNDS))


async def test_on_a_slow_network_fewer_states_come_and_all_bars(tmp_path: Path) -> None:
    path = tmp_path / "d"
    await recorded(path, [tick(k) for k in range(2_000)], **SETTINGS)
    async with (
        serving(path) as server,
        mtf.Pipeline(data=path, **SETTINGS) as p,
        opened(f"{server.url}EURUSD?tf=1m") as page,
    ):
        slow = await page.page.context.new_cdp_session(page.page)
        await slow.send("Network.enable")
        limits = {"offline": False, "latency": 150, "downloadThroughput": 40_000, "uploadThroughput": 20_000}
        await slow.send("Network.emulateNetworkConditions", limits)
        await page.until(SHOWN, 2_000)
        for k in range(2_000, 2_300):
            await p.push(tick(k))
        await page.until(SHOWN, 2_300)
        same(await page.shown(), expected(path, 2_300))
        starts = await page.page.evaluate("window.mtf.market.panels.get('1m').chart.bars.map((bar) => bar.start_ns)")
    bars = json_of("bars", str(path), "--symbol", "EURUSD", "-t", "1m", "--format", "json")
    assert starts == [str(bar["start_ns"]) for bar in bars]


async def test_the_memory_of_the_page_is_flat_over_an_hour(tmp_path: Path) -> None:
    """An hour of messages, one each two seconds, with 60 closes: heap, elements and listeners stay what they were."""
    path = tmp_path / "d"
    await recorded(path, [tick(k) for k in range(2_000)], **SETTINGS)
    async with serving(path) as server, opened(f"{server.url}EURUSD?tf=1m") as page:
        await page.until(SHOWN, 2_000)
        await page.until("() => window.mtf.views.symbols && window.mtf.views.health && window.mtf.timeline.glance")
        await page.page.evaluate("window.mtf.live.say({watch: []})")
        measure = await page.page.context.new_cdp_session(page.page)
        await measure.send("Performance.enable")

        async def used() -> dict[str, float]:
            for _ in range(3):
                await measure.send("HeapProfiler.collectGarbage")
            found = (await measure.send("Performance.getMetrics"))["metrics"]
            return {each["name"]: each["value"] for each in found}

        await page.page.evaluate(HOUR, [0, 900])  # half an hour: what is made once has been made
        before = await used()
        bars = await page.page.evaluate("window.mtf.market.panels.get('1m').chart.bars.length")
        assert await page.page.evaluate(HOUR, [900, 2_700]) == 4_700
        after = await used()
        assert await page.page.evaluate("window.mtf.market.panels.get('1m').chart.bars.length") == bars + 60
    assert after["JSHeapUsedSize"] < 1.1 * before["JSHeapUsedSize"]
    assert after["Nodes"] <= before["Nodes"] + 50
    assert after["JSEventListeners"] <= before["JSEventListeners"]


async def test_going_to_and_fro_leaves_nothing_behind(tmp_path: Path) -> None:
    """Each view takes away what it made: its charts, its listeners, its timers."""
    path = tmp_path / "d"
    await two_recorded(path, 500)
    async with serving(path) as server, opened(f"{server.url}EURUSD?tf=1m") as page:
        measure = await page.page.context.new_cdp_session(page.page)
        await measure.send("Performance.enable")
        found = []
        for _ in range(3):
            for _ in range(4):
                for key in ("y", "h", "m", "2", "0", "1"):
                    await page.page.keyboard.press("Escape")
                    await page.page.evaluate("document.activeElement?.blur()")
                    await page.page.keyboard.press(key)
                    if key in "m201":
                        await page.until("() => window.mtf.state?.seq === 1000 && !window.mtf.frame")
                    else:
                        await page.until("() => window.mtf.shown && !window.mtf.market")
            await page.page.evaluate("performance.clearResourceTimings()")
            for _ in range(3):
                await measure.send("HeapProfiler.collectGarbage")
            metrics = (await measure.send("Performance.getMetrics"))["metrics"]
            found.append({each["name"]: each["value"] for each in metrics})
        first, *_, last = found
    assert last["JSHeapUsedSize"] < 1.3 * first["JSHeapUsedSize"]  # six charts, left behind 32 times, would be 4 times
    assert last["Nodes"] == first["Nodes"]
    assert last["JSEventListeners"] == first["JSEventListeners"]


async def test_bars_of_every_timeframe_are_those_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "d"
    await recorded(path, [tick(k) for k in range(2_000)], **SETTINGS)
    async with serving(path) as server, opened(f"{server.url}EURUSD?tf=1m") as page:
        await page.until(SHOWN, 2_000)
        for name in SETTINGS["timeframes"]:
            held = await page.page.evaluate(
                """([name]) => {
                    const {chart} = window.mtf.market.panels.get(name);
                    return [...chart.bars, chart.partial].map(({start_ns, end_ns, o, h, l, c, v, ticks}) =>
                        [start_ns, end_ns, o, h, l, c, v, ticks]);
                }""",
                [name],
            )
            rows = json_of("bars", str(path), "--symbol", "EURUSD", "-t", name, "--partial", "--format", "json")
            fields = ("open", "high", "low", "close", "volume", "ticks")
            assert held == [[str(r["start_ns"]), str(r["end_ns"]), *(r[field] for field in fields)] for r in rows]


async def test_each_gap_and_each_reason_is_named_in_the_table(tmp_path: Path) -> None:
    calendar = tmp_path / "hall.toml"
    calendar.write_text(
        'name = "hall"\nzone = "UTC"\nhours = ["Mon-Fri 08:00-17:00"]\n'
        'breaks = ["Mon-Fri 12:00-13:00"]\nholidays = [2024-05-01]\n',
        encoding="utf-8",
    )
    trades = [
        ("2024-04-29 11:00", 10.0, "a"), ("2024-04-29 11:05", 10.1, "b"), ("2024-04-29 13:00", 10.2, "c"),
        ("2024-04-30 08:00", 10.3, "d"), ("2024-05-02 08:00", 10.4, "e"), ("2024-05-02 08:00", 10.4, "e"),
        ("2024-04-30 08:30", 10.4, "f"), ("2024-05-02 08:01", 0.0, "g"), ("2024-05-02 12:30", 10.4, "h"),
    ]  # fmt: skip
    ticks = [mtf.Tick.trade("X", at(time), price, id=name) for time, price, name in trades]
    settings = {**SETTINGS, "calendar": str(calendar), "indicators": None, "timeframes": ["1m"]}
    await recorded(tmp_path / "d", ticks, **settings)
    async with serving(tmp_path / "d") as server, opened(f"{server.url}X?tf=1m") as page:
        await page.until("() => window.mtf.rejects.length === 4")
        await page.page.keyboard.press("v")
        text = await page.page.inner_text(".bars-table")
    for word in (
        "silence",
        "break 1h",
        "closed",
        "holiday",
        "duplicate at 6",
        "late at 7",
        "price at 8",
        "closed at 9",
    ):
        assert word in text, word


@pytest.mark.parametrize("font", ["Roboto, sans-serif", "DejaVu Sans"])
@pytest.mark.parametrize("width", [320, 390, 700, 1100, 1280, 1600, 2560])
async def test_no_text_is_cut_off(tmp_path: Path, width: int, font: str) -> None:
    path = tmp_path / "d"
    await recorded(path, [tick(k) for k in range(2_000)], **SETTINGS)
    async with serving(path) as server, opened(f"{server.url}EURUSD", width, 900, bypass_csp=True) as page:
        await page.page.add_style_tag(content=f"body {{ font-family: {font} !important }}")
        await page.until(SHOWN, 2_000)
        for key, ready in (("m", ".market[data-seq]"), ("y", ".row .ticks, .row"), ("h", ".health .numbers")):
            await page.page.evaluate("document.activeElement?.blur()")
            await page.page.keyboard.press(key)
            await page.until("([what]) => document.querySelector(what)", ready)
            assert await page.page.evaluate(CLIPPED) == [], key
            assert await page.page.evaluate("document.documentElement.scrollWidth") <= width, key


async def test_keys_that_are_pressed_before_a_view_is_there_are_for_it(tmp_path: Path) -> None:
    """Whoever knows the symbol types `/gbp` and Enter in one go, and does not wait for what is still being loaded."""
    path = tmp_path / "d"
    await two_recorded(path, 60)
    typed = asyncio.Event()
    held = ("**/symbols.js", typed)
    async with serving(path) as server, opened(f"{server.url}EURUSD?tf=5m", held=held) as page:
        await page.until(SHOWN, 120)
        for key in ("/", "g", "b", "p", "Enter"):
            await page.page.keyboard.press(key)
        typed.set()
        await page.until(GBPUSD_SHOWN)


async def test_all_of_it_is_done_by_the_keyboard(tmp_path: Path) -> None:
    """Another symbol, another timeframe, other indicators, into the past and back: without a pointer."""
    path = tmp_path / "d"
    await two_recorded(path, 500)
    async with serving(path) as server, opened(f"{server.url}EURUSD?tf=5m") as page:
        keys = page.page.keyboard
        await page.until(SHOWN, 1_000)
        await keys.press("/")
        await keys.type("gbp")
        await keys.press("Enter")
        await page.until(GBPUSD_SHOWN)
        await keys.press("i")
        await keys.press("Tab")
        await page.until("() => document.activeElement?.type === 'checkbox'")
        await keys.press("Space")
        await page.until("() => !new URLSearchParams(location.search).get('ind').includes('rsi')")
        await keys.press("Escape")
        await page.page.evaluate("document.activeElement?.blur()")
        await keys.press("Tab")
        assert await page.page.evaluate("document.activeElement.className") == "skip"
        await keys.press("Enter")
        for _ in range(3):
            await keys.press("Tab")
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert await page.page.evaluate(outline) != "none", "what has the focus is seen"
        await page.until("() => window.mtf.state")
        assert await page.press("ArrowLeft") < 1_000
        assert await page.page.inner_text("#chip") == "Past"
        await keys.press("L")
        await page.until("() => document.querySelector('#chip').dataset.state === 'live'")
        await keys.press("?")
        await page.until("() => document.querySelector('#dialog').textContent.includes('back to live')")
        await keys.press("Escape")
        await keys.press("h")
        await page.until("() => document.querySelector('.health .numbers')")
