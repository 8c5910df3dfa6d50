"""JSON, an object a line: read as delimited text with the same names would be, verdict by verdict."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from pathlib import Path

import pytest

import mtf
from mtf.errors import ConfigError, HostileFile
from mtf.events.tick import Tick
from mtf.sources import Limits, open_source
from tests.sources.builders import Taken, drain, read, written

START_NS = 1_709_719_200_000_000_000  # 2024-03-06T10:00Z
QUOTES = b"""\
{"symbol": "EURUSD", "ts_ns": 1709719200000000000, "bid": 1.085, "ask": 1.0852, "bid_size": 1.5, "ask_size": 2}
{"symbol": "GBPUSD", "ts_ns": 1709719200500000001, "bid": 1.27, "ask": 1.2702}
{"symbol": "EURUSD", "ts_ns": 1709719201000000002, "ask": 1.0853, "bid": null}
"""


def rows_of(seed: int) -> list[dict[str, str]]:
    """Rows of quotes as a file of delimited text has them, some of them broken."""
    pick = random.Random(seed)
    rows = []
    for i in range(300):
        bid = pick.uniform(0.5, 2000)
        row = {
            "time": f"{START_NS // 10**9 + i}.{pick.randrange(10**9):09d}",
            "symbol": pick.choice(["EURUSD", "GBPUSD", "USDJPY"]),
            "bid": repr(bid),
            "ask": f"{bid + 0.01:.17g}",
            "bid_size": str(pick.randrange(100)),
            "ask_size": f"{pick.random():.3e}",
        }
        if i > 20 and pick.random() < 0.2:
            row[pick.choice(list(row))] = pick.choice(["", "x", "NaN", "-1", "1e400", "0"])
        rows.append(row)
    return rows


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(rows: list[dict[str, str]], pick: random.Random) -> bytes:
    """The rows as objects, with fields in any order; numbers as they are written, empty cells null or absent."""
    lines = []
    for row in rows:
        pairs = []
        for name, cell in pick.sample(list(row.items()), len(row)):
            try:
                value = json.dumps(cell) if name == "symbol" or json.loads(cell) is None else cell
            except ValueError:
                value = json.dumps(cell)
            if cell or pick.random() < 0.5:
                pairs.append(f'"{name}":{value if cell else "null"}')
        lines.append("{" + ", ".join(pairs) + "}\n")
    return "".join(lines).encode()


@pytest.mark.parametrize("seed", range(10))
def test_objects_and_delimited_text_with_the_same_names_are_the_same_rows(tmp_path: Path, seed: int) -> None:
    """To the bit: numbers are taken as they are written, also stamps that no float can hold."""
    rows = rows_of(seed)
    table = read(written(tmp_path, "rows.csv", as_csv(rows)))
    objects = read(written(tmp_path, "rows.ndjson", as_json(rows, random.Random(seed))))
    assert objects.digest == table.digest
    assert objects.reasons == table.reasons
    assert [line + 1 for line in objects.lines] == table.lines
    assert len(table.refused) > 10


def test_a_field_that_is_absent_or_null_is_an_empty_cell(tmp_path: Path) -> None:
    taken = read(written(tmp_path, "rows.ndjson", QUOTES))
    assert taken.ticks == [
        Tick("EURUSD", START_NS, 1.085, 1.0852, 1.5, 2.0),
        Tick("GBPUSD", START_NS + 500_000_001, 1.27, 1.2702),
        Tick("EURUSD", START_NS + 1_000_000_002, None, 1.0853),
    ]
    assert taken.refused == []


def test_quotes_and_trades_may_be_in_one_file(tmp_path: Path) -> None:
    """A row with a price and no side is a trade."""
    trade = b'{"symbol": "EURUSD", "ts_ns": 1709719202000000000, "price": 1.0851, "size": 3}\n'
    assert read(written(tmp_path, "rows.ndjson", QUOTES + trade)).ticks[-1] == Tick.trade(
        "EURUSD", START_NS + 2_000_000_000, 1.0851, 3.0
    )


def test_bars_are_read_by_the_same_names(tmp_path: Path) -> None:
    lines = [
        f'{{"timestamp": "2024-03-06T10:0{i}:00Z", "open": 1.0, "high": 1.3, "low": 0.9, "close": 1.1, "volume": {i}}}'
        for i in range(3)
    ]
    table = ["timestamp,open,high,low,close,volume"] + [f"2024-03-06T10:0{i}:00Z,1.0,1.3,0.9,1.1,{i}" for i in range(3)]
    found = read(written(tmp_path, "EURUSD.jsonl", "\n".join(lines).encode()))
    assert found.digest == read(written(tmp_path, "EURUSD.csv", "\n".join(table).encode())).digest
    assert found.symbols.names == ["EURUSD"]
    assert found.count == 12


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"nonsense", "not a JSON object"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"symbol": "EURUSD"} {}', "not a JSON object"),
        (b'{"symbol": "EURUSD", "ts_ns": 1', "not a JSON object"),
        (b"[" * 30_000, "not a JSON object"),
        (b'{"symbol": "\xff", "ts_ns": 1}', "not a JSON object"),
        (b'{"symbol": ["EURUSD"], "ts_ns": 1709719201000000003, "bid": 1}', "symbol is not a single value"),
        (b'{"symbol": "EURUSD", "ts_ns": {}, "bid": 1}', "ts_ns is not a single value"),
        (b'{"symbol": "EURUSD", "ts_ns": true, "bid": 1}', "the time cannot be read"),
        (b'{"symbol": "EURUSD", "ts_ns": 1709719201000000003, "bid": "much"}', "bid is not a number"),
        (b'{"symbol": "EURUSD", "ts_ns": 1709719201000000003}', "a price is missing"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line_and_the_reason(tmp_path: Path, line: bytes, reason: str) -> None:
    """Empty lines count as lines, and not as rows."""
    taken = read(written(tmp_path, "rows.ndjson", QUOTES + b"\n  \n" + line + b"\n" + QUOTES.splitlines()[0]))
    assert taken.count == 4
    assert taken.lines == [6]
    assert reason in taken.reasons[0]


def test_the_first_lines_may_be_broken(tmp_path: Path) -> None:
    taken = read(written(tmp_path, "rows.ndjson", b"starting up\n" + QUOTES))
    assert (taken.count, taken.lines) == (3, [1])


def test_fields_are_named_as_columns_are(tmp_path: Path) -> None:
    """Also where their names are nobody's; a field that is not read may be anything."""
    line = b'{"e": "trade", "s": "BTCUSDT", "T": 1709719200000, "p": "64000.10", "q": "0.5", "deep": {"p": [1]}}\n'
    path = written(tmp_path, "stream.ndjson", line * 3)
    taken = read(path, columns="time=T,symbol=s,price=p,size=q")
    assert taken.ticks[0] == Tick.trade("BTCUSDT", START_NS, 64000.10, 0.5)
    with pytest.raises(ConfigError, match="there is no column 'when' for time: the file has 'e', 's', 'T'"):
        read(path, columns="time=when,price=p,symbol=s")


