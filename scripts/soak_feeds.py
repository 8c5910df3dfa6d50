"""A service beside an exchange that misbehaves, killed again and again: is every acknowledged tick there in the end?

The exchange is a process of its own. It numbers its messages, and drops connections, stalls, repeats, swaps, leaves out
and sends garbage; with `--resend` it sends again what it is asked for, else what was missed is gone. The service is
`mtf serve`, with three consumers, one of which crashes and one of which is slow; it is killed with SIGKILL every
`--kill-every` seconds. At the end the bars are compared with those that plain arithmetic makes of what was sent.

What the wall clock has closed in an outage does not take the ticks that come after it (docs/feeds.md): they are late.
So bars are closed by ticks alone; or with `--delay SECONDS` by the wall clock too, so long after their end. If that is
shorter than an outage some ticks are late: with `--allow-late` the bars are those of all others.

    python scripts/soak_feeds.py --seconds 1800 --rate 5000 --kill-every 60 --resend
"""

# ruff: noqa: ASYNC240 - two short files

from __future__ import annotations

import argparse
import asyncio
import bisect
import contextlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final

import mtf
from mtf.feeds import Resume
from mtf.log import read_log

SYMBOLS: Final = 200
TICKS: Final = 5  # of a message, each of another symbol
FEED: Final = "exchange"
SECOND_NS: Final = 1_000_000_000
STALL_S: Final = 1.0
PATIENCE_S: Final = 0.5
PROGRESS_S: Final = 60.0
ERRORS_SHOWN: Final = 20
LATE: Final = "late"  # a verdict
# How often in a second the exchange does what it should not.
FAULTS: Final = {"drop": 0.3, "stall": 0.08, "repeat": 3.0, "swap": 3.0, "leave out": 0.3, "garbage": 2.0}
GARBAGE: Final = (b"\xff\xfe", b"[1, 2", b'"text"', b'{"n": 5}', b"null")
HOLE: Final = re.compile(rb"%s: (?:message (\d+)|\d+ messages, (\d+) to (\d+),) did not come" % FEED.encode())

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


# The exchange.


class Exchange:
    """Makes messages at a rate, keeps all of them, and sends them to one client at a time."""

    def __init__(self, rate: float, seed: int, *, resends: bool) -> None:
        self.messages: Final[list[dict[str, Any]]] = []
        self.acknowledged: Final[set[int]] = set()
        self.faults: Final[dict[str, int]] = defaultdict(int)
        self.behaves = False
        self.making = True
        self._rate: Final = rate / TICKS  # messages in a second
        self._chance: Final = random.Random(seed)
        self._resends: Final = resends
        self._news: Final = asyncio.Event()
        self._begun_s = 0.0
        self._fault_until_s = 0.0

    async def make(self) -> None:
        """Make messages, from the first connection on."""
        while self.making:
            await asyncio.sleep(0.01)
            if not self._begun_s:
                continue
            due = int((time.monotonic() - self._begun_s) * self._rate)
            while len(self.messages) < due:
                number = len(self.messages)
                first = number * TICKS % SYMBOLS
                ticks = [
                    [f"S{first + k:03d}", 100 + self._chance.randrange(64) / 64, float(self._chance.randrange(1, 9))]
                    for k in range(TICKS)
                ]
                self.messages.append({"n": number, "ns": time.time_ns(), "ticks": ticks})
            self._news.set()
            self._news.clear()

    async def all_are_in(self) -> None:
        """Return once the last message is acknowledged, or nothing is for a minute."""
        count, since_s = -1, 0.0
        while len(self.messages) - 1 not in self.acknowledged:
            if len(self.acknowledged) != count:
                count, since_s = len(self.acknowledged), time.monotonic()
            elif time.monotonic() > since_s + PROGRESS_S:
                return
            await asyncio.sleep(0.05)

    async def serve(self, socket: Any) -> None:
        """Send to one client, until the connection ends."""
        asked = json.loads(await socket.recv())
        print("connected", flush=True)
        self._begun_s = self._begun_s or time.monotonic()
        hearing = asyncio.create_task(self._hear(socket))
        try:
            async for message in self._to_send(asked):
                if message is None:
                    await self._news.wait()
                elif await self._send(socket, message):
                    return
        except OSError:
            pass
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "websockets":
                raise
        finally:
            hearing.cancel()
            socket.transport.abort()

    async def _to_send(self, asked: dict[str, Any]) -> AsyncIterator[dict[str, Any] | None]:
        """Yield what this client gets next; None: nothing yet."""
        place = len(self.messages)
        if self._resends:
            for start, stop in asked["missing"]:
                for number in range(start, stop):
                    yield self.messages[number]
            place = asked["next"] or 0
        while True:
            if place >= len(self.messages):
                yield None
                continue
            message = self.messages[place]
            place += 1
            has_next = place < len(self.messages)
            if (self._resends and not has_next) or not self._falls("leave out"):
                if has_next and self._falls("swap"):
                    yield self.messages[place]
                    place += 1
                yield message
            elif self._resends:
                yield self.messages[place]  # the hole shows; then the connection ends, and it is asked for
                self._fault_until_s = 0.0
                yield {}

    async def _send(self, socket: Any, message: dict[str, Any]) -> bool:
        """Send *message*, or do something else; return whether the connection is to end."""
        if not message or self._falls("drop"):
            return True
        if self._falls("stall"):
            await asyncio.sleep(STALL_S * 3)
        if self._falls("garbage"):
            await socket.send(self._chance.choice(GARBAGE))
        text = json.dumps(message)
        await socket.send(text)
        if self._falls("repeat"):
            await socket.send(text)
        return False

    async def _hear(self, socket: Any) -> None:
        async for text in socket:
            self.acknowledged.add(json.loads(text)["ack"])

    def _falls(self, fault: str) -> bool:
        """Whether this fault is due."""
        if self.behaves or self._chance.random() >= FAULTS[fault] / self._rate:
            return False
        self.faults[fault] += 1
        return True


