"""A data directory from a stranger runs no code, reaches nothing outside its folder, and takes bounded memory."""

from __future__ import annotations

import ast
import os
import sqlite3
import struct
import tracemalloc
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from xxhash import xxh3_64_intdigest

import mtf
from mtf.config import Config
from mtf.errors import MtfError
from mtf.log import FileLog
from mtf.pipeline import Pipeline
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import encode_checkpoint
from mtf.storage.restore import engine_at, verify_replay
from tests.alive import run_of
from tests.storage.builders import feed, market

EVENTS = market(3, 60)
CONFIG = Config.make(timeframes=["1m", "5m"], history=10)


async def start(data: Path) -> Pipeline:
    """Start on *data*, take one more event, stop, and return what ran."""
    async with Pipeline(data=data, config=CONFIG, clock="ticks") as pipeline:
        await pipeline.drain()
        run_of(pipeline).rows_aside.keep("here", 1, "why", "raw")
        await feed(pipeline, EVENTS[pipeline.seq : pipeline.seq + 1])
    return pipeline


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    async with Pipeline(data=tmp_path / "data", config=CONFIG, clock="ticks") as pipeline:
        await feed(pipeline, EVENTS[:40])
    return tmp_path / "data"


class Outside:
    """A folder that nothing may touch, and the answer whether anything did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        (path / "file").write_bytes(b"precious")
        (path / "folder").mkdir()
        (path / "folder" / "file").write_bytes(b"precious")
        self.before = self.seen()

    def seen(self) -> dict[str, bytes | None]:
        return {str(each): each.read_bytes() if each.is_file() else None for each in self.path.rglob("*")}


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "outside")


def linked(path: Path, target: Path) -> None:
    """Put a link to *target* in place of *path*."""
    if path.is_dir():
        path.rename(path.with_name(path.name + "-was"))
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("target", ["file", "folder", "nothing", "folder/nothing"])
@pytest.mark.parametrize(
    "name", ["log", "checkpoints", "history.sqlite", "malformed.jsonl", "log/writer.lock", "SEGMENT"]
)
async def test_links_are_refused_wherever_they_stand(data: Path, outside: Outside, name: str, target: str) -> None:
    """Neither read through nor written through, and the start says which."""
    if name == "SEGMENT":
        name = f"log/{max(path.name for path in (data / 'log').glob('*.log'))}"
    linked(data / name, outside.path / target)
    with pytest.raises((MtfError, OSError), match=name):
        await start(data)
    assert outside.seen() == outside.before


@pytest.mark.parametrize("beside", ["-wal", "-shm", "-journal"])
async def test_links_beside_the_history_lead_nowhere(data: Path, outside: Outside, beside: str) -> None:
    """SQLite's own files are names in the directory too."""
    linked(data / f"history.sqlite{beside}", outside.path / "file")
    with suppress(MtfError):
        await start(data)
    assert outside.seen() == outside.before


async def test_linked_checkpoint_is_passed_over(data: Path, outside: Outside) -> None:
    path = max((data / "checkpoints").glob("checkpoint-*"))
    (outside.path / "file").write_bytes(path.read_bytes())
    outside.before = outside.seen()
    linked(path, outside.path / "file")
    pipeline = await start(data)
    assert ["links and devices are refused" in each.reason for each in pipeline.skipped_checkpoints] == [True]
    assert outside.seen() == outside.before


