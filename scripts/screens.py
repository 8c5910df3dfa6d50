"""Makes the pictures of the page in docs/images/: a made market, served by `mtf serve`, in a browser.

    .venv/bin/python scripts/screens.py                      the pictures of the docs
    .venv/bin/python scripts/screens.py --to /tmp/look --all   every view at every size, dark and light, to look at

Needs Chromium (scripts/browser.sh). The market is made from a seed, so that no vendor's data is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import math
import os
import random
import shutil
import struct
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import mtf
from mtf.data import open_data

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
MOST_BYTES = 150_000
SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
START_NS = 1_709_157_600 * SECOND_NS  # Wednesday 2024-02-28 22:00 UTC
HOURS = 183.561  # until Thursday a week later, in the afternoon
WEEKEND = (48, 96)  # hours from the start in which nobody trades
EACH_S = 9  # between two ticks of the first symbol
SYMBOLS = {
    "EURUSD": 1.0842, "GBPUSD": 1.2654, "USDJPY": 150.21, "AUDUSD": 0.6523, "USDCHF": 0.8812, "USDCAD": 1.3561,
    "NZDUSD": 0.6098, "EURGBP": 0.8566, "EURJPY": 162.88, "GBPJPY": 190.07, "EURCHF": 0.9554, "AUDJPY": 97.99,
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "calendar": "fx",
    "timeframes": ["1m", "5m", "15m", "1h", "4h", "1d"],
    "indicators": "sma:20,bbands:20,2,rsi:14",
    "clock": "ticks",
    "history": 1_000,
}
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]
NOW = "EURUSD?tf=5m&ind=sma:20+bbands:20,2+rsi:14"
# The server has played the log up to its end: the strip and the rejected ticks are all there.
PLAYED = """() => {
    const { market, state, timeline } = window.mtf;
    return !market || (state && timeline.glance?.seq >= state.seq + (state.later ?? 0) - 1000);
}"""
SHOWN = "() => +document.querySelector('.market')?.dataset.seq > 0"


def walk(seed: int, price: float, each_s: float) -> Iterator[tuple[int, float]]:
    """Yield times and prices of a market: a walk whose pace follows the hours of the day, with a few jumps."""
    rng = random.Random(seed)
    drift, hour = 0.0, 0.0
    while True:
        busy = 0.35 + math.exp(-((((hour + 22) % 24) - 14) ** 2) / 18)
        hour += each_s / 3_600 * rng.uniform(0.2, 1.8) * 0.75 / busy
        if hour > HOURS:
            return
        if WEEKEND[0] <= hour < WEEKEND[1]:
            hour = WEEKEND[1] + rng.random() / 60
        if rng.random() < 1 / 1_500:
            drift = rng.uniform(-1, 1) * 2e-6
        price *= 1 + rng.gauss(drift * busy, 1.1e-5 * busy * math.sqrt(each_s))
        yield START_NS + round(hour * HOUR_NS), price


def ticks() -> Iterator[mtf.Tick]:
    """Yield the ticks of all symbols in the order of their times; some are late, without a price, or on a Saturday."""
    rng = random.Random(7)
    rows = []
    for k, (symbol, price) in enumerate(SYMBOLS.items()):
        digits = 3 if price > 20 else 5
        for ts_ns, mid in walk(k, price, EACH_S if not k else 150):
            spread = rng.choice((1, 1, 1, 2)) * 10.0**-digits
            rows.append((ts_ns, symbol, round(mid, digits), round(mid + spread, digits)))
    rows += [(START_NS + round(rng.uniform(*WEEKEND) * HOUR_NS), "EURUSD", 1.0842, 1.0843) for _ in range(45)]
    rows.sort()
    for ts_ns, symbol, bid, ask in rows:
        yield mtf.Tick(symbol, ts_ns, bid, ask)
        if symbol == "EURUSD" and rng.random() < 1 / 300:
            late = rng.random() < 0.7
            if late:
                yield mtf.Tick(symbol, ts_ns - 40 * SECOND_NS, bid, ask)
            else:
                yield mtf.Tick(symbol, ts_ns, 0.0, 0.0)


async def made(path: Path) -> None:
    """Write the market into the data directory *path*."""
    async with mtf.Pipeline(data=path, **SETTINGS) as p:
        for tick in ticks():
            await p.push(tick)


@contextlib.asynccontextmanager
async def served(path: Path) -> AsyncIterator[str]:
    """Within, `mtf serve` of *path* runs; where it listens."""
    command = [sys.executable, "-m", "mtf", "serve", str(path), "--port", "0"]
    serving = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        assert serving.stdout is not None, "it is piped"
        async for line in serving.stdout:
            found = [word for word in line.decode().split() if word.startswith("http://")]
            if found:
                yield found[0].rstrip("/.,") + "/"
                return
        raise SystemExit("mtf serve ended before it served")
    finally:
        with contextlib.suppress(ProcessLookupError):
            serving.terminate()
        await serving.wait()


class Camera:
    """Opens addresses of the page at a size and takes pictures of them."""

    def __init__(self, browser: Any, url: str, to: Path, squeeze: bool = False) -> None:
        self._squeeze = squeeze
        self._browser = browser
        self._url = url
        self._to = to

    async def shoot(self, name: str, address: str, width: int, height: int, **options: Any) -> None:
        """Save the page of *address* as NAME.png; *options*: light, keys, at (a place to point at), until."""
        scheme = "light" if options.get("light") else "dark"
        phone = width < 700
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=phone, is_mobile=phone,
            reduced_motion="reduce",
        )  # fmt: skip
        page = await context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        await page.goto(self._url + address)
        await page.wait_for_function(options.get("until", SHOWN), timeout=60_000)
        await page.wait_for_function(PLAYED, timeout=120_000)
        for key in options.get("keys", ()):
            await page.keyboard.press(key)
        if "at" in options:
            await page.mouse.move(*options["at"])
        await page.wait_for_timeout(options.get("rest_ms", 900))
        path = self._to / f"{name}.png"
        await page.screenshot(path=str(path))
        await context.close()
        for fault in faults:
            print(f"{name}: {fault}")
        if self._squeeze:
            squeezed(path)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


def squeezed(path: Path) -> None:
    """Write a PNG again with a palette of 256 of its colours; the others become the nearest of them."""
    data = path.read_bytes()
    at, packed, head = 8, b"", b""
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size
        if kind == b"IDAT":
            packed += body
        elif kind == b"IHDR":
            head = body
    width, height, depth, colour = struct.unpack(">IIBB", head[:10])
    if depth != 8 or colour not in (2, 6):
        return
    channels = 3 if colour == 2 else 4
    rows = [_colours(row, channels) for row in _unfiltered(zlib.decompress(packed), width * channels, height, channels)]
    counts = Counter(itertools.chain.from_iterable(rows))
    palette = _palette(counts)
    place = {each: k for k, each in enumerate(palette)}
    for each in counts:
        if each not in place:
            place[each] = _nearest(palette, each)
    body = b"".join(b"\0" + bytes([place[each] for each in row]) for row in rows)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(body, 9)),
        (b"IEND", b""),
    ]
    path.write_bytes(data[:8] + b"".join(_chunk(kind, body) for kind, body in chunks))


def _palette(counts: Counter[bytes]) -> list[bytes]:
    """Return the 192 most frequent colours, then those that are missed most: far from all before them, and not rare."""
    ranked = [each for each, _ in counts.most_common(4_000)]
    palette, rest = ranked[:192], ranked[192:]
    far = {each: min(_distance(each, known) for known in palette) for each in rest}
    while far and len(palette) < 256:
        missed = max(far, key=lambda each: far[each] * counts[each] ** 0.5)
        palette.append(missed)
        del far[missed]
        far = {each: min(distance, _distance(each, missed)) for each, distance in far.items()}
    return palette


def _unfiltered(data: bytes, stride: int, height: int, step: int) -> Iterator[bytearray]:
    """Yield the rows of a PNG's data as they were before its filters."""
    before = bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
        if kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, before, strict=True))
        elif kind:
            for x in range(stride):
                left, up = row[x - step] if x >= step else 0, before[x]
                corner = before[x - step] if x >= step else 0
                if kind == 1:
                    guess = left
                elif kind == 3:
                    guess = (left + up) // 2
                else:
                    guess = _paeth(left, up, corner)
                row[x] = (row[x] + guess) & 255
        yield row
        before = row


