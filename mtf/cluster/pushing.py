"""Pushes: events that programs send to a gateway, each answered with its seq once it is stored.

An event is a JSON object with the fields of `mtf.Tick`, or a list of them. Events get their seqs in the order in which
they come here. Whoever gets no answer does not know whether the event is stored: an `id` lets a second one be rejected
as a duplicate.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import orjson

from mtf.cluster.broker import client_error
from mtf.cluster.link import Caller
from mtf.cluster.partition_writer import PartitionWriter
from mtf.cluster.subjects import ClusterNames
from mtf.errors import MalformedEvent
from mtf.events.malformed import REASONS
from mtf.events.tick import Tick

__all__ = ["Pushes", "encoded_tick"]

WAITING_MAX: Final = 10_000  # questions; more are answered with an error at once
WAIT_S: Final = 0.1  # between looks whether it is to end
FIELDS: Final = ("symbol", "ts_ns", "bid", "ask", "bid_size", "ask_size", "price", "size", "id")


def encoded_tick(tick: Tick) -> dict[str, Any]:
    """Return *tick* as it is sent."""
    return {name: value for name in FIELDS if (value := getattr(tick, name)) is not None}


@attrs.define
class _Pushed:
    """A question: its events, and what they were given."""

    reply: str
    events: list[dict[str, Any]]
    answers: list[dict[str, Any]] = attrs.field(factory=list)


class Pushes:
    """Takes the pushes of a cluster into *writers*, the partitions, by *of*, until *stopped* says so."""

    def __init__(
        self,
        link: Caller,
        names: ClusterNames,
        writers: Sequence[PartitionWriter],
        of: Callable[[str], int],
        stopped: Callable[[], bool],
    ) -> None:
        self._link: Final = link
        self._names: Final = names
        self._writers: Final = writers
        self._of: Final = of
        self._stopped: Final = stopped
        self._waiting: Final[queue.Queue[_Pushed]] = queue.Queue(WAITING_MAX)

    def run(self) -> int:
        """Take pushes; return how many events were stored."""
        taken = 0
        subscription = self._link.call(self._subscribe())
        try:
            while not self._stopped():
                try:
                    found = [self._waiting.get(timeout=WAIT_S)]
                except queue.Empty:
                    continue
                while not self._waiting.empty():
                    found.append(self._waiting.get())
                taken += self._take(found)
        finally:
            self._link.call(subscription.unsubscribe())
        return taken

    def _take(self, pushed: list[_Pushed]) -> int:
        """Write what was *pushed*, and answer once it is stored."""
        touched: dict[int, PartitionWriter] = {}
        count = 0
        for each in pushed:
            for event in each.events:
                answer = self._write(event)
                each.answers.append(answer)
                if "seq" in answer:
                    count += 1
                    touched[answer["partition"]] = self._writers[answer["partition"]]
        for writer in touched.values():
            writer.flush()
        for writer in touched.values():
            _ = writer.log.sync()
        for each in pushed:
            self._link.call(self._answer(each.reply, {"events": each.answers}))
        return count

    def _write(self, event: dict[str, Any]) -> dict[str, Any]:
        try:
            tick = Tick(**event)
            partition = self._of(tick.symbol)
            builder = self._writers[partition].builder
            wrong = REASONS[builder.tick(tick)]
        except (MalformedEvent, TypeError, AttributeError, OverflowError, ValueError) as error:
            return {"error": str(error)}
        if wrong:
            return {"error": wrong}
        return {"partition": partition, "seq": self._writers[partition].log.last_seq + int(builder.count)}

    async def _subscribe(self) -> Any:
        return await self._link.broker.subscribe(self._names.push_subject, self._heard)

    async def _heard(self, message: Any) -> None:
        try:
            events = orjson.loads(message.data)
            self._waiting.put_nowait(_Pushed(message.reply, events if isinstance(events, list) else [events]))
        except orjson.JSONDecodeError as error:
            await self._answer(message.reply, {"error": f"not JSON: {error}"})
        except queue.Full:
            await self._answer(message.reply, {"error": "the gateway has too much to do: try again"})

    async def _answer(self, reply: str, answer: dict[str, Any]) -> None:
        if reply:
            with contextlib.suppress(client_error()):  # then whoever pushed gets no answer
                await self._link.broker.tell(reply, orjson.dumps(answer))