async def exchange(arguments: argparse.Namespace) -> None:
    """Serve until the input ends; print the port, and at the end what was sent."""
    from websockets.asyncio.server import serve

    made = Exchange(arguments.rate, arguments.seed, resends=arguments.resend)
    making = asyncio.create_task(made.make())
    async with serve(made.serve, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        made.behaves = True  # what is missing by now can come, or be noticed
        await asyncio.sleep(STALL_S * 3 + PATIENCE_S * 4)
        made.making = False
        await making
        await made.all_are_in()
        report = {
            "messages": made.messages,
            "acknowledged": sorted(made.acknowledged),
            "faults": made.faults,
        }
        Path(arguments.report).write_text(json.dumps(report))
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


# The run.


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Let both run, with kills; return what was found."""
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="mtf-soak-"))
    folder.mkdir(exist_ok=True)
    report = folder / "sent.json"
    options = ["--rate", str(arguments.rate), "--seed", str(arguments.seed), "--report", str(report)]
    exchange = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "exchange", *options, *(["--resend"] if arguments.resend else [])),
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
        config = CONFIG.format(
            url=f"ws://127.0.0.1:{port}/",
            clock="ticks" if arguments.delay is None else "both",
            delay_ns=round((arguments.delay or 0) * SECOND_NS),
            stall_s=STALL_S,
            patience_s=PATIENCE_S,
            checkpoint_s=min(10.0, arguments.kill_every / 3),
        )
        (folder / "soak.toml").write_text(config)
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


# What is right.


def judged(folder: Path, report: dict[str, Any], *, resends: bool, allow_late: bool = False) -> dict[str, Any]:
    """Compare the data directory with what was sent and acknowledged; `errors` is empty if all is well."""
    messages, acknowledged = report["messages"], set(report["acknowledged"])
    errors: list[str] = []
    data = folder / "data"
    times: dict[int, int] = defaultdict(int)  # how often a message's ticks are in the log
    verdicts: dict[str, int] = defaultdict(int)
    late: set[tuple[int, str]] = set()  # ticks, by the number of the message and the symbol
    with mtf.open(data) as reader:
        for each in reader.ticks():
            times[int(each.tick.id or -1)] += 1
            verdicts[each.verdict] += 1
            if each.verdict == LATE:
                late.add((int(each.tick.id or -1), each.tick.symbol))
        logged = set(times)
        if wrong := [number for number, count in times.items() if count != TICKS]:
            errors.append(f"messages that are not in the log exactly once: {wrong[:10]}")
        if lost := acknowledged - logged:
            errors.append(f"{len(lost)} messages were acknowledged and are not in the log: {sorted(lost)[:10]}")
        allowed = ("accepted", LATE) if allow_late else "accepted"
        if refused := {name: n for name, n in verdicts.items() if not name.endswith(allowed)}:
            errors.append(f"rejected: {refused}")
        if max(logged) + 1 < len(messages):
            errors.append(f"the service did not keep up: {max(logged) + 1} of {len(messages)} messages have come")
        missing = [number for number in range(min(logged), max(logged)) if number not in logged]
        if resends and (missing or min(logged) > 0):
            errors.append(f"{len(missing)} messages are missing though they were sent again: {missing[:10]}")
        if unmarked := sorted(set(missing) - _marked(data)):
            errors.append(f"{len(unmarked)} missing messages are in no outage of the log: {unmarked[:10]}")
        taken = [messages[number] for number in sorted(logged)]
        bars = _compare(reader, taken, late, errors)
    counted = int((folder / "counted").read_text())
    if counted != len(logged) * TICKS - len(late):
        errors.append(f"the consumer has counted {counted} ticks, of {len(logged) * TICKS - len(late)} that were taken")
    return {
        "errors": errors[:ERRORS_SHOWN],
        "messages": len(messages),
        "ticks": len(messages) * TICKS,
        "logged": len(logged),
        "acknowledged": len(acknowledged),
        "missing": len(missing),
        "bars": bars,
        "verdicts": dict(verdicts),
        "faults": report["faults"],
    }


def _marked(data: Path) -> set[int]:
    """Return the numbers that outages in the log name."""
    found: set[int] = set()
    for logged in read_log(data / "log", 1):
        for one, first, last in HOLE.findall(logged.block.heap):
            found.update(range(int(one or first), int(one or last) + 1))
    return found


def _compare(
    reader: mtf.DataReader, messages: Iterable[dict[str, Any]], late: set[tuple[int, str]], errors: list[str]
) -> int:
    """Compare the stored bars of each symbol with those of *messages* without the *late* ticks; return how many."""
    ticks: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for message in messages:
        for symbol, price, size in message["ticks"]:
            if (message["n"], symbol) not in late:
                ticks[symbol].append((message["ns"], price, size))
    compared, states = 0, reader.states().symbols
    for symbol, rows in sorted(ticks.items()):
        state = states[symbol]
        for name, length_ns in (("1s", SECOND_NS), ("5s", 5 * SECOND_NS), ("1m", 60 * SECOND_NS)):
            right = _bars(rows, length_ns)
            found = [(b.start_ns, b.open, b.high, b.low, b.close, b.volume, b.ticks) for b in reader.bars(symbol, name)]
            partial = state[name].partial
            if partial is not None and partial.ticks:
                b = partial
                found.append((b.start_ns, b.open, b.high, b.low, b.close, b.volume, b.ticks))
            compared += len(found)
            if found != right:
                place = next((k for k, pair in enumerate(zip(found, right, strict=False)) if pair[0] != pair[1]), -1)
                errors.append(f"{symbol} {name}: {len(found)} bars, {len(right)} are right; they differ at {place}")
    return compared


def _bars(rows: list[tuple[int, float, float]], length_ns: int) -> list[tuple[Any, ...]]:
    found = []
    starts = [ns - ns % length_ns for ns, _, _ in rows]
    for start in dict.fromkeys(starts):
        part = rows[bisect.bisect_left(starts, start) : bisect.bisect_right(starts, start)]
        prices = [price for _, price, _ in part]
        volume = sum(size for _, _, size in part)
        found.append((start, prices[0], max(prices), min(prices), prices[-1], volume, len(part)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", nargs="?", choices=("run", "exchange"), default="run")
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--rate", type=float, default=5000.0, help="ticks in a second")
    parser.add_argument("--kill-every", type=float, default=60.0, help="seconds between two kills")
    parser.add_argument("--resend", action="store_true", help="the exchange sends again what it is asked for")
    parser.add_argument("--delay", type=float, help="the wall clock closes bars too, so many seconds after their end")
    parser.add_argument("--allow-late", action="store_true", help="ticks may be late: bars are of the others")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where everything is kept")
    parser.add_argument("--report", default="sent.json", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "exchange":
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(exchange(arguments))
        return 0
    found = asyncio.run(run(arguments))
    print(json.dumps(found, indent=2))
    return 1 if found["errors"] or found["exit_code"] else 0


if __name__ == "__main__":
    sys.exit(main())
