"""Pictures of bars: drawn from any table of bars, shown by notebooks, saved as SVG, HTML and PNG."""

from __future__ import annotations

import re
import struct
import sys
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import mtf
from mtf.charts import Picture
from mtf.charts.svg_candles import HEIGHT, WIDTH
from mtf.errors import ConfigError, MissingPackage

SOURCE = "synthetic:seed=3,symbols=EURUSD,events=4000,pace_ms=15000,start=2024-03-06"
SVG = "{http://www.w3.org/2000/svg}"


def bars(timeframe: str = "5m", **options: Any) -> mtf.Table[mtf.Bar]:
    return mtf.resample(SOURCE, timeframe, **options)[timeframe]


def kinds(picture: Picture, tag: str) -> list[str]:
    return [each.get("class") or "" for each in ElementTree.fromstring(picture.svg).iter(f"{SVG}{tag}")]


def test_newest_bars_of_a_table_are_drawn_with_their_values() -> None:
    """Filled candles, one for each bar; a line; and no words of a seq, which a table does not have."""
    picture = bars(indicators="sma:20").plot(40, indicators=["sma_20"])
    assert len([kind for kind in kinds(picture, "rect") if kind in ("up", "down")]) == 40
    assert kinds(picture, "path").count("line l0") == 2  # the line, and its sample beside its name
    assert "seq" not in picture.svg
    newest = list(bars())[-1]
    assert f"C {newest.close:.5f}" in picture.svg or f"C {newest.close:.6f}" in picture.svg


def test_bar_that_is_pointed_at_is_read_out() -> None:
    """A browser shows the title of a group."""
    first = next(iter(bars("1h")))
    titles = [each.text or "" for each in ElementTree.fromstring(bars("1h").plot().svg).iter(f"{SVG}title")]
    (words,) = [each for each in titles if each.startswith(f"{first.start:%Y-%m-%d %H:%M:%SZ}")]
    assert re.fullmatch(r"\S+ \S+  O [\d.]+  H [\d.]+  L [\d.]+  C [\d.]+  volume [\d,.]+", words), words


def test_notebooks_show_the_picture() -> None:
    picture = bars("1h").plot()
    assert picture._repr_svg_() == picture.svg
    assert picture.svg.startswith("<svg ")


def test_html_is_a_page_of_its_own(tmp_path: Path) -> None:
    """Nothing is fetched or run."""
    picture = bars("1h").plot()
    picture.save(tmp_path / "chart.html")
    text = (tmp_path / "chart.html").read_text()
    assert text.startswith("<!doctype html>")
    assert picture.svg in text
    assert not re.search(r"<script|<link|url\(|src=", text)


def pixels(data: bytes) -> tuple[int, int, set[bytes]]:
    """Return width, height and the raw rows of a PNG of 8 bits a channel."""
    width, height = struct.unpack(">II", data[16:24])
    at, packed = 8, b""
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        packed += data[at + 8 : at + 8 + size] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + size
    rows = zlib.decompress(packed)
    stride = width * 4 + 1
    return width, height, {rows[k : k + stride] for k in range(0, len(rows), stride)}


def test_png_has_its_text_on_a_system_without_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """resvg leaves text out without a word if it has no font: the one that comes with mtf must be found."""
    resvg = pytest.importorskip("resvg_py")
    drawn = resvg.svg_to_bytes

    def without_fonts(**options: Any) -> bytes:
        return bytes(drawn(**options, skip_system_fonts=True))

    monkeypatch.setattr(resvg, "svg_to_bytes", without_fonts)
    picture = bars("1h").plot()
    picture.save(tmp_path / "chart.png")
    textless = Picture(re.sub(r"<text.*?</text>", "", picture.svg))
    textless.save(tmp_path / "textless.png")
    width, height, rows = pixels((tmp_path / "chart.png").read_bytes())
    assert (width, height) == (2 * WIDTH, 2 * HEIGHT)
    assert len(rows) > len(pixels((tmp_path / "textless.png").read_bytes())[2]) + 20


def test_png_without_the_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingPackage, match=r"pip install 'mtf-engine\[chart\]'"):
        bars("1h").plot().save(tmp_path / "chart.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: bars().plot(0), "last must be between 1 and 2000, got 0"),
        (lambda: bars().plot(indicators=["sma_20"]), "has no column 'sma_20'"),
        (lambda: mtf.point_in_time(SOURCE, on="5m").plot(), "has no column"),
        (lambda: bars("1w").plot(), "has no bars to draw"),
        (lambda: bars().plot().save("chart.gif"), "chart.gif: the name must end in one of .svg, .html, .png"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(draw: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        draw()


def test_several_symbols_are_refused() -> None:
    """Their prices have nothing to do with each other."""
    two = mtf.resample(SOURCE.replace("EURUSD", "EURUSD+USDJPY"), "5m")["5m"]
    with pytest.raises(ConfigError, match="several symbols or timeframes"):
        two.plot()
