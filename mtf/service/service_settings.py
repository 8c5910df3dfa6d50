"""The configuration of a service: the tables of its file as classes, each setting with its type, default and meaning.

Pipelines, feeds and consumers check the values of their settings; here are the types, and settings that only exist in
the file.
"""

# ruff: noqa: RUF009 - `_setting` makes a field of attrs

from __future__ import annotations

from typing import Any, Final, Literal

import attrs

from mtf.actors.timer import GRACE_NS
from mtf.bars.verdicts import PRICE_MAX
from mtf.errors import ConfigError
from mtf.events.old_stamps import OLDEST_NS
from mtf.feeds.file_feed import FOLLOW_S, REPLACED_S
from mtf.feeds.live_feed import CONNECT_S, PATIENCE_S, STALL_S
from mtf.pipeline.options import BLOCK_EVENTS, MAX_AHEAD_NS
from mtf.timeframe import DEFAULT_TIMEFRAMES
from mtf.web.security import is_loopback

__all__ = [
    "CCXT",
    "FILE",
    "TEXT",
    "WEBSOCKET",
    "BackoffSettings",
    "ConsumerSettings",
    "FeedSettings",
    "LogSettings",
    "MetricsSettings",
    "PipelineSettings",
    "ServiceSettings",
    "WarmUpSettings",
    "WebSettings",
]

TEXT: Final = "text"  # in the metadata of a field: what it means
WEBSOCKET: Final = "websocket"
CCXT: Final = "ccxt"
FILE: Final = "file"
_OF_WEBSOCKET: Final = frozenset({"url", "subscribe", "headers", "decode", "parse", "sequence", "acknowledge"})
_OF_CCXT: Final = frozenset({"exchange", "symbols", "watch", "options"})
_OF_FILE: Final = frozenset({"path", "look_s", "replaced_s", "options"})
_OF_KINDS: Final = {WEBSOCKET: _OF_WEBSOCKET, CCXT: _OF_CCXT, FILE: _OF_FILE}
_OF_CONNECTIONS: Final = frozenset({"connect_s", "stall_s", "patience_s", "reorder_ns", "backoff"})
_OF_PLUGIN: Final = frozenset({"options"})
_OF_ALL: Final = frozenset({"kind", "name", "not_ready_after_s"})

Texts = str | tuple[str, ...]


def _setting(text: str, **options: Any) -> Any:
    return attrs.field(metadata={TEXT: text}, **options)


@attrs.frozen(kw_only=True)
class PipelineSettings:
    """`[pipeline]`: the settings of `mtf.Pipeline`."""

    data: str = _setting("the data directory")
    timeframes: Texts = _setting("the timeframes", default=tuple(str(each) for each in DEFAULT_TIMEFRAMES))
    calendar: str | dict[str, Any] = _setting("a calendar by name, or a table as in docs/calendars.md", default="fx")
    price: str = _setting("the side of quotes that is the price", default="auto")
    closed: Literal["reject", "keep"] = _setting("what happens to ticks while the market is closed", default="reject")
    late: Literal["reject", "accept"] = _setting("what happens to late ticks", default="reject")
    anchor: Literal["day", "utc"] = _setting("what intraday bars are counted from", default="day")
    history: int = _setting("completed bars in memory, per symbol and timeframe", default=1000)
    indicators: Texts | dict[str, Texts] | None = _setting("the indicators, or by timeframe", default=None)
    live: Literal["each", "asked", "off"] = _setting("the rows for which live values are computed", default="each")
    prices: Literal["positive", "any"] = _setting("the numbers that are valid prices", default="positive")
    price_max: float = _setting("numbers this far from 0 are not prices", default=PRICE_MAX)
    delay_ns: int | dict[str, int] = _setting("usual delay of ticks, or by symbol or pattern", default=0)
    overfill: Literal["split", "whole"] = _setting("a trade too large for a bar of activity", default="split")
    overnight: Literal["close", "carry"] = _setting("whether a bar of activity closes with its day", default="close")
    durability: Literal["each", "group", "os"] = _setting("what a crash may lose", default="group")
    checkpoint_seconds: float = _setting("wall time between checkpoints; 0: none by time", default=60.0)
    checkpoint_events: int = _setting("events between checkpoints; 0: none by count", default=0)
    keep_events: int | None = _setting("minimum number of events kept in the log; default: all", default=None)
    keep_log_ns: int | None = _setting("how long events are kept in the log; default: no limit", default=None)
    keep_log_bytes: int | None = _setting("maximum size of the log; default: no limit", default=None)
    compress: bool = _setting("compress sealed segments of the log, in a thread", default=True)
    check: Literal["all", "background", "tail"] = _setting(
        "what of the log a start checks: all, what follows the newest checkpoint and the rest later, or that only",
        default="background",
    )
    history_values: bool = _setting("store completed values with the bars", default=True)
    keep_history_ns: int | None = _setting("how long bars and rejects are stored; default: no limit", default=None)
    keep_history_bytes: int | None = _setting("maximum size of bars and rejects; default: no limit", default=None)
    block_events: int = _setting("maximum number of events that go through at once", default=BLOCK_EVENTS)
    workers: int = _setting("processes that compute indicators", default=0)
    max_ahead_ns: int = _setting("a stamp further ahead of the clock is malformed", default=MAX_AHEAD_NS)
    clock: Literal["both", "ticks"] = _setting("whether the wall clock closes bars too", default="both")
    grace_ns: int = _setting("how long after its end the wall clock closes a bar", default=GRACE_NS)
    live_within_ns: int | None = _setting("how late a live tick may come; default: grace_ns", default=None)
    reorder_ns: int = _setting("events are put in order within this time", default=0)
    oldest_ns: int = _setting("an older stamp is malformed, in live use", default=OLDEST_NS)
    strict: bool = _setting("stop at the first malformed row of a source", default=False)


