"""Feeds: live sources that reconnect, know what they missed, and record it in the log.

`live_feed` is the feed itself, over any connection; `websocket_feed` and `ccxt_feed` are connections; `file_feed`
follows a file, without a connection. `numbering` tracks which numbered messages have come, `backoff` when to reconnect,
`watchdog` how long to wait. `import mtf` loads none of the libraries that connections need.
"""

from __future__ import annotations

from mtf.feeds.backoff import Backoff
from mtf.feeds.ccxt_feed import ccxt
from mtf.feeds.file_feed import FileFeed, growing_file
from mtf.feeds.live_feed import Connection, Delivery, Feed, FeedStatistics, Outage, Resume
from mtf.feeds.websocket_feed import websocket

__all__ = [
    "Backoff",
    "Connection",
    "Delivery",
    "Feed",
    "FeedStatistics",
    "FileFeed",
    "Outage",
    "Resume",
    "ccxt",
    "growing_file",
    "websocket",
]
