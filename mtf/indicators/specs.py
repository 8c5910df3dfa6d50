"""Lists of indicators as users write them, made into canonical specs for one timeframe."""

from __future__ import annotations

from collections.abc import Sequence

from mtf.errors import ConfigError
from mtf.indicators.catalogue import TWENTY, create, names
from mtf.timeframe import Timeframe

__all__ = ["canonical_specs", "split_specs"]


def split_specs(text: str) -> list[str]:
    """Return the specs of a list in one string: `sma:20,macd:12,26,9` is two, for only names begin one."""
    known = set(names())
    specs: list[str] = []
    for token in text.split(","):
        name = token.strip().partition(":")[0].partition("@")[0]
        if specs and name not in known and (":" not in token or "=" in token):
            specs[-1] += f",{token.strip()}"
        else:
            specs.append(token.strip())
    return [spec for spec in specs if spec]


def canonical_specs(specs: str | Sequence[str], timeframe: Timeframe, *, strict: bool) -> list[str]:
    """Return the canonical form of *specs* (a list, a string of them, `all` or `none`) for *timeframe*.

    What makes no sense on the timeframe is an error when *strict*, else left out. ConfigError if one is given twice.
    """
    if specs == "none":
        return []
    given = list(TWENTY) if specs == "all" else split_specs(specs) if isinstance(specs, str) else list(specs)
    found: list[str] = []
    for spec in given:
        item = create(spec)
        try:
            create(spec, timeframe=timeframe)
        except ConfigError:
            if strict:
                raise
            continue
        if item.spec in found:
            raise ConfigError(f"indicator {item.spec} is given twice: name it once")
        found.append(item.spec)
    return found
