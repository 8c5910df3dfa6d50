"""An exchange that misbehaves, as a process of its own, for `soak_feeds.py`.

It makes numbered messages at a rate from the first connection on, and drops connections, stalls, repeats, swaps, leaves
out and sends garbage; with `--resend` it sends again what a client requests, else missed messages are lost. It prints
its port, `connected` for each client, and `done` when the report is written; a line on its input ends the making.
"""

# ruff: noqa: ASYNC240 - one short file

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

SYMBOLS: Final = 200
TICKS: Final = 5  # of a message, each of another symbol
STALL_S: Final = 1.0  # a client that gives up after this long notices a stall
PATIENCE_S: Final = 0.5  # how long a client waits for a missing number
PROGRESS_S: Final = 60.0  # without an acknowledgement for this long, nothing more is expected
# How often in a second the exchange does what it should not.
FAULTS: Final = {"drop": 0.3, "stall": 0.08, "repeat": 3.0, "swap": 3.0, "leave out": 0.3, "garbage": 2.0}
GARBAGE: Final = (b"\xff\xfe", b"[1, 2", b'"text"', b'{"n": 5}', b"null")


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
        self._connected_at = 0  # the first message that the newest client can get as it is made
        self._settled_s = math.inf  # what is made from then on shows that client what was lost before it came
        self._fault_until_s = 0.0

    async def make(self) -> None:
        """Make messages, from the first connection on, as long as `making`."""
        while True:
            await asyncio.sleep(0.01)
            if not self._begun_s or not self.making:
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
        """Return once no more are made and the last message is acknowledged, or nothing is for a minute."""
        count, since_s = -1, 0.0
        while self.making or len(self.messages) - 1 not in self.acknowledged:
            self.making = time.monotonic() < self._settled_s
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
        self._connected_at, self._settled_s = len(self.messages), math.inf
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
            number = json.loads(text)["ack"]
            self.acknowledged.add(number)
            if self._settled_s == math.inf and number >= self._connected_at:
                self._settled_s = time.monotonic() + PATIENCE_S * 4

    def _falls(self, fault: str) -> bool:
        """Whether this fault is due."""
        if self.behaves or self._chance.random() >= FAULTS[fault] / self._rate:
            return False
        self.faults[fault] += 1
        return True


async def run(arguments: argparse.Namespace) -> None:
    """Serve until the input ends; print the port, and at the end what was sent."""
    from websockets.asyncio.server import serve

    made = Exchange(arguments.rate, arguments.seed, resends=arguments.resend)
    making = asyncio.create_task(made.make())
    async with serve(made.serve, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        made.behaves = True  # what is missing by now can come, or be noticed
        await asyncio.sleep(STALL_S * 3 + PATIENCE_S * 4)
        await made.all_are_in()
        making.cancel()
        report = {
            "messages": made.messages,
            "acknowledged": sorted(made.acknowledged),
            "faults": made.faults,
        }
        Path(arguments.report).write_text(json.dumps(report))
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=5000.0, help="ticks in a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resend", action="store_true", help="send again what a client requests")
    parser.add_argument("--report", default="sent.json", help="file for what was sent and acknowledged")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
