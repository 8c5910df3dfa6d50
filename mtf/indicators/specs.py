"""Parses lists of indicators, as users write them, into canonical specs for one timeframe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mtf.errors import ConfigError
from mtf.indicators.catalogue import ALL, CORE, create, names
from mtf.timeframe import Timeframe

__all__ = ["canonical_specs", "split_specs", "word_in"]

WORDS: Final = {"all": ALL, "core": CORE}  # words for several indicators, each where it makes sense
FORMER_WORDS: Final = {**WORDS, "all": CORE}  # and their meaning before "core" was added
NONE: Final = "none"


def word_in(specs: object) -> str:
    """Return *specs* in lower case if it is the word `all`, `core` or `none`; "" if it is or names a list."""
    word = specs.strip().lower() if isinstance(specs, str) else ""
    return word if word in WORDS or word == NONE else ""


def split_specs(text: str) -> list[str]:
    """Split a list in one string: `sma:20,macd:12,26,9` has two specs, as a spec must start with a name."""
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

    An indicator that makes no sense on the timeframe is an error if *strict*, unless *specs* is a word; otherwise it is
    omitted. With *former*, words have the meaning they had before `core` was added. ConfigError if an indicator is
    listed twice.
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
