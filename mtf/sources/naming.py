"""What the name of a file says: the symbol that its rows are of."""

from __future__ import annotations

import itertools
import re
from typing import Final

__all__ = ["moneys_of", "point_shift", "symbol_of"]

# Money that pairs are made of, so that `EUR_USD_M1` and `kraken_BCHEUR_q2` tell their symbol.
_MONEY: Final = frozenset(
    re.findall(
        r"[A-Z]+",
        "AUD BCH BNB BRL BTC CAD CHF CNH CNY CZK DKK DOGE DOT ETC ETH EUR GBP HKD HUF ILS INR JPY KRW LTC MXN NOK NZD "
        "PLN RON RUB SEK SGD SOL THB TRX TRY USD USDC USDT XAG XAU XBT XMR XPD XPT XRP ZAR",
    )
)
_WORDS: Final = re.compile(r"[A-Za-z]+")
_SUFFIXES: Final = re.compile(r"(\.(csv|txt|tsv|json|gz|xz|zst|zip|lzma|bi5|dat|log))+$", re.IGNORECASE)
_LONG_POINTS: Final = ("JPY", "HUF", "RUB", "XAU", "XAG")  # three digits behind the point, where others have five


def symbol_of(name: str) -> str:
    """Return the symbol in the file name *name*: a pair of currencies where there is one, else all of its stem.

    In capitals; `EUR_USD_M1.csv` is EURUSD.
    """
    stem = _SUFFIXES.sub("", name)
    words: list[str] = [word.upper() for word in _WORDS.findall(stem)]
    for first, second in itertools.pairwise(words):
        if first in _MONEY and second in _MONEY:
            return first + second
    for word in words:
        for cut in (3, 4):
            if word[:cut] in _MONEY:
                for end in (cut + 4, cut + 3):
                    if word[cut:end] in _MONEY and (end >= len(word) or len(word) - end <= 1):
                        return word[:end]
    return stem.upper()


def moneys_of(name: str) -> list[str]:
    """Return the currencies that stand as words in the file name *name*, in capitals."""
    return [word for word in map(str.upper, _WORDS.findall(name)) if word in _MONEY]


def point_shift(symbol: str) -> int:
    """Return the power of ten of one point of *symbol*, as brokers count them: -3 for yen and metals, else -5."""
    return -3 if any(money in symbol.upper() for money in _LONG_POINTS) else -5
