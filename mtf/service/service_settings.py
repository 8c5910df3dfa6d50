"""The configuration of a service: the tables of its file as classes, each setting with its type, default and meaning.

Pipelines, feeds and consumers check the values of their settings; here are the types, and settings that only exist in
the file.
"""

# ruff: noqa: RUF009 - `setting` makes a field of attrs

from __future__ import annotations

from typing import Any, Final, Literal

import attrs

from mtf.actors.timer import GRACE_NS
from mtf.errors import ConfigError
from mtf.events.old_stamps import OLDEST_NS
from mtf.feeds.file_feed import FOLLOW_S, REPLACED_S
from mtf.feeds.live_feed import CONNECT_S, PATIENCE_S, STALL_S
from mtf.pipeline.options import MAX_AHEAD_NS
from mtf.service.result_settings import ResultSettings, setting
from mtf.web.security import is_loopback

__all__ = [
    "CCXT",
    "FILE",
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


def _needed_first(table: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    return sorted(fields, key=lambda each: each.default is not attrs.NOTHING)


@attrs.frozen(kw_only=True, field_transformer=_needed_first)
class PipelineSettings(ResultSettings):
    """`[pipeline]`: the settings of `mtf.Pipeline`."""

    data: str = setting("the data directory")
    durability: Literal["each", "group", "os"] = setting("what a crash may lose", default="group")
    checkpoint_seconds: float = setting("wall time between checkpoints; 0: none by time", default=60.0)
    checkpoint_events: int = setting("events between checkpoints; 0: none by count", default=0)
    history_bytes: int | None = setting(
        "memory for completed bars and values, above which older ones are read again when asked for; default: no limit",
        default=None,
    )
    keep_events: int | None = setting("minimum number of events kept in the log; default: all", default=None)
    keep_log_ns: int | None = setting("how long events are kept in the log; default: no limit", default=None)
    keep_log_bytes: int | None = setting("maximum size of the log; default: no limit", default=None)
    compress: bool = setting("compress sealed segments of the log, in a thread", default=True)
    check: Literal["all", "background", "tail"] = setting(
        "what of the log a start checks: all, what follows the newest checkpoint and the rest later, or that only",
        default="background",
    )
    history_values: bool = setting("store completed values with the bars", default=True)
    keep_history_ns: int | None = setting("how long bars and rejects are stored; default: no limit", default=None)
    keep_history_bytes: int | None = setting("maximum size of bars and rejects; default: no limit", default=None)
    block_events: int | None = setting(
        "maximum number of events that go through at once; default: 1024, or up to 4096 of a source with many symbols "
        "and no indicators",
        default=None,
    )
    workers: int = setting("processes that compute indicators", default=0)
    max_ahead_ns: int = setting("a stamp further ahead of the clock is malformed", default=MAX_AHEAD_NS)
    clock: Literal["both", "ticks"] = setting("whether the wall clock closes bars too", default="both")
    grace_ns: int = setting("how long after its end the wall clock closes a bar", default=GRACE_NS)
    live_within_ns: int | None = setting("how late a live tick may come; default: grace_ns", default=None)
    reorder_ns: int = setting("events are put in order within this time", default=0)
    oldest_ns: int = setting("an older stamp is malformed, in live use", default=OLDEST_NS)
    strict: bool = setting("stop at the first malformed row of a source", default=False)


@attrs.frozen(kw_only=True)
class WarmUpSettings:
    """`[[warm_up]]`: history that the first start imports, so that indicators are warm."""

    path: str = setting("a file or folder, as mtf import reads it")
    options: dict[str, Any] = setting("how it is read: the arguments of mtf.open_source, by name", factory=dict)


@attrs.frozen(kw_only=True)
class BackoffSettings:
    """`[feeds.backoff]`: how long a feed waits before it connects again."""

    first_s: float = setting("the first wait", default=0.5)
    factor: float = setting("the factor by which waits grow", default=2.0)
    most_s: float = setting("the longest wait", default=60.0)
    jitter: float = setting("random share of each wait", default=0.25)
    healthy_s: float = setting("a connection that lived this long starts over at first_s", default=30.0)
    attempts: int | None = setting("failures in a row after which the feed gives up; default: never", default=None)


@attrs.frozen(kw_only=True)
class FeedSettings:
    """`[[feeds]]`: a live feed."""

    name: str = setting("its name in the log; each name only once")
    kind: str = setting("websocket, ccxt, file, or pkg:factory, a function that returns a feed")
    url: str | None = setting("websocket: the address, ws:// or wss://", default=None)
    subscribe: str | tuple[Any, ...] = setting("websocket: messages to send first, or pkg:function", default=())
    headers: dict[str, str] = setting("websocket: headers of the request", factory=dict)
    decode: str | None = setting("websocket: pkg:function from bytes to a message; default: JSON", default=None)
    parse: str | None = setting("websocket: pkg:function from a message to ticks and bars", default=None)
    sequence: str | None = setting("websocket: pkg:function from a message to its number", default=None)
    acknowledge: str | None = setting("websocket: pkg:function from stream and number to a message", default=None)
    exchange: str | None = setting("ccxt: the exchange", default=None)
    symbols: tuple[str, ...] = setting("ccxt: the symbols", default=())
    watch: Literal["trades", "quotes"] = setting("ccxt: what is watched", default="trades")
    path: str | None = setting("file: the file that grows", default=None)
    look_s: float = setting("file: how often it is checked", default=FOLLOW_S)
    replaced_s: float = setting("file: how long a file that was replaced must be silent", default=REPLACED_S)
    options: dict[str, Any] = setting(
        "ccxt: options of the exchange's class; file: those of mtf.open_source; pkg:factory: its arguments",
        factory=dict,
    )
    connect_s: float = setting("a connection that takes longer has failed", default=CONNECT_S)
    stall_s: float = setting("a connection that is silent for longer is lost", default=STALL_S)
    patience_s: float = setting("how long a missing number is waited for", default=PATIENCE_S)
    reorder_ns: int | None = setting(
        "events are put in order within this time; default: that of the pipeline", default=None
    )
    receive_times: bool = setting("log when each tick came", default=False)
    backoff: BackoffSettings = setting("see [feeds.backoff]", factory=BackoffSettings)
    not_ready_after_s: float = setting("without a connection for longer, the service is not ready", default=60.0)

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

    class_: str = setting("pkg:Class, a subclass of mtf.Consumer, or a plug-in's name")
    name: str = setting("its name; each name only once; default: that of the class", default="")
    options: dict[str, Any] = setting("arguments of the class, by name", factory=dict)
    policy: Literal["wait", "latest", "drop", "fail"] = setting("what happens if it is too slow", default="wait")
    symbols: tuple[str, ...] | None = setting("the symbols it is shown; default: all", default=None)
    timeframes: tuple[str, ...] | None = setting("the timeframes whose bars it is shown; default: all", default=None)
    on_error: Literal["stop", "detach", "restart"] = setting("what happens if it raises", default="stop")
    queue_limit: int | None = setting("how much may wait for it; default: that of its policy", default=None)
    thread: bool = setting("whether its callbacks run in their own thread", default=False)

    @property
    def key(self) -> str:
        """Its identity in the file."""
        return self.name or self.class_


@attrs.frozen(kw_only=True)
class WebSettings:
    """`[web]`: the page, the API, health and metrics, over HTTP."""

    enabled: bool = setting("whether there is HTTP", default=True)
    host: str = setting("the address to listen on; others than loopback need a token", default="127.0.0.1")
    port: int = setting("the port; 0: any free one", default=8765)
    page: bool = setting("whether there is a page; false: only health and metrics", default=True)
    token_file: str | None = setting("a file with the token for clients", default=None)
    allow_hosts: tuple[str, ...] = setting("additional names of this server, as sent by a proxy", default=())

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

    level: Literal["debug", "info", "warning", "error"] = setting("the lowest level", default="info")
    format: Literal["text", "json"] = setting("the form of the lines", default="text")


@attrs.frozen(kw_only=True)
class MetricsSettings:
    """`[metrics]`: `/metrics` for Prometheus."""

    enabled: bool = setting("whether there are metrics", default=False)
    by_symbol: bool = setting("whether there are counts by symbol", default=False)


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
