"""`mtf chart`: candles in the terminal and as SVG, of a market with a weekend in it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest

import mtf as library
from mtf.charts.charted import Chart, read_chart
from mtf.charts.svg_candles import svg_of
from mtf.cli.candles import candle_lines, chart_lines
from mtf.cli.terminal import ASCII, Look
from mtf.cli.times import typed_time
from tests.cli.builders import command, mtf, write_market
from tests.cli.screens import drawn, golden, market
from tests.cli.terminal import on_terminal, uncoloured

SVG = "{http://www.w3.org/2000/svg}"
FRIDAY_EVENING = "2024-03-01T20:00Z"


@pytest.fixture(scope="module")
def weekend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a market from Friday to Monday."""
    folder = tmp_path_factory.mktemp("chart")
    rows = [f"{tick.ts_ns},{tick.symbol},{tick.bid},{tick.ask},1,2" for tick in market(["EURUSD"], 3000)]
    (folder / "market.csv").write_text("\n".join(["time,symbol,bid,ask,bid_size,ask_size", *rows]) + "\n")
    result = mtf("run", folder / "market.csv", "--data", folder / "run", "--indicators", "sma:20,ema:10,rsi:14")
    assert result.exit_code == 0, result.output
    return folder / "run"


def chart(directory: Path, timeframe: str = "15m", *, last: int = 60, names: tuple[str, ...] = ("sma_20",)) -> Chart:
    with library.open(directory) as reader:
        return read_chart(reader, "EURUSD", timeframe, last=last, names=names)


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("chart-80", Look(width=80, height=24)),
        ("chart-100", Look(width=100, height=30)),
        ("chart-100-colourless", Look(width=100, height=30, coloured=False)),
        ("chart-80-ascii", Look(width=80, height=24, glyphs=ASCII, coloured=False)),
    ],
)
def test_a_chart_is_drawn_so(weekend: Path, name: str, look: Look) -> None:
    """To the last character: closed bars solid, the forming one not, the weekend, a line, scale, volume and times."""
    text = drawn(chart_lines(chart(weekend, last=100), look))
    assert text == golden(name)
    assert max(map(len, text.splitlines())) <= look.width
    assert len(text.splitlines()) < look.height


def test_the_newest_bars_are_at_the_right_edge(weekend: Path) -> None:
    """However few there are, the present is where it is in every chart."""
    for last in (1, 2, 7, 100):
        lines = drawn(candle_lines(chart(weekend, last=last, names=()), Look(width=90, height=30), 12)).splitlines()
        forming = {line.index("▲") for line in lines if "▲" in line}
        axis = {line.index("┤") for line in lines if "┤" in line}
        assert len(forming) == len(axis) == 1
        assert 0 < axis.pop() - forming.pop() <= 4


def test_a_chart_is_as_of_one_event(weekend: Path) -> None:
    """Bars, the forming bar and the values of the line are those of `mtf bars` and `mtf state`."""
    found = chart(weekend)
    with library.open(weekend) as reader:
        bars = list(reader.bars("EURUSD", "15m", last=59))
        state = reader.state("EURUSD")
        values = [row["sma_20"] for row in reader.bars("EURUSD", "15m", last=59, indicators="sma_20").to_dicts()]
    assert list(found.bars) == bars
    assert found.partial == state["15m"].partial
    assert found.seq == state.seq
    (line,) = found.lines
    assert list(line.values) == values
    assert line.live == state["15m"].live["sma_20"]


def test_start_and_end_leave_the_forming_bar_out(weekend: Path) -> None:
    """It is not in the range, and nothing in the chart says that it is."""
    result = mtf("chart", weekend, "EURUSD", "15m", "--start", "2024-03-01T10:00Z", "--end", FRIDAY_EVENING)
    assert result.exit_code == 0, result.output
    assert "no forming bar" in result.stdout
    assert "░" not in result.stdout
    assert "03-01 12:00" in result.stdout
    with library.open(weekend) as reader:
        bars = list(reader.bars("EURUSD", "15m", end=FRIDAY_EVENING, last=3))
    with library.open(weekend) as reader:
        found = read_chart(reader, "EURUSD", "15m", last=3, end_ns=bars[-1].end_ns)
    assert list(found.bars) == bars
    assert typed_time(found.bars[-1].end_ns) == FRIDAY_EVENING