@attrs.frozen(kw_only=True)
class WarmUpSettings:
    """`[[warm_up]]`: history that the first start imports, so that indicators are warm."""

    path: str = _setting("a file or folder, as mtf import reads it")
    options: dict[str, Any] = _setting("how it is read: the arguments of mtf.open_source, by name", factory=dict)


@attrs.frozen(kw_only=True)
class BackoffSettings:
    """`[feeds.backoff]`: how long a feed waits before it connects again."""

    first_s: float = _setting("the first wait", default=0.5)
    factor: float = _setting("the factor by which waits grow", default=2.0)
    most_s: float = _setting("the longest wait", default=60.0)
    jitter: float = _setting("random share of each wait", default=0.25)
    healthy_s: float = _setting("a connection that lived this long starts over at first_s", default=30.0)
    attempts: int | None = _setting("failures in a row after which the feed gives up; default: never", default=None)


@attrs.frozen(kw_only=True)
class FeedSettings:
    """`[[feeds]]`: a live feed."""

    name: str = _setting("its name in the log; each name only once")
    kind: str = _setting("websocket, ccxt, file, or pkg:factory, a function that returns a feed")
    url: str | None = _setting("websocket: the address, ws:// or wss://", default=None)
    subscribe: str | tuple[Any, ...] = _setting("websocket: messages to send first, or pkg:function", default=())
    headers: dict[str, str] = _setting("websocket: headers of the request", factory=dict)
    decode: str | None = _setting("websocket: pkg:function from bytes to a message; default: JSON", default=None)
    parse: str | None = _setting("websocket: pkg:function from a message to ticks and bars", default=None)
    sequence: str | None = _setting("websocket: pkg:function from a message to its number", default=None)
    acknowledge: str | None = _setting("websocket: pkg:function from stream and number to a message", default=None)
    exchange: str | None = _setting("ccxt: the exchange", default=None)
    symbols: tuple[str, ...] = _setting("ccxt: the symbols", default=())
    watch: Literal["trades", "quotes"] = _setting("ccxt: what is watched", default="trades")
    path: str | None = _setting("file: the file that grows", default=None)
    look_s: float = _setting("file: how often it is checked", default=FOLLOW_S)
    replaced_s: float = _setting("file: how long a file that was replaced must be silent", default=REPLACED_S)
    options: dict[str, Any] = _setting(
        "ccxt: options of the exchange's class; file: those of mtf.open_source; pkg:factory: its arguments",
        factory=dict,
    )
    connect_s: float = _setting("a connection that takes longer has failed", default=CONNECT_S)
    stall_s: float = _setting("a connection that is silent for longer is lost", default=STALL_S)
    patience_s: float = _setting("how long a missing number is waited for", default=PATIENCE_S)
    reorder_ns: int | None = _setting(
        "events are put in order within this time; default: that of the pipeline", default=None
    )
    receive_times: bool = _setting("log when each tick came", default=False)
    backoff: BackoffSettings = _setting("see [feeds.backoff]", factory=BackoffSettings)
    not_ready_after_s: float = _setting("without a connection for longer, the service is not ready", default=60.0)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise ConfigError("name must not be empty")
        if ":" not in self.kind and self.kind not in _OF_KINDS:
            raise ConfigError(f"kind must be {', '.join(_OF_KINDS)} or pkg:factory, got {self.kind!r}")
        allowed = _OF_KINDS.get(self.kind, _OF_PLUGIN)
        if ":" in self.kind:
            kinds = frozenset(self.given) - _OF_ALL
        else:
            kinds = frozenset().union(*_OF_KINDS.values(), _OF_CONNECTIONS if self.kind == FILE else ())
        if foreign := sorted((kinds - allowed).intersection(self.given)):
            raise ConfigError(f"{', '.join(foreign)}: not supported for the kind {self.kind}")
        needed = {WEBSOCKET: ("url", "parse"), CCXT: ("exchange", "symbols"), FILE: ("path",)}.get(self.kind, ())
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ConfigError(f"the kind {self.kind} needs {' and '.join(missing)}")
        if not self.not_ready_after_s >= 0:
            raise ConfigError(f"not_ready_after_s must be 0 or more, got {self.not_ready_after_s}")

    @property
    def given(self) -> tuple[str, ...]:
        """The settings that differ from their defaults."""
        return tuple(each.name for each in attrs.fields(FeedSettings) if getattr(self, each.name) != _default_of(each))