async def test_journal_that_names_other_files_deletes_none_of_them(data: Path, outside: Outside) -> None:
    """SQLite deletes the super-journal that a hot journal names, when no other needs it: any file there is."""
    name = str(outside.path / "file").encode()
    sector = 512
    header = struct.pack(">8sIIIII", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 0, 1, 1, sector, 4096)
    super_name = struct.pack(">I", (1 << 30) // 4096 + 1) + name  # in place of the page that is never used
    tail = super_name + struct.pack(">II", len(name), sum(name)) + header[:8]
    path = data / "history.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    path.with_name("history.sqlite-journal").write_bytes(header.ljust(sector, b"\0") + tail)
    await start(data)
    assert outside.seen() == outside.before
    assert verify_replay(data).damage == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON packs BEGIN DELETE FROM packs; END",
        "CREATE VIEW v AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n",
        "CREATE TABLE more (x)",
        "CREATE INDEX i ON runs (abs(bars))",
        "ALTER TABLE packs ADD COLUMN more AS (zeroblob(1000000000))",
        "DROP TABLE position",
    ],
)
async def test_history_with_anything_but_its_tables_is_set_aside_before_it_is_asked_anything(
    data: Path, statement: str
) -> None:
    """What stands in a schema is run by the next query: only the schema that mtf writes is used."""
    with closing(sqlite3.connect(data / "history.sqlite")) as connection:
        connection.execute(statement)
        connection.commit()
    pipeline = await start(data)
    assert ["the history is damaged" in note for note in pipeline.notes] == [True]
    assert (data / "history-damaged-1.sqlite").exists()


@pytest.mark.parametrize("seq", ["'x'", "-1", "1.5", "NULL"])
async def test_history_whose_position_is_none_is_set_aside(data: Path, seq: str) -> None:
    with closing(sqlite3.connect(data / "history.sqlite")) as connection:
        connection.executescript(f"PRAGMA writable_schema = 1; UPDATE position SET seq = coalesce({seq}, x'00');")
        connection.commit()
    pipeline = await start(data)
    assert ["its position, " in note for note in pipeline.notes] == [True]


