"""The meaning of a file's name: the symbol of its rows, and the venue or tool that wrote it.

The symbol is the name without dates, lengths of bars, and words for the kind of rows. No list of instruments is needed
for names such as `1000PEPEUSDT-aggTrades-2024-03-06.zip` and `ADABTC-1m-2021-11-27.csv`.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["stem_of", "symbol_of", "venue_of"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SUFFIXES: Final = re.compile(
    r"(\.(csv|txt|tsv|prn|json|ndjson|jsonl|parquet|parq|pq|feather|arrow|arrows|ipc|gz|gzip|bz2|xz|zst|zip|lzma|bi5|dat|log|itxt|dly"
    r"))+$",
    re.IGNORECASE,
)
_COPY: Final = re.compile(r" ?\(\d{1,3}\)$")  # added by a browser to the second download of a name
_SEPARATORS: Final = re.compile(r"([-_ .,()\[\]+~]+)")

_YEAR: Final = r"(?:19|20)\d\d"
_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_DAY: Final = r"(?:0[1-9]|[12]\d|3[01])"
_CLOCK: Final = r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?"
_DATES: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    rf"{_YEAR}([-_. ]?){_MONTH}\1{_DAY}(?:[T_ ]?{_CLOCK}(?![-_.]\d\d[-_.]\d\d(?!\d)))?Z?"
    rf"|\d{{1,2}}[-._]\d{{1,2}}[-._]{_YEAR}"
    rf"|{_YEAR}[-_.]?{_MONTH}"
    rf"|{_YEAR}[-_]?[Qq][1-4]|[Qq][1-4](?:[-_]?{_YEAR})?"
    rf"|{_YEAR}"
    r")(?![A-Za-z0-9])"
)
_PERIOD: Final = re.compile(
    r"\d{1,4}(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|mo|mons?|months?|t|ticks?)"
    r"|s(?:1|5|10|15|30)|m(?:[1-6]|10|12|15|20|30)|h(?:[1-468]|12)|d1|w1|mn1?|seconds?|minutes?|min|hours?|hourly|days?|daily|weeks?|weekly|months?|monthly|intraday",
    re.IGNORECASE,
)
_APART: Final = re.compile(  # 1-min, 5 minutes
    r"(?<![A-Za-z0-9])\d{1,4}[-_ ](?:secs?|seconds?|mins?|minutes?|hours?|days?|weeks?|months?)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_GLUED_PERIOD: Final = re.compile(r"(?<=[A-Z0-9]{3})(?:m(?:1|5|15|30)|h[14]|d1|w1|mn1)$")  # GBPUSDh1
_MINUTES: Final = frozenset({"1", "5", "15", "30", "60", "240", "720", "1440", "10080", "43200"})
NUMBER_DIGITS_MIN: Final = 4  # digits of a numeric symbol: 7203, 0700, 600519
_NAME_LETTERS: Final = 6  # a bare number after this many is a length in minutes: XBTUSD_60, but not DAX_30
_KINDS: Final = _words(
    "trade trades aggtrade aggtrades tick ticks quote quotes bar bars kline klines candle candles candlestick "
    "candlesticks ohlc ohlcv ohlcvt cohlcvwap bookticker bbo tbbo history historical hist bardata export"
)
_LINKS: Final = frozenset({"to", "from", "until"})  # between the dates of a range
_VENUES: Final = _words(
    "ascii binance bitfinex bitmex bitstamp bybit coinbase databento dat dukascopy gemini histdata huobi kaiko kraken "
    "kucoin metatrader mt mt4 mt5 mtgox ninjatrader nt oanda okx polygon stooq tardis truefx tradestation yahoo "
    "yfinance yf"
)


def symbol_of(name: str, *, kinds: bool = True) -> str:
    """Return the symbol in the file name *name*, in capitals; "" if it has nothing but dates.

    `EURUSD_M1_2012.csv` is EURUSD; two separate currencies form a pair: `EUR_USD_M1` is EURUSD too. If nothing else is
    left, words for the kind are kept, so that `trades-2024.csv` is TRADES; not without *kinds*.
    """
    stem = stem_of(name)
    undated = _DATES.sub("\0", stem)
    dated = undated != stem
    pieces = _SEPARATORS.split(_APART.sub("\0", undated))
    words = [(pieces[i - 1] if i else "", _GLUED_PERIOD.sub("", pieces[i])) for i in range(0, len(pieces), 2)]
    left = [(mark, word) for mark, word in words if _names(word, dated)]
    for leave_out in (_KINDS | _VENUES, _KINDS, _VENUES, frozenset[str]())[: 4 if kinds else 2]:
        kept = [(mark, word) for mark, word in left if word.lower() not in leave_out]
        kept = [each for i, each in enumerate(kept) if not (i and _is_minutes(each[1], kept[i - 1][1]))]
        if len(kept) < len(words):  # "tick data", "1 minute data": belongs to the word before it
            kept = [(mark, word) for mark, word in kept if word.lower() != "data"]
        if _tells(kept, dated) and (kinds or _joined(kept) != "DATA"):
            return _joined(kept)
    return stem.upper() if kinds and not dated else ""


def venue_of(name: str) -> str:
    """Return the venue or tool in the file name *name*, in lower case; "" for none."""
    found = [word.lower() for word in _SEPARATORS.split(stem_of(name))[::2] if word.lower() in _VENUES]
    return " ".join(found)


def stem_of(name: str) -> str:
    """Return the file name *name* without its folders and suffixes."""
    return _COPY.sub("", _SUFFIXES.sub("", name.rpartition("/")[2]))


def _names(word: str, dated: bool) -> bool:
    """Whether *word* can be part of a symbol."""
    if not word.strip("\0"):
        return False
    return not (_PERIOD.fullmatch(word) or (dated and word.lower() in _LINKS))


def _is_minutes(word: str, before: str) -> bool:
    return word in _MINUTES and len(before) >= _NAME_LETTERS


def _tells(words: list[tuple[str, str]], dated: bool) -> bool:
    """Whether *words* can be a symbol: letters, or the number of a share, but not a part number next to a date."""
    if any(character.isalpha() for _, word in words for character in word):
        return True
    return bool(words) and not dated and len(words[0][1]) >= NUMBER_DIGITS_MIN


def _joined(words: list[tuple[str, str]]) -> str:
    names = [word.strip("\0") for _, word in words]
    if len(names) == 2 and all(len(name) == 3 and name.isalpha() for name in names):
        return "".join(names).upper()
    text = names[0] + "".join(mark + name for (mark, _), name in zip(words[1:], names[1:], strict=True))
    return text.strip().upper()
