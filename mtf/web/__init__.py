"""The page and the HTTP API of `mtf serve`: a data directory on one address, read-only (extra `web`).

`server` runs it. `market` follows the log, `past` finds any moment of it; `messages` has the form in which the page
gets both; `api` answers requests, `streaming` sends updates, `security` decides who may ask. `static/` is the page.
"""

from __future__ import annotations

__all__: list[str] = []