def test_a_timeframe_that_was_not_run_has_no_forming_bar(weekend: Path) -> None:
    result = mtf("chart", weekend, "EURUSD", "30m")
    assert result.exit_code == 0
    assert "30m was not run" in result.stderr
    assert "no forming bar" in result.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("EURUSD", "15m", "--indicators", "rsi_14"), "rsi_14 is not a price"),
        (("EURUSD", "15m", "--indicators", "wma_9"), "no indicator value 'wma_9' was run on 15m; choose from sma_20"),
        (("GBPUSD", "15m"), "no event of 'GBPUSD'"),
        (("EURUSD", "7x"), "invalid timeframe '7x'"),
        (("EURUSD", "15m", "--out", "chart.jpg"), "chart.jpg: the name must end in one of .svg, .html, .png"),
    ],
)
def test_what_cannot_be_drawn_is_named(weekend: Path, args: tuple[str, ...], message: str) -> None:
    result = mtf("chart", weekend, *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_indicators_may_be_written_as_they_were_run(weekend: Path) -> None:
    """`sma:20` is what was typed for the run."""
    assert [line.name for line in chart(weekend, names=("sma:20", "ema_10")).lines] == ["sma_20", "ema_10"]


def test_a_symbol_without_bars_is_no_error(tmp_path: Path) -> None:
    """Its first bar forms: that is what is drawn; in a range without bars, a line says so."""
    mtf("run", write_market(tmp_path / "market.csv"), "--data", tmp_path / "run", "--timeframes", "1m,5m")
    shown = mtf("chart", tmp_path / "run", "GBPUSD", "5m")
    assert shown.exit_code == 0
    assert "▲ forming" in shown.stdout
    empty = mtf("chart", tmp_path / "run", "GBPUSD", "5m", "--end", "2024-01-01T00:00Z")
    assert empty.exit_code == 0
    assert "no bars to show" in empty.stdout


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_chart_is_as_large_as_the_terminal(weekend: Path, environment: dict[str, str], coloured: bool) -> None:
    """The terminal of the tests has 50 lines, of which the last one is for the prompt."""
    code, out, err = on_terminal(command("chart", weekend, "EURUSD", "15m"), weekend, 110, **environment)
    assert (code, err) == (0, "")
    lines = uncoloured(out).splitlines()
    assert len(lines) == 49
    assert 100 < max(map(len, lines)) <= 110
    assert ("┃" in out) == ("\x1b[38;5;" in out) == coloured
    assert ("║" in out) != coloured


def test_svg_has_every_bar_and_no_script(weekend: Path, tmp_path: Path) -> None:
    """Each completed bar is filled, the forming one outlined, the weekend has its place; and nothing is fetched."""
    out = tmp_path / "chart.svg"
    result = mtf("chart", weekend, "EURUSD", "15m", "--indicators", "sma_20,ema_10", "--last", 100, "--out", out)
    assert (result.exit_code, result.stdout) == (0, "")
    text = out.read_text()
    root = ElementTree.fromstring(text)
    kinds = [each.get("class") or "" for each in root.iter(f"{SVG}rect")]
    assert len([kind for kind in kinds if kind in ("up", "down")]) == 99
    assert len([kind for kind in kinds if kind.endswith(" forming")]) == 1
    assert kinds.count("band") == 1
    (gap,) = [each for each in root.iter(f"{SVG}path") if each.get("class") == "gap"]
    title = gap.find(f"{SVG}title")
    assert title is not None
    assert title.text is not None
    assert title.text.startswith("closed 2d 0h")
    assert "<script" not in text
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_svg_of_an_odd_name_is_well_formed(weekend: Path) -> None:
    """Names in a log may be a stranger's."""
    root = ElementTree.fromstring(svg_of(attrs.evolve(chart(weekend), symbol='<a>&"\x1b')))
    assert root.get("aria-label") == '<a>&"\ufffd 15m'