NAMES = ["../../x", "/tmp/x", "..", "a\\b", "\0", "consumer:../../../x", "consumer:/etc/x"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_parts_are_never_names_of_files(data: Path, name: str, tmp_path: Path) -> None:
    """A part is a key in memory, whatever it is called."""
    store = FileCheckpointStore(data / "checkpoints")
    found = store.read(40)
    before = sorted(tmp_path.rglob("*"))
    Path(found.path).write_bytes(encode_checkpoint(40, found.meta, {**found.parts, name: b"x"}))
    assert engine_at(data).joiner.seq == 40
    assert sorted(tmp_path.rglob("*")) == before


def checkpoint_file(raw: bytes, *, count: int, raw_bytes: int | None = None, stored: bytes | None = None) -> bytes:
    """Return a checkpoint file of seq 40 whose header says what the arguments say."""
    stored = zstandard.ZstdCompressor().compress(raw) if stored is None else stored
    raw_bytes = len(raw) if raw_bytes is None else raw_bytes
    head = struct.pack("<8sHHIQQQQ", b"mtf-ckpt", 1, 0, count, 40, len(stored), raw_bytes, xxh3_64_intdigest(stored))
    return head + struct.pack("<Q", xxh3_64_intdigest(head)) + stored


META = struct.pack("<Q", 2) + b"{}"
BOMB = zstandard.ZstdCompressor().compress(bytes(200 << 20))


@pytest.mark.parametrize(
    "file",
    [
        checkpoint_file(META, count=0, raw_bytes=1 << 62),
        checkpoint_file(META, count=0, raw_bytes=(1 << 30) + 1),
        checkpoint_file(META, count=0xFFFFFFFF),
        checkpoint_file(b"", count=0, raw_bytes=100, stored=BOMB),
        checkpoint_file(struct.pack("<Q", 1 << 63), count=0),
        checkpoint_file(META + struct.pack("<HQ", 65535, 1), count=1),
        checkpoint_file(META + struct.pack("<HQ", 1, 1 << 63) + b"a", count=1),
        checkpoint_file(META + struct.pack("<HQ", 1, 0) + b"\xff", count=1),
        checkpoint_file(struct.pack("<Q", 3) + b"\xff{}", count=0),
        checkpoint_file(struct.pack("<Q", 2) + b"[]", count=0),
        checkpoint_file(struct.pack("<Q", 100_000) + b"[" * 100_000, count=0),
        b"mtf-ckpt",
        b"",
    ],
)
async def test_checkpoints_that_declare_more_than_there_is_take_no_memory_and_are_passed_over(
    data: Path, file: bytes
) -> None:
    """Lengths, counts, names that are not text, a bomb: each is refused before anything of its size is made."""
    max((data / "checkpoints").glob("checkpoint-*")).write_bytes(file)
    tracemalloc.start()
    try:
        pipeline = await start(data)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 64 << 20
    assert len(pipeline.skipped_checkpoints) == 1
    assert pipeline.seq == 41


async def test_files_that_are_too_large_are_refused_by_their_size(data: Path) -> None:
    """Sparse ones cost a stranger nothing."""
    os.truncate(max((data / "checkpoints").glob("checkpoint-*")), 2 << 30)
    pipeline = await start(data)
    assert ["the limit is" in each.reason for each in pipeline.skipped_checkpoints] == [True]
    os.truncate(max((data / "log").glob("*.log")), 3 << 30)
    with pytest.raises(MtfError, match="the limit is"):
        await start(data)


def configured(path: Path, config: bytes) -> None:
    FileLog.open(path / "log", config=config).close()


FIELDS: dict[str, list[Any]] = {
    "timeframes": [[], ["x"], "1m", [1], None, ["1m"] * 2, ["1m", "5m", "__import__('os')"]],
    "calendars": [
        {},
        None,
        {"calendars": [], "symbols": []},
        {"calendars": [{"kind": "os.system"}], "symbols": [["*", 0]]},
    ],
    "price": ["x", None, 3],
    "closed": ["x", None],
    "late": ["x"],
    "live": ["x"],
    "history": [0, -1, 10**12, "x", None],
    "indicators": [
        [],
        [["os:system"], []],
        [["sma:99999999999"], []],
        [[f"sma:{n + 2}" for n in range(5000)], []],
        None,
    ],
    "tzdata": [None],
    "format": [2, None],
}


@pytest.mark.parametrize("field", FIELDS)
def test_configuration_that_is_none_is_a_typed_error(tmp_path: Path, field: str) -> None:
    """It is the first that is read of a log; names in it are looked up among what is installed."""
    whole = orjson.loads(CONFIG.to_json())
    assert field in whole
    for number, value in enumerate(FIELDS[field]):
        data = tmp_path / str(number)
        data.mkdir()
        configured(data, orjson.dumps({**whole, field: value}))
        with pytest.raises(MtfError):
            engine_at(data)


@pytest.mark.parametrize("config", [b"", b"\xff\xfe", b"[]", b"7", b"{}", b"null", b"[" * 10_000])
def test_bytes_that_are_no_configuration_are_a_typed_error(tmp_path: Path, config: bytes) -> None:
    configured(tmp_path, config)
    with pytest.raises(MtfError):
        engine_at(tmp_path)


BANNED_MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "code",
    "codeop",
}
BANNED_CALLS = {"eval", "exec", "compile", "__import__"}
BANNED_ATTRIBUTES = {"load_extension", "enable_load_extension", "system", "popen"}
IMPORTS_WHAT_THE_USER_NAMES = {
    "cli/plugin_names.py",  # --consumer, from the command line and never from a file
    "feeds/ccxt_feed.py",  # one package, whose name is a constant
    "service/parts.py",  # what the operator's own configuration names
    "sweep/job_child.py",  # the consumer that the sweep was started with, from the process that started it
    "testing/__init__.py",  # modules of mtf, by a table
    "testing/pytest_plugin.py",  # one module of mtf, whose name is a constant
    "workers/user_indicators.py",  # classes that the parent process has registered, never a name out of a file
}


def test_nothing_in_mtf_can_run_what_a_file_says() -> None:
    """No pickle, no eval; modules are imported by name only where the user's own command names one."""
    package = Path(mtf.__file__).parent
    found = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            found += [(name, module) for module in modules if module.partition(".")[0] in BANNED_MODULES]
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
                found.append((name, node.func.id))
            if isinstance(node, ast.Attribute) and node.attr in BANNED_ATTRIBUTES:
                found.append((name, node.attr))
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "import_module"
            ):
                literal = node.args and isinstance(node.args[0], ast.Constant)
                found += [] if literal or name in IMPORTS_WHAT_THE_USER_NAMES else [(name, "import_module")]
    assert found == []
    assert len(list(package.rglob("*.py"))) > 80
