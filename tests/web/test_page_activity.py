"""The page with bars of activity: the same bars as the command line prints, though many begin in one second."""

from __future__ import annotations

import contextlib
import datetime
import re
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.web.past import HISTORY
from mtf.web.server import Server
from tests.cli.builders import json_of
from tests.web.asking import recorded, serving
from tests.web.browsing import opened
from tests.web.test_activity import SETTINGS, trades

pytestmark = pytest.mark.browser

TIMEFRAMES = ["1m", "1h", "3t", "10v", "0.5r"]
SHOWN = "([seq]) => +document.querySelector('.market')?.dataset.seq === seq"
LIVE = "() => document.querySelector('#chip').dataset.state === 'live'"

# Of each chart: its bars, the forming one last, and whether their places on the axis rise.
CHARTS = """() => Object.fromEntries([...window.mtf.market.panels].map(([name, { chart }]) => {
    const all = [...chart.bars, ...(chart.partial ? [chart.partial] : [])];
    const drawn = chart.candles.data();
    return [name, {
        bars: all.map((bar) => [bar.start_ns, bar.o, bar.h, bar.l, bar.c, bar.v, bar.ticks]),
        values: chart.bars.map((bar) => bar.values?.sma_3 ?? null),
        rises: drawn.every((bar, k) => k === 0 || bar.time > drawn[k - 1].time),
        drawn: drawn.map((bar) => [bar.open, bar.high, bar.low, bar.close]),
    }];
}))"""


def printed(data: Path, timeframe: str, seq: int) -> list[list[Any]]:
    """Return the bars that the command line prints as of *seq*, the forming one last."""
    rows = json_of("bars", str(data), "--symbol", "X", "-t", timeframe, "--format", "json")
    state = json_of("state", str(data), "--symbol", "X", "--json", "--at", str(seq), "--bars", "0")
    partial = state["symbols"]["X"]["timeframes"][timeframe]["partial"]
    rows = [row for row in rows if row["seq"] <= seq] + ([] if partial is None else [partial])
    fields = ("open", "high", "low", "close", "volume", "ticks")
    return [[str(row["start_ns"]), *(row[field] for field in fields)] for row in rows]


def same_charts(charts: Any, data: Path, seq: int, valued: int = 1000) -> None:
    """Compare the charts with the command line; the newest *valued* bars have values."""
    assert set(charts) == set(TIMEFRAMES)
    for name, chart in charts.items():
        wanted = printed(data, name, seq)
        assert chart["bars"] == wanted, name
        assert chart["drawn"] == [bar[1:5] for bar in wanted], name
        assert chart["rises"], name
        closes = [bar[4] for bar in wanted]
        for k in range(max(2, len(chart["values"]) - valued), len(chart["values"])):
            assert chart["values"][k] == pytest.approx(sum(closes[k - 2 : k + 1]) / 3), (name, k)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    await recorded(tmp_path / "d", trades(400), **SETTINGS)
    return tmp_path / "d"


async def test_live_bars_are_those_of_the_command_line_also_over_a_lost_connection(data: Path) -> None:
    """Ticks come while the page is open, while its server is gone, and after it has come back."""
    ticks = trades(520)
    async with contextlib.AsyncExitStack() as stack:
        p = await stack.enter_async_context(mtf.Pipeline(data=data, **SETTINGS))
        first = contextlib.AsyncExitStack()
        server = await first.enter_async_context(serving(data))
        port = int(server.url.rstrip("/").rpartition(":")[2])
        page = await stack.enter_async_context(opened(f"{server.url}X?tf=3t&ind=sma:3"))
        seq = 400
        await page.until(SHOWN, seq)
        same_charts(await page.page.evaluate(CHARTS), data, seq)
        for k in range(400, 440):
            seq = await p.push(ticks[k])
            if k % 5 == 0:
                await page.until(SHOWN, seq)
        await page.until(SHOWN, seq)
        same_charts(await page.page.evaluate(CHARTS), data, seq)
        await first.aclose()
        for k in range(440, 480):
            seq = await p.push(ticks[k])
        await stack.enter_async_context(Server(data, port=port))
        await page.until(LIVE)
        await page.until(SHOWN, seq)
        same_charts(await page.page.evaluate(CHARTS), data, seq)
        for k in range(480, 520):
            seq = await p.push(ticks[k])
        await page.until(SHOWN, seq)
        same_charts(await page.page.evaluate(CHARTS), data, seq)
        page.forgive()


async def test_steps_show_the_bars_of_their_moment(data: Path) -> None:
    """By ticks and by closes, of a timeframe of which one event closes several bars."""
    async with serving(data) as server, opened(f"{server.url}X?tf=10v&ind=sma:3&at=200") as page:
        await page.until(SHOWN, 200)
        for key in (*["ArrowRight"] * 9, *["Shift+ArrowRight"] * 4, *["ArrowLeft"] * 3, *["Shift+ArrowLeft"] * 4):
            seq = await page.press(key)
            same_charts(await page.page.evaluate(CHARTS), data, seq, HISTORY)


async def test_bars_are_loaded_on_the_way_also_without_indicators(tmp_path: Path) -> None:
    data = tmp_path / "d"
    await recorded(data, trades(120), **{**SETTINGS, "indicators": None})
    async with serving(data) as server, opened(f"{server.url}X?tf=3t&at=60") as page:
        await page.until(SHOWN, 60)
        seq = 60
        for _ in range(12):
            seq = await page.press("ArrowRight", seq)
            charts = await page.page.evaluate(CHARTS)
            assert {name: chart["bars"] for name, chart in charts.items()} == {
                name: printed(data, name, seq) for name in TIMEFRAMES
            }