def test_options_for_text_are_refused_and_so_is_text(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.ndjson", QUOTES)
    with pytest.raises(ConfigError, match="no delimiter and no header"):
        read(path, delimiter=";")
    table = written(tmp_path, "rows.csv", b"time,symbol,bid,ask\n1709719200,X,1,2\n1709719201,X,1,2\n")
    with pytest.raises(ConfigError, match="its first lines are not JSON objects"):
        read(table, format="ndjson")


def test_compressed_objects_are_read_as_plain_ones(tmp_path: Path) -> None:
    plain = read(written(tmp_path, "rows.ndjson", QUOTES))
    assert read(written(tmp_path, "rows.ndjson.gz", gzip.compress(QUOTES))).digest == plain.digest


def test_a_line_without_an_end_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.ndjson", QUOTES + b'{"symbol": "' + b"X" * 5_000)
    with pytest.raises(HostileFile, match=r"rows\.ndjson:4: a line longer than 1000 bytes"):
        read(path, limits=Limits(line_bytes=1_000))


def test_reading_goes_on_at_the_byte(tmp_path: Path) -> None:
    """After each row, in a file that has grown meanwhile; and the last line is left until it has its end."""
    lines = QUOTES.splitlines(keepends=True)
    whole = read(written(tmp_path, "rows.ndjson", QUOTES))
    for count in (1, 2):
        path = written(tmp_path, "rows.ndjson", b"".join(lines[:count]) + lines[count][:20])
        taken = Taken()
        first = open_source(path, resumable=True)
        drain(first, into=taken)
        assert taken.count == count
        position, identity = first.position(), first.identity()
        first.close()
        written(tmp_path, "rows.ndjson", QUOTES)
        again = open_source(path, resumable=True)
        again.recall(identity, position)  # type: ignore[attr-defined]
        again.seek(json.loads(json.dumps(position)))
        drain(again, into=taken)
        again.close()
        assert taken.digest == whole.digest


async def test_ticks_that_were_written_as_objects_are_the_same_ticks(tmp_path: Path) -> None:
    """As numbers of JSON, to the bit: the digest is the same."""
    async with mtf.Pipeline(data=tmp_path / "run", timeframes="1m", calendar="crypto") as pipeline:
        first = await pipeline.run("synthetic:seed=3,symbols=EURUSD+USDJPY,events=500,pace_ms=700,start=2024-03-06")
    with mtf.open(tmp_path / "run") as reader:
        names = ("symbol", "ts_ns", "bid", "ask", "bid_size", "ask_size")
        rows = [{name: getattr(each.tick, name) for name in names} for each in reader.ticks()]
    path = tmp_path / "ticks.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    async with mtf.Pipeline(timeframes="1m", calendar="crypto") as pipeline:
        again = await pipeline.run(path)
    assert again.digest == first.digest
