"""The settings of a pipeline that do not affect results: where it stores, how often, how much at once, which clock."""

from __future__ import annotations

import os
from random import Random
from typing import Any, Final

import attrs

from mtf.actors.timer import GRACE_NS
from mtf.clock import SystemClock, WallClock
from mtf.errors import ConfigError
from mtf.events.bar_rows import EVENTS_PER_BAR
from mtf.events.block import BLOCK_EVENTS_MAX
from mtf.events.block_size import BLOCK_EVENTS, BlockSize
from mtf.events.old_stamps import OLDEST_NS
from mtf.log import CHECKS, DURABILITIES, Check, Durability
from mtf.storage.datadir import DataDir, Place, storage_of
from mtf.storage.history.pruning import Keep
from mtf.storage.storage import BarSettings, Storage

__all__ = ["MAX_AHEAD_NS", "Options"]

BLOCK_EVENTS_LIMIT: Final = BLOCK_EVENTS_MAX - EVENTS_PER_BAR + 1  # a bar's events stay together
MAX_AHEAD_NS: Final = 60_000_000_000
CHECK: Final = "background"
CLOCKS: Final = ("both", "ticks")
WORKERS_MAX: Final = 256
CHECKPOINT_MIN_NS: Final = 1_000_000


def _storage(data: Place | None) -> Storage | None:
    if data is None:
        return None
    if isinstance(data, str | os.PathLike) and not os.fspath(data):
        raise ConfigError("data must be a directory, or None to store nothing on disk, got ''")
    return storage_of(data)