def _paeth(left: int, up: int, corner: int) -> int:
    """Return which of the three is nearest to their sum, as PNG defines it; the earlier one if two are."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


def _colours(row: bytearray, channels: int) -> list[bytes]:
    """Return the colour of each point of a row, without its alpha."""
    return [bytes(row[x : x + 3]) for x in range(0, len(row), channels)]


def _nearest(palette: list[bytes], colour: bytes) -> int:
    """Return the place of the palette's colour that is nearest to *colour*."""
    distances = [_distance(each, colour) for each in palette]
    return distances.index(min(distances))


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


async def documented(camera: Camera, past: int) -> None:
    """Take the pictures of the docs."""
    await camera.shoot("market", NOW, 1600, 1000, at=(560, 420))
    await camera.shoot("time-machine", f"{NOW}&at={past}", 1600, 1000)
    await camera.shoot("market-light", NOW.replace("5m", "1m"), 1280, 800, light=True)
    await camera.shoot("phone", NOW, 390, 844)


async def everything(camera: Camera, past: int) -> None:
    """Take every view at every size, dark and light."""
    rows = "() => document.querySelectorAll('.row').length > 3"
    health = "() => document.querySelector('.health .numbers')"
    for width, height in ((1600, 1000), (1280, 800), (390, 844), (320, 640)):
        for light in (False, True):
            end = f"{width}{'-light' if light else ''}"
            await camera.shoot(f"market-{end}", NOW, width, height, light=light)
            await camera.shoot(f"past-{end}", f"{NOW}&at={past}", width, height, light=light)
            await camera.shoot(f"symbols-{end}", "symbols", width, height, light=light, until=rows)
            await camera.shoot(f"health-{end}", "health", width, height, light=light, until=health)
    await camera.shoot("free", NOW, 1600, 1000, light=True, keys=["c"])
    await camera.shoot("grid", NOW, 1600, 1000, keys=["0"])
    await camera.shoot("table", NOW, 1600, 1000, keys=["v"])
    await camera.shoot("keys", NOW, 1600, 1000, keys=["?"])


async def main(to: Path, data: Path, every: bool) -> None:
    from playwright.async_api import async_playwright

    chromium = os.environ.get("MTF_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with served(data) as url, async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=FLAGS)
        camera = Camera(browser, url, to, squeeze=not every)
        with open_data(data) as reader:
            past = reader.seq * 46 // 100
        await (everything if every else documented)(camera, past)
        await browser.close()
    if not every:
        for name in ("market", "time-machine", "market-light", "phone"):
            if (to / f"{name}.png").stat().st_size > MOST_BYTES:
                raise SystemExit(f"{name}.png is larger than {MOST_BYTES} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=IMAGES, help="where the pictures go")
    parser.add_argument("--data", type=Path, help="a data directory that is kept: made if it is not there")
    parser.add_argument("--all", action="store_true", help="every view at every size, to look at")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        market = given.data or Path(folder) / "run"
        given.to.mkdir(parents=True, exist_ok=True)
        if not market.exists():
            asyncio.run(made(market))
        asyncio.run(main(given.to, market, given.all))
