"""A service beside an exchange that misbehaves, killed again and again: is every acknowledged tick there in the end?

The exchange (`soak_exchange.py`) is a process of its own, which numbers its messages and makes every kind of fault. The
service is `mtf serve`, with three consumers, one of which crashes and one of which is slow; it is killed with SIGKILL
every `--kill-every` seconds. At the end the result is compared with what was sent (`soak_judge.py`).

What the wall clock has closed in an outage does not take the ticks that come after it (docs/feeds.md): they are late.
So bars are closed by ticks alone; or with `--delay SECONDS` by the wall clock too, so long after their end. If that is
shorter than an outage some ticks are late: with `--allow-late` the bars are those of all others.

    python scripts/soak_feeds.py --seconds 1800 --rate 5000 --kill-every 60 --resend
"""

# ruff: noqa: ASYNC240 - two short files

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from soak_exchange import PATIENCE_S, STALL_S
from soak_judge import SECOND_NS, judged

import mtf
from mtf.feeds import Resume

EXCHANGE: Final = Path(__file__).with_name("soak_exchange.py")

CONFIG: Final = """
[pipeline]
data = "data"
calendar = "crypto"
timeframes = ["1s", "5s", "1m"]
clock = "{clock}"
delay_ns = {delay_ns}
checkpoint_seconds = {checkpoint_s}

[[feeds]]
name = "exchange"
kind = "websocket"
url = "{url}"
subscribe = "soak_feeds:subscription"
parse = "soak_feeds:ticks_of"
sequence = "soak_feeds:number_of"
acknowledge = "soak_feeds:acknowledgement"
stall_s = {stall_s}
patience_s = {patience_s}
backoff = {{ first_s = 0.02, most_s = 0.2 }}

[[consumers]]
class = "soak_feeds:Counter"

[[consumers]]
class = "soak_feeds:Dashboard"
policy = "latest"
on_error = "detach"

[[consumers]]
class = "soak_feeds:Crasher"
on_error = "restart"

[web]
enabled = false

[log]
level = "warning"
"""


# What the configuration of the service names.


def subscription(resume: Resume) -> list[Any]:
    return [{"next": resume.next.get(""), "missing": [list(each) for each in resume.missing.get("", ())]}]


def number_of(message: dict[str, Any]) -> int:
    number: int = message["n"]
    return number


def ticks_of(message: dict[str, Any]) -> list[mtf.Tick]:
    ns, number = message["ns"], message["n"]
    return [mtf.Tick.trade(symbol, ns, price, size, id=str(number)) for symbol, price, size in message["ticks"]]


def acknowledgement(_stream: str, number: int) -> Any:
    return {"ack": number}


class Counter(mtf.Consumer):
    """Counts what it is shown, over all kills, and writes the count down at the end."""

    def __init__(self) -> None:
        self.count = 0

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.count += 1

    def on_stop(self) -> None:
        Path("counted").write_text(str(self.count))

    def save(self) -> bytes:
        return str(self.count).encode()

    def load(self, state: bytes) -> None:
        self.count = int(state)


class Dashboard(mtf.Consumer):
    """Takes 20 ms for what it is shown."""

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await asyncio.sleep(0.02)


class Crasher(mtf.Consumer):
    """Fails now and then."""

    def __init__(self) -> None:
        self.count = 0

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.count += 1
        if self.count % 3_000 == 0:
            raise RuntimeError("it crashes now and then")


# The run.


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Let both run, with kills; return what was found."""
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="mtf-soak-"))
    folder.mkdir(exist_ok=True)
    report = folder / "sent.json"
    options = ["--rate", str(arguments.rate), "--seed", str(arguments.seed), "--report", str(report)]
    exchange = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXCHANGE), *options, *(["--resend"] if arguments.resend else [])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert exchange.stdin is not None, "a pipe"
    assert exchange.stdout is not None, "a pipe"
    service: asyncio.subprocess.Process | None = None
    kills = 0
    try:
        port = int(await exchange.stdout.readline())
        says = _Lines(exchange.stdout)
        (folder / "soak.toml").write_text(_config(arguments, port))
        lives = max(1, round(arguments.seconds / arguments.kill_every))
        for life in range(lives):
            says.forget("connected")
            service = await _serve(folder)
            await says.next("connected")  # from then on it has something to lose
            with contextlib.suppress(TimeoutError):
                code = await asyncio.wait_for(service.wait(), arguments.kill_every)
                raise SystemExit(f"the service has ended by itself, with {code}: see {folder / 'log'}")
            if life < lives - 1:
                service.send_signal(signal.SIGKILL)
                await service.wait()
                kills += 1
        assert service is not None, "there is a last life"
        exchange.stdin.write(b"\n")
        await says.next("done")
        service.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(service.wait(), 60)
    finally:
        for each in (exchange, service):
            if each is not None and each.returncode is None:
                each.kill()
                await each.wait()
    sent = json.loads(report.read_text())
    found = judged(folder, sent, resends=arguments.resend, allow_late=arguments.allow_late)
    return {"exit_code": code, "kills": kills, **found}


def _config(arguments: argparse.Namespace, port: int) -> str:
    """Return the configuration of the service, for an exchange on *port*."""
    return CONFIG.format(
        url=f"ws://127.0.0.1:{port}/",
        clock="ticks" if arguments.delay is None else "both",
        delay_ns=round((arguments.delay or 0) * SECOND_NS),
        stall_s=STALL_S,
        patience_s=PATIENCE_S,
        checkpoint_s=min(10.0, arguments.kill_every / 3),
    )


class _Lines:
    """What the exchange prints, as it comes."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._news: Final = asyncio.Condition()
        self._newest: Final[dict[str, int]] = defaultdict(int)
        self._seen: Final[dict[str, int]] = defaultdict(int)
        self._task: Final = asyncio.create_task(self._read(stream))

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            async with self._news:
                self._newest[line.decode().strip()] += 1
                self._news.notify_all()

    def forget(self, word: str) -> None:
        """Have the next `next` wait for another *word*."""
        self._seen[word] = self._newest[word]

    async def next(self, word: str) -> None:
        """Return once *word* is printed."""
        async with self._news:
            await self._news.wait_for(lambda: self._newest[word] > self._seen[word])


async def _serve(folder: Path) -> asyncio.subprocess.Process:
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(Path(__file__).parent)]
    with (folder / "log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "mtf", "serve", "soak.toml"),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdout=log,
            stderr=log,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--rate", type=float, default=5000.0, help="ticks in a second")
    parser.add_argument("--kill-every", type=float, default=60.0, help="seconds between two kills")
    parser.add_argument("--resend", action="store_true", help="the exchange sends again what it is asked for")
    parser.add_argument("--delay", type=float, help="the wall clock closes bars too, so many seconds after their end")
    parser.add_argument("--allow-late", action="store_true", help="ticks may be late: bars are of the others")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where everything is kept")
    arguments = parser.parse_args()
    found = asyncio.run(run(arguments))
    print(json.dumps(found, indent=2))
    return 1 if found["errors"] or found["exit_code"] else 0


if __name__ == "__main__":
    sys.exit(main())
