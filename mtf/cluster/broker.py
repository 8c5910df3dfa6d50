"""A connection to a NATS server, as coroutines: messages of a stream, values by key, blobs, and nothing of mtf.

Reads need no consumer on the server, so that none is lost with it: each asks for messages by their number, or for the
newest of a subject. What is asked while the server is away waits up to the connection's patience, then BrokerDown.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import orjson

from mtf.data.needed import needs
from mtf.errors import BrokerDown, MtfError

__all__ = ["CHUNK_BYTES", "PATIENCE_S", "Broker", "Refused", "Stored", "StreamState", "client_error"]

PATIENCE_S: Final = 20.0
ASK_S: Final = 2.0  # how long one question may take before it is asked again
AGAIN_S: Final = 0.05  # between two attempts
DOUBT_S: Final = 2.0  # how long something that was stored may seem to be missing
BATCH_BYTES: Final = 8 << 20
CHUNK_BYTES: Final = 512 << 10  # of a blob
HEADERS_BYTES: Final = 1 << 10  # more than those of any message here
CONNECT_S: Final = 2
CLOSED: Final = "the handler is closed"  # in what uvloop says of a write to a connection that was closed
EXTRA: Final = "'mtf-engine[cluster]'"

EXPECTED_SEQ: Final = "Nats-Expected-Last-Sequence"
EXPECTED_KEY_SEQ: Final = "Nats-Expected-Last-Subject-Sequence"
WRONG_SEQ: Final = (10071, 10164)  # error codes: another message came first
NO_STREAM: Final = 10059
NO_MESSAGE: Final = 10037
NO_PEERS: Final = 10005  # fewer servers than replicas: the others may not have joined yet
IN_USE: Final = 10058  # a stream of that name with other settings

Answer = TypeVar("Answer")


class Refused(MtfError):
    """The server refused a message or a change, for good; *code* is its error code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    @property
    def is_wrong_seq(self) -> bool:
        """Whether another message came first."""
        return self.code in WRONG_SEQ


class Stored(NamedTuple):
    """A message of a stream; *number* counts the messages of that stream from 1."""

    number: int
    subject: str
    data: bytes
    headers: Mapping[str, str]


class StreamState(NamedTuple):
    """What the server reports of a stream."""

    last: int  # the number of its newest message
    bytes: int


class Settling(Protocol):
    """Whatever appends to a stream."""

    async def settled(self) -> None:
        """Return once everything appended is stored; raises what ended it."""
        ...


