"""The description of the HTTP API in OpenAPI 3.1, for tools that make clients of it."""

from __future__ import annotations

from typing import Any, Final

from mtf.build import VERSION

__all__ = ["openapi"]

_TEXT: Final = {"type": "string"}
_INT: Final = {"type": "integer"}
_NUMBER: Final = {"type": ["number", "null"]}
_NS: Final = {"type": ["string", "null"], "description": "nanoseconds since 1970 UTC, as text"}


def _parameter(name: str, where: str, schema: dict[str, Any], what: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": what}


_SYMBOL: Final = _parameter("symbol", "path", _TEXT, "the symbol")
_TIMEFRAME: Final = _parameter("timeframe", "path", _TEXT, "such as 1m, 1h, 1d, 100t")
_AT: Final = _parameter("at", "query", _TEXT, "a seq, nanoseconds, or ISO 8601 with zone; default: the log's end")
_OUTPUTS: Final = _parameter("outputs", "query", _TEXT, "indicator outputs, separated by commas; default: all")

_BAR: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "start_ns": _NS,
        "end_ns": _NS,
        "o": {"type": "number"},
        "h": {"type": "number"},
        "l": {"type": "number"},
        "c": {"type": "number"},
        "v": {"type": "number"},
        "ticks": _INT,
        "day": {"type": ["string", "null"], "format": "date"},
        "flags": {"type": "array", "items": _TEXT},
        "gap": {"type": ["object", "null"]},
        "progress": {
            "type": "number",
            "description": "the share of the forming bar that has elapsed or is full, 0 to 1",
        },
        "values": {"type": "object", "additionalProperties": _NUMBER},
    },
}
_STATE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "symbol": _TEXT,
        "seq": _INT,
        "time_ns": _NS,
        "decimals": _INT,
        "bid": _NUMBER,
        "ask": _NUMBER,
        "last": _NUMBER,
        "session": {"type": ["object", "null"]},
        "tf": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "partial": {"oneOf": [{"$ref": "#/components/schemas/Bar"}, {"type": "null"}]},
                    "live": {"type": "object", "additionalProperties": _NUMBER},
                    "completed": {"type": "object", "additionalProperties": _NUMBER},
                    "bars_seen": {**_INT, "description": "completed bars that indicators have seen; 0 if none run"},
                    "newest_ns": {**_NS, "description": "start of the newest completed bar"},
                    "closed": {"type": "array", "items": {"$ref": "#/components/schemas/Bar"}},
                },
            },
        },
        "as_of": {"type": "boolean"},
        "later": {"type": "integer", "description": "events in the log that are later than this state"},
    },
}


def openapi() -> dict[str, Any]:
    """Return the description of every route."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mtf",
            "version": VERSION,
            "description": "Every timeframe of a market at one seq. Read-only.",
        },
        "paths": {
            "/api/v1/config": _get("What is served: timeframes, indicator outputs, calendars.", []),
            "/api/v1/symbols": _get(
                "The symbols.",
                [
                    _parameter("q", "query", _TEXT, "part of the name: symbols that begin with it come first"),
                    _parameter("limit", "query", _INT, "the maximum number"),
                    _parameter("rows", "query", _INT, "1: with last price and counts"),
                    _parameter("states", "query", _INT, "1: columns of ticks and of the state of each symbol"),
                ],
            ),
            "/api/v1/spark": _get(
                "The last closes of some symbols.",
                [
                    _parameter("symbols", "query", _TEXT, "separated by commas"),
                    _parameter("tf", "query", _TEXT, "the timeframe"),
                    _parameter("last", "query", _INT, "how many"),
                ],
            ),
            "/api/v1/log": _get(
                "The log at a glance.",
                [
                    _parameter("buckets", "query", _INT, "the number of parts of equal time"),
                    _parameter("symbol", "query", _TEXT, "the symbol whose calendar says when the market was closed"),
                ],
            ),
            "/api/v1/rejects/{symbol}": _get(
                "The newest rejected ticks, oldest first, none later than the moment.",
                [_SYMBOL, _AT, _parameter("last", "query", _INT, "the maximum number")],
            ),
            "/api/v1/charts/{symbol}": _get(
                "All of a symbol as of one seq: state, the bars of every timeframe with values, rejected ticks.",
                [
                    _SYMBOL,
                    _AT,
                    _OUTPUTS,
                    _parameter("last", "query", _INT, "the number of newest bars of each timeframe"),
                ],
            ),
            "/api/v1/bars/{symbol}/{timeframe}": _get(
                "Completed bars in the order of their closing, and the forming one.",
                [
                    _SYMBOL,
                    _TIMEFRAME,
                    _AT,
                    _OUTPUTS,
                    _parameter("last", "query", _INT, "the number of newest bars"),
                    _parameter("rows", "query", _INT, "1: a list of objects, as mtf bars --format json"),
                    _parameter("partial", "query", _INT, "1, with rows: the forming bar is the last row"),
                    _parameter("start", "query", _TEXT, "with rows: bars that start at this time or later"),
                    _parameter("end", "query", _TEXT, "with rows: bars that start before this time"),
                    _parameter("format", "query", {"enum": ["json", "csv", "arrow"]}, "csv and arrow are downloads"),
                ],
            ),
            "/api/v1/snapshot/{symbol}": _get(
                "The output of mtf state --symbol SYMBOL --json.",
                [_SYMBOL, _AT, _parameter("bars", "query", _INT, "completed bars of each timeframe")],
            ),
            "/api/v1/state/{symbol}": _get("The state in the page's form.", [_SYMBOL, _AT, _OUTPUTS], "State"),
            "/api/v1/step/{symbol}": _get(
                "The state one step on.",
                [
                    _SYMBOL,
                    _parameter("at", "query", _INT, "the seq to step from"),
                    _parameter("unit", "query", _TEXT, "tick, or a timeframe for its next close"),
                    _parameter("dir", "query", {"enum": [1, -1]}, "forward or back"),
                    _OUTPUTS,
                ],
                "State",
            ),
        },
        "components": {"schemas": {"Bar": _BAR, "State": _STATE}},
    }


def _get(summary: str, parameters: list[dict[str, Any]], schema: str = "") -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{schema}"}} if schema else {}
    error = {"content": {"application/json": {"schema": {"properties": {"error": _TEXT}}}}}
    return {
        "get": {
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {"description": "the answer", "content": {"application/json": content}},
                "400": {"description": "a parameter is invalid; the error names it", **error},
                "404": {"description": "no such symbol, timeframe or output", **error},
            },
        }
    }
