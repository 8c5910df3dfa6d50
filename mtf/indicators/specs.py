"""Lists of indicators as users write them, made into canonical specs for one timeframe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mtf.errors import ConfigError
from mtf.indicators.catalogue import ALL, CORE, create, names
from mtf.timeframe import Timeframe

__all__ = ["canonical_specs", "split_specs", "word_in"]

WORDS: Final = {"all": ALL, "core": CORE}  # what stands for several, each where it makes sense
FORMER_WORDS: Final = {**WORDS, "all": CORE}  # and what did so before there was "core"
NONE: Final = "none"


def word_in(specs: object) -> str:
    """Return the word that *specs* is, `all`, `core` or `none` in any case; "" if it is a list, or names indicators."""
    word = specs.strip().lower() if isinstance(specs, str) else ""
    return word if word in WORDS or word == NONE else ""


def split_specs(text: str) -> list[str]:
    """Return the specs of a list in one string: `sma:20,macd:12,26,9` is two, for only names begin one."""
    known = {name.lower() for name in names()}
    specs: list[str] = []
    for token in text.split(","):
        name = token.strip().partition(":")[0].partition("@")[0]
        if specs and name.strip().lower() not in known and (":" not in token or "=" in token):
            specs[-1] += f",{token.strip()}"
        else:
            specs.append(token.strip())
    return [spec for spec in specs if spec]


def canonical_specs(
    specs: str | Sequence[str], timeframe: Timeframe, *, strict: bool, former: bool = False
) -> list[str]:
    """Return the canonical form of *specs* (a list, a string of them, `all`, `core` or `none`) for *timeframe*.

    What makes no sense on the timeframe is an error if *strict*, unless it is one of several that a word stands for;
    else it is left out. With *former*, words stand for what they did before there was `core`. ConfigError if one is
    given twice.
    """
    word = word_in(specs)
    if word == NONE:
        return []
    if word:
        given, strict = list((FORMER_WORDS if former else WORDS)[word]), False
    else:
        given = split_specs(specs) if isinstance(specs, str) else list(specs)
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