class Broker:
    """A connection, made by `connect`; used on the event loop that made it."""

    def __init__(self, client: Any, urls: str, patience_s: float) -> None:
        self.client: Final = client
        self.urls: Final = urls
        self.patience_s: Final = patience_s
        self.inbox: Final = f"_INBOX.{secrets.token_hex(11)}"
        self._asked: Final[dict[str, asyncio.Queue[Any]]] = {}  # by token: answers to questions with several
        self.reconnected: Final[list[Callable[[], None]]] = []  # called after each new connection
        self.appending: Final[dict[str, Settling]] = {}  # by stream: what writes it over this connection
        self._tasks: Final[set[asyncio.Task[Any]]] = set()  # that nobody waits for

    @classmethod
    async def connect(cls, urls: str, *, name: str = "mtf", patience_s: float = PATIENCE_S) -> Broker:
        """Connect to one of *urls*, separated by commas; BrokerDown if none answers within *patience_s*."""
        with needs("the package nats-py", EXTRA):
            from nats.aio.client import Client
            from nats.errors import Error
        client: Any = Client()  # its types differ by version
        again: list[Callable[[], None]] = []

        async def connected() -> None:
            for each in again:
                each()

        async def failed(error: Exception) -> None:
            """Leave it to whoever asked: a connection that breaks is made again."""

        try:
            async with asyncio.timeout(patience_s):
                await client.connect(
                    [each.strip() for each in urls.split(",")],
                    name=name,
                    error_cb=failed,
                    reconnected_cb=connected,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,  # the first connection, too, is tried until the time is over
                    reconnect_time_wait=AGAIN_S,
                    connect_timeout=CONNECT_S,
                    ping_interval=5,
                    pending_size=64 << 20,
                )
        except (Error, OSError, TimeoutError) as error:
            with contextlib.suppress(Exception):
                await client.close()
            raise BrokerDown(f"no NATS server answers at {urls}: start one, or name another ({error!r})") from error
        made = cls(client, urls, patience_s)
        again.append(made._connected_again)
        await made.subscribe(f"{made.inbox}.*", made._answered, pending_msgs_limit=-1, pending_bytes_limit=-1)
        return made

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, urls: str, *, name: str = "mtf", patience_s: float = PATIENCE_S) -> AsyncIterator[Broker]:
        """Within, the connection that `connect` makes."""
        broker = await cls.connect(urls, name=name, patience_s=patience_s)
        try:
            yield broker
        finally:
            await broker.close()

    async def close(self) -> None:
        """End the connection. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ASK_S):
                await self.client.close()

    @property
    def payload_bytes_max(self) -> int:
        """The largest message that the server takes, beside its headers."""
        return int(self.client.max_payload) - HEADERS_BYTES

    async def settled(self, stream: str) -> None:
        """Return once what was sent to *stream* over this connection is stored, or will not be: reads then see it."""
        writing = self.appending.get(stream)
        if writing is not None:
            with contextlib.suppress(MtfError):
                await writing.settled()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start *work* as a task that nobody waits for; its errors are ignored."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned)

    def _spawned(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    # Questions.

    async def ask(self, subject: str, payload: bytes = b"", headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the answer of the server's API, asked once; Refused for an error, TimeoutError if none comes."""
        reply = await self._reply(subject, payload, headers)
        try:
            answer: dict[str, Any] = orjson.loads(reply.data)
        except orjson.JSONDecodeError as error:
            raise TimeoutError(f"{subject}: no answer, {reply.headers}") from error
        wrong = answer.get("error")
        if wrong is not None:
            if wrong.get("code") == 503:  # no leader at the moment, or not yet
                raise TimeoutError(f"{subject}: {wrong.get('description')}")
            raise Refused(f"{subject}: {wrong.get('description')}", int(wrong.get("err_code", 0)))
        return answer

    async def ask_once(self, subject: str, payload: bytes) -> dict[str, Any]:
        """Return the answer of whoever serves *subject*, as JSON; TimeoutError if none comes."""
        answer: dict[str, Any] = orjson.loads((await self._reply(subject, payload)).data)
        return answer

    async def patiently(self, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return what *attempt* returns, made again while the server is away; BrokerDown past the patience."""
        from nats.errors import Error

        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience_s
        while True:
            try:
                return await attempt()
            except (TimeoutError, Error) as error:
                if loop.time() >= until or self.client.is_closed:
                    raise BrokerDown(
                        f"the NATS server at {self.urls} has not answered for {self.patience_s:g} s: {error}"
                    ) from error
            await asyncio.sleep(AGAIN_S)

    async def is_lasting(self, look: Callable[[], Awaitable[bool]]) -> bool:
        """Return whether what *look* sees is so for some time: a new leader may be a moment behind what was stored."""
        loop = asyncio.get_running_loop()
        until = loop.time() + DOUBT_S
        while await look():
            if loop.time() >= until:
                return True
            await asyncio.sleep(AGAIN_S)
        return False

    # Streams.

    async def make_stream(self, settings: Mapping[str, Any]) -> None:
        """Create a stream with these *settings*; an existing one of the same name is left as it is."""
        name = settings["name"]

        async def attempt() -> None:
            try:
                await self.ask(f"$JS.API.STREAM.CREATE.{name}", orjson.dumps(settings))
            except Refused as error:
                if error.code == NO_PEERS:
                    raise TimeoutError(str(error)) from error
                if error.code != IN_USE:
                    raise

        await self.patiently(attempt)

    async def stream_state(self, stream: str) -> StreamState | None:
        """Return the state of *stream*; None if no such stream exists."""

        async def attempt() -> StreamState | None:
            try:
                answer = await self.ask(f"$JS.API.STREAM.INFO.{stream}")
            except Refused as error:
                if error.code == NO_STREAM:
                    return None
                raise
            state = answer["state"]
            return StreamState(state["last_seq"], state["bytes"])

        return await self.patiently(attempt)

    async def newest(self, stream: str, subject: str) -> Stored | None:
        """Return the newest message of *subject* according to the stream's leader; None if it has no message."""
        return await self.patiently(lambda: self._get(stream, {"last_by_subj": subject}))

    async def last_message(self, stream: str) -> tuple[int, Stored | None]:
        """Return the number of the newest message of *stream* according to its leader, and that message.

        The message is None if it is gone. The number is 0 if the stream is empty, and -1 if it does not exist.
        """
        state = await self.stream_state(stream)
        if state is None or not state.last:
            return (-1 if state is None else 0), None
        return state.last, await self.patiently(lambda: self._get(stream, {"seq": state.last}))

    async def message(self, stream: str, number: int) -> Stored | None:
        """Return the message with this *number*; None if it does not exist, which the stream's leader has confirmed."""
        found = await self.messages(stream, number, 1)
        if found and found[0].number == number:
            return found[0]
        return await self.patiently(lambda: self._get(stream, {"seq": number}))

    async def messages(self, stream: str, number: int, count: int) -> list[Stored]:
        """Return up to *count* messages from *number* on, in order: as many as exist and fit in one answer.

        One that is missing shows as a gap between the numbers. A replica that is behind may have fewer.
        """
        payload = orjson.dumps({"seq": number, "batch": count, "max_bytes": BATCH_BYTES})
        return await self.patiently(lambda: self._batch(f"$JS.API.DIRECT.GET.{stream}", payload, count))

    async def newest_of(self, stream: str, patterns: Sequence[str]) -> list[Stored]:
        """Return the newest message of each subject that *patterns* cover, of at most 1,024; perhaps of a replica."""
        payload = orjson.dumps({"multi_last": list(patterns), "batch": 1_024})
        return await self.patiently(lambda: self._batch(f"$JS.API.DIRECT.GET.{stream}", payload, 1_024))

    async def purge(self, stream: str, pattern: str) -> None:
        """Remove all messages of the subjects that *pattern* covers."""
        await self.patiently(lambda: self.ask(f"$JS.API.STREAM.PURGE.{stream}", orjson.dumps({"filter": pattern})))

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Store a message, once; return its number. Refused if the server will not have it, TimeoutError if unknown."""
        answer = await self.ask(subject, payload, headers)
        return int(answer["seq"])

    # Subscriptions that may lose messages: the newest is worth more than all.

    @contextlib.asynccontextmanager
    async def subscribed(self, subject: str, received: Callable[[Any], Awaitable[None]]) -> AsyncIterator[None]:
        """Within, call *received* with each message of *subject* that is published meanwhile."""
        subscription = await self.subscribe(subject, received, pending_bytes_limit=256 << 20)
        try:
            yield
        finally:
            with contextlib.suppress(Exception):
                await subscription.unsubscribe()

    async def tell(
        self, subject: str, payload: bytes, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a message, without waiting for anything."""
        with _connected():
            await self.client.publish(subject, payload, reply=reply, headers=dict(headers or {}) or None)

    async def subscribe(self, subject: str, received: Callable[[Any], Awaitable[None]], **limits: int) -> Any:
        """Call *received* with each message of *subject* from now on; return the subscription, which can be ended."""

        async def attempt() -> Any:
            with _connected():
                return await self.client.subscribe(subject, cb=received, **limits)

        return await self.patiently(attempt)

    async def _reply(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> Any:
        """Return the message that answers this one; TimeoutError if none comes."""
        from nats.errors import Error

        try:
            with _connected():
                return await self.client.request(subject, payload, timeout=ASK_S, headers=dict(headers or {}) or None)
        except Error as error:
            raise TimeoutError(f"{subject}: {error!r}") from error

    async def _get(self, stream: str, which: Mapping[str, Any]) -> Stored | None:
        try:
            answer = await self.ask(f"$JS.API.STREAM.MSG.GET.{stream}", orjson.dumps(which))
        except Refused as error:
            if error.code in (NO_MESSAGE, NO_STREAM):
                return None
            raise
        return _stored(answer["message"])

    async def _batch(self, subject: str, payload: bytes, count: int) -> list[Stored]:
        token = secrets.token_hex(6)
        answers: asyncio.Queue[Any] = asyncio.Queue()
        self._asked[token] = answers
        found: list[Stored] = []
        try:
            await self.tell(subject, payload, f"{self.inbox}.{token}")
            while len(found) < count:
                async with asyncio.timeout(ASK_S):
                    reply = await answers.get()
                headers = reply.headers or {}
                status = headers.get("Status")
                if status is not None:
                    if status == "503":
                        raise TimeoutError(f"{subject}: no server has that stream at the moment")
                    if status not in ("204", "404"):
                        raise Refused(f"{subject}: {headers.get('Description', status)}", int(status))
                    break
                number = int(headers.get("Nats-Sequence", 0))
                found.append(Stored(number, headers.get("Nats-Subject", ""), reply.data, headers))
        except TimeoutError:
            if not found:  # else: what came is good, and the rest is asked for again
                raise
        finally:
            del self._asked[token]
        return found

    async def _answered(self, message: Any) -> None:
        answers = self._asked.get(message.subject.rpartition(".")[2])
        if answers is not None:
            answers.put_nowait(message)

    def _connected_again(self) -> None:
        for each in list(self.reconnected):
            each()


def client_error() -> type[Exception]:
    """Return the base of the errors that `Broker.tell` raises, of the package that is loaded by then."""
    from nats.errors import Error

    error: type[Exception] = Error
    return error


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    """Raise the client's error if its connection has just broken, as uvloop does not: then it is made again."""
    try:
        yield
    except RuntimeError as error:
        if CLOSED not in str(error):
            raise
        raise client_error()(f"the connection has just broken: {error}") from error


def _stored(message: Mapping[str, Any]) -> Stored:
    """Return a message as the API of streams answers it."""
    from base64 import b64decode

    headers: dict[str, str] = {}
    for line in b64decode(message.get("hdrs", "")).decode().split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name:
            headers[name] = value.strip()
    return Stored(int(message["seq"]), message["subject"], b64decode(message.get("data", "")), headers)
