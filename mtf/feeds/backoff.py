"""How long to wait before reconnecting."""

from __future__ import annotations

import random

import attrs

from mtf.errors import ConfigError

__all__ = ["Backoff"]


@attrs.frozen(kw_only=True)
class Backoff:
    """Waits that grow from *first_s* by *factor* up to *most_s*, in seconds, each varied randomly by up to *jitter*.

    The jitter keeps a thousand clients from returning at the same moment. After a connection that lasted *healthy_s*,
    waits start over at *first_s*. After *attempts* failures in a row, the feed gives up; None: never.
    """

    first_s: float = 0.5
    factor: float = 2.0
    most_s: float = 60.0
    jitter: float = 0.25
    healthy_s: float = 30.0
    attempts: int | None = None

    def __attrs_post_init__(self) -> None:
        if not 0 < self.first_s <= self.most_s < float("inf"):
            raise ConfigError(
                f"backoff: first_s must be above 0 and at most most_s, got {self.first_s} and {self.most_s}"
            )
        if not 1 <= self.factor < float("inf"):
            raise ConfigError(f"backoff: factor must be 1 or more, got {self.factor}")
        if not 0 <= self.jitter <= 1:
            raise ConfigError(f"backoff: jitter must be between 0 and 1, got {self.jitter}")
        if self.attempts is not None and self.attempts < 1:
            raise ConfigError(f"backoff: attempts must be 1 or more, got {self.attempts}")

    def wait_s(self, failures: int, chance: random.Random) -> float:
        """Return the wait after *failures* in a row, 1 or more."""
        grown = self.first_s * self.factor ** min(failures - 1, 64)
        return min(grown, self.most_s) * (1 + self.jitter * chance.uniform(-1, 1))