@attrs.frozen(kw_only=True)
class ConsumerSettings:
    """`[[consumers]]`: a consumer, as `Pipeline.add` takes it."""

    class_: str = _setting("pkg:Class, a subclass of mtf.Consumer, or a plug-in's name")
    name: str = _setting("its name; each name only once; default: that of the class", default="")
    options: dict[str, Any] = _setting("arguments of the class, by name", factory=dict)
    policy: Literal["wait", "latest", "drop", "fail"] = _setting("what happens if it is too slow", default="wait")
    symbols: tuple[str, ...] | None = _setting("the symbols it is shown; default: all", default=None)
    timeframes: tuple[str, ...] | None = _setting("the timeframes whose bars it is shown; default: all", default=None)
    on_error: Literal["stop", "detach", "restart"] = _setting("what happens if it raises", default="stop")
    queue_limit: int | None = _setting("how much may wait for it; default: that of its policy", default=None)
    thread: bool = _setting("whether its callbacks run in their own thread", default=False)

    @property
    def key(self) -> str:
        """Its identity in the file."""
        return self.name or self.class_


@attrs.frozen(kw_only=True)
class WebSettings:
    """`[web]`: the page, the API, health and metrics, over HTTP."""

    enabled: bool = _setting("whether there is HTTP", default=True)
    host: str = _setting("the address to listen on; others than loopback need a token", default="127.0.0.1")
    port: int = _setting("the port; 0: any free one", default=8765)
    page: bool = _setting("whether there is a page; false: only health and metrics", default=True)
    token_file: str | None = _setting("a file with the token for clients", default=None)
    allow_hosts: tuple[str, ...] = _setting("additional names of this server, as sent by a proxy", default=())

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be between 0 and 65535, got {self.port}")
        if self.enabled and self.token_file is None and not is_loopback(self.host):
            raise ConfigError(
                f"the host {self.host} can be reached from other machines: set token_file to a file with a token"
            )


@attrs.frozen(kw_only=True)
class LogSettings:
    """`[log]`: the lines on stderr."""

    level: Literal["debug", "info", "warning", "error"] = _setting("the lowest level", default="info")
    format: Literal["text", "json"] = _setting("the form of the lines", default="text")


@attrs.frozen(kw_only=True)
class MetricsSettings:
    """`[metrics]`: `/metrics` for Prometheus."""

    enabled: bool = _setting("whether there are metrics", default=False)
    by_symbol: bool = _setting("whether there are counts by symbol", default=False)


@attrs.frozen(kw_only=True)
class ServiceSettings:
    """The file."""

    pipeline: PipelineSettings
    warm_up: tuple[WarmUpSettings, ...] = ()
    feeds: tuple[FeedSettings, ...] = ()
    consumers: tuple[ConsumerSettings, ...] = ()
    web: WebSettings = attrs.field(factory=WebSettings)
    log: LogSettings = attrs.field(factory=LogSettings)
    metrics: MetricsSettings = attrs.field(factory=MetricsSettings)

    def __attrs_post_init__(self) -> None:
        for what, names in (
            ("feeds", [each.name for each in self.feeds]),
            ("consumers", [each.key for each in self.consumers]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ConfigError(f"{what}: the name {', '.join(twice)} is used twice; each needs its own name")


def _default_of(field: attrs.Attribute[Any]) -> Any:
    default: Any = field.default
    return default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