async def test_the_crosshair_and_the_time_machine_go_by_the_bar_itself(data: Path) -> None:
    """Not by its place on the axis, which may be seconds later."""
    async with serving(data) as server, opened(f"{server.url}X?tf=10v") as page:
        await page.until(SHOWN, 400)
        box = await page.page.locator(".panel.focus .plot").bounding_box()
        at = await page.page.evaluate("""() => {
            const { chart } = window.mtf.market.panels.get('10v');
            const bar = chart.bars.findLast((each) => each.time > each.begin + 1); // many began at its instant
            return chart.chart.timeScale().timeToCoordinate(bar.time);
        }""")
        await page.page.mouse.move(box["x"] + at, box["y"] + 100)
        await page.until("() => window.mtf.market.hoveredMoment")
        found = await page.page.evaluate("""() => {
            const { panels, hoveredMoment } = window.mtf.market;
            const { hovered, chart } = panels.get('10v');
            const minute = panels.get('1m').chart.barAt(hovered.begin);
            const three = panels.get('3t').chart.barAt(hovered.begin);
            return { hovered, moment: hoveredMoment, label: chart.secondOf(hovered.time), minute, three };
        }""")
        bar = found["hovered"]
        assert found["moment"] == bar["start_ns"]
        assert found["label"] == bar["begin"] == int(bar["start_ns"]) / 1e9
        assert bar["time"] > bar["begin"] + 1
        assert int(found["minute"]["start_ns"]) <= int(bar["start_ns"]) < int(found["minute"]["end_ns"])
        assert found["three"]["begin"] <= bar["begin"]
        await page.page.keyboard.press("g")
        await page.until("() => document.querySelector('#chip').dataset.state === 'past' && window.mtf.state?.as_of")
        assert await page.page.evaluate("window.mtf.state.time_ns") == bar["start_ns"]


async def test_a_label_of_the_axis_is_the_time_of_its_bar(data: Path) -> None:
    """With the seconds, unless it is the first bar of its minute; though the library takes places for times."""
    async with serving(data) as server, opened(f"{server.url}X?tf=10v") as page:
        await page.until(SHOWN, 400)
        labels = await page.page.evaluate("""async () => {
            const { axisTime } = await import('/static/format.js');
            const { chart } = window.mtf.market.panels.get('10v');
            const label = (place, kind) => axisTime(chart.secondOf(place), chart.kindOf(place, kind));
            return chart.bars.map(({ time, begin }) => [begin, ...[2, 3, 4].map((kind) => label(time, kind))]);
        }""")
    minute = None
    for k, (begin, *texts) in enumerate(labels):
        clock = f"{datetime.datetime.fromtimestamp(begin, datetime.UTC):%H:%M:%S}"
        shown = clock if k and clock[:5] == minute else clock[:5]
        assert texts == [shown] * 3, k
        minute = clock[:5]


async def test_a_bar_says_how_full_it_is_and_no_time(data: Path) -> None:
    async with serving(data) as server, opened(f"{server.url}X?tf=3t") as page:
        await page.until(SHOWN, 400)
        texts = await page.page.evaluate(
            "() => Object.fromEntries([...document.querySelectorAll('.panel[data-tf]')].map((panel) => "
            "[panel.dataset.tf, panel.querySelector('.left').textContent]))"
        )
        state = json_of("state", str(data), "--symbol", "X", "--json", "--bars", "0")["symbols"]["X"]["timeframes"]
        for name in ("3t", "10v", "0.5r"):
            share = state[name]["partial"]["progress"]
            assert texts[name] == f"{int(share * 100)} % full"
        assert texts["1m"].endswith(" left")
        seq = await page.press("ArrowLeft")
        assert seq == 399  # the third tick of a bar has just filled it
        assert await page.page.inner_text(".panel[data-tf='3t'] [data-field=change]") == "no forming bar"
        assert await page.page.inner_text(".matrix [data-tf='3t'] [data-field=change]") == "none yet"
        await page.page.keyboard.press("v")
        first = await page.page.inner_text(".bars-table tbody th")
        assert re.fullmatch(r"Wed 6 Mar 10:\d\d:\d\d\.\d{3}", first)


EIGHT = "1m,5m,1h,1d,100t,1000v,1e6d,0.001r"


@pytest.mark.parametrize(
    ("width", "height"), [(320, 700), (390, 844), (1000, 800), (1280, 800), (1600, 1000), (2560, 1300)]
)
async def test_eight_timeframes_fit_and_all_are_in_the_matrix(tmp_path: Path, width: int, height: int) -> None:
    data = tmp_path / "d"
    await recorded(data, trades(300), **{**SETTINGS, "timeframes": EIGHT})
    async with serving(data) as server, opened(f"{server.url}X?tf=1e6d", width, height) as page:
        await page.until(SHOWN, 300)
        assert await page.page.evaluate("document.documentElement.scrollWidth") <= width
        in_sight = """() => {
            const foot = document.querySelector('#main').getBoundingClientRect().bottom + 1;
            return [...document.querySelectorAll('.matrix tbody tr')].filter((row) =>
                row.getBoundingClientRect().bottom <= foot).map((row) => row.dataset.tf);
        }"""
        assert await page.page.evaluate(in_sight) == EIGHT.split(",")
        if width <= 700:
            tab = await page.page.locator(".tabs6 [aria-selected=true]").bounding_box()
            assert tab["x"] >= 0
            assert tab["x"] + tab["width"] <= width