def _check_whole(instance: Options, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Raise unless *value* is an int of at least 0, or None if that is the default."""
    if value is None and attribute.default is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{attribute.name} must be an int, got {value!r}")
    if value < 0:
        raise ConfigError(f"{attribute.name} must be 0 or more, got {value}")


def _check_flag(instance: Options, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Raise unless *value* is True or False."""
    if not isinstance(value, bool):
        raise ConfigError(f"{attribute.name} must be True or False, got {value!r}")


@attrs.frozen(kw_only=True)
class Options:
    """Settings as described in `Pipeline`, validated; ConfigError names the invalid one."""

    data: Storage | None = attrs.field(default=None, converter=_storage)
    durability: Durability = attrs.field(default="group")
    checkpoint_seconds: float | None = attrs.field(default=60.0)
    checkpoint_events: int | None = attrs.field(default=None, validator=_check_whole)
    history_bytes: int | None = attrs.field(default=None, validator=_check_whole)
    keep_log_ns: int | None = attrs.field(default=None, validator=_check_whole)
    keep_log_bytes: int | None = attrs.field(default=None, validator=_check_whole)
    compress: bool = attrs.field(default=True)
    check: Check = attrs.field(default=CHECK)
    keep_events: int | None = attrs.field(default=None, validator=_check_whole)
    block_events: int | None = attrs.field(default=None, validator=_check_whole)
    workers: int = attrs.field(default=0, validator=_check_whole)
    max_ahead_ns: int = attrs.field(default=MAX_AHEAD_NS, validator=_check_whole)
    clock: str = attrs.field(default="both")
    grace_ns: int = attrs.field(default=GRACE_NS, validator=_check_whole)
    live_within_ns: int | None = attrs.field(default=None, validator=_check_whole)
    reorder_ns: int = attrs.field(default=0, validator=_check_whole)
    oldest_ns: int = attrs.field(default=OLDEST_NS)
    wall: WallClock = attrs.field(factory=SystemClock)
    random: Random = attrs.field(factory=Random)
    strict: bool = attrs.field(default=False)
    history_values: bool = attrs.field(default=True, validator=_check_flag)
    keep_history_ns: int | None = attrs.field(default=None, validator=_check_whole)
    keep_history_bytes: int | None = attrs.field(default=None, validator=_check_whole)

    def __attrs_post_init__(self) -> None:
        if self.block_events is not None and not 1 <= self.block_events <= BLOCK_EVENTS_LIMIT:
            raise ConfigError(f"block_events must be between 1 and {BLOCK_EVENTS_LIMIT}, got {self.block_events}")
        if self.durability not in DURABILITIES:
            raise ConfigError(f"durability must be one of {', '.join(DURABILITIES)}, got {self.durability!r}")
        if self.check not in CHECKS:
            raise ConfigError(f"check must be one of {', '.join(CHECKS)}, got {self.check!r}")
        if self.check != CHECK and not isinstance(self.data, DataDir | None):
            raise ConfigError(
                f"check={self.check!r} is for data directories: {self.data.name} decides itself what it checks"
            )
        if self.history_bytes is not None and not isinstance(self.data, DataDir):
            raise ConfigError("history_bytes needs a data directory, from which older bars are read again: give data=")
        if self.clock not in CLOCKS:
            raise ConfigError(f"clock must be one of {', '.join(CLOCKS)}, got {self.clock!r}")
        if self.workers > WORKERS_MAX:
            raise ConfigError(f"workers must be between 0 and {WORKERS_MAX}, got {self.workers}")
        if not isinstance(self.compress, bool):
            raise ConfigError(f"compress must be True or False, got {self.compress!r}")
        if self.live_within_ns is not None and self.live_within_ns > self.grace_ns:
            raise ConfigError(
                f"live_within_ns must be between 0 and grace_ns ({self.grace_ns}), got {self.live_within_ns}"
            )
        seconds: Any = self.checkpoint_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, int | float | None):
            raise ConfigError(f"checkpoint_seconds must be a number, got {seconds!r}")
        if seconds is not None and not 0 <= seconds < float("inf"):
            raise ConfigError(f"checkpoint_seconds must be 0 or more, and finite, got {seconds}")
        if isinstance(self.oldest_ns, bool) or not isinstance(self.oldest_ns, int):
            raise ConfigError(f"oldest_ns must be an int, got {self.oldest_ns!r}")

    @property
    def storage(self) -> Storage | None:
        """Where all is kept; of a data directory, the log is checked as asked."""
        return self.data.checked(self.check) if isinstance(self.data, DataDir) else self.data

    @property
    def events_at_once(self) -> int:
        """How many pushed events go through at once."""
        return self.block_events or BLOCK_EVENTS

    def block_size(self, timeframes: int, *, indicators: bool) -> BlockSize:
        """Return the size of blocks of a source, with so many *timeframes*, and with *indicators* or without."""
        if self.block_events is None and not isinstance(self.data, DataDir | None):
            return BlockSize()  # a storage elsewhere may limit what goes there at once
        return BlockSize.of(self.block_events, timeframes, indicators=indicators)

    @property
    def keeps_whole_log(self) -> bool:
        return self.keep_events is None and self.keep_log_ns is None and self.keep_log_bytes is None

    @property
    def is_live(self) -> bool:
        """Whether the wall clock matters: ticks may be live, and it closes bars."""
        return self.clock == "both"

    @property
    def bars(self) -> BarSettings:
        """How completed bars are stored, and how many are kept."""
        keep = Keep(self.keep_history_ns, self.keep_history_bytes)
        return BarSettings(wall=self.wall if self.is_live else None, values=self.history_values, keep=keep)

    @property
    def takes_checkpoints(self) -> bool:
        return bool(self.checkpoint_seconds or self.checkpoint_events)

    @property
    def checkpoint_ns(self) -> int | None:
        """The wall time between checkpoints; None: not by time."""
        return max(round(self.checkpoint_seconds * 1e9), CHECKPOINT_MIN_NS) if self.checkpoint_seconds else None

    @property
    def closing_grace_ns(self) -> int:
        """How long after a bar's end the wall clock closes it: allows for ticks in flight or in the reorder window."""
        return self.grace_ns + self.reorder_ns

    @property
    def live_ns(self) -> int:
        """How long after its stamp a tick may arrive and still be live."""
        return self.grace_ns if self.live_within_ns is None else self.live_within_ns
