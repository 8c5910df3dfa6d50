"""Reads Parquet and Arrow files for another process: a damaged or malicious file crashes only this one.

Runs as a script, without the rest of mtf. A request is a line of JSON: `{"open": 7, "path": ..., "format": ...}`,
`{"next": 7}` or `{"drop": 7}`. The answer to the first two is 16 bytes, a length and how much of the file has been
read, followed by that many bytes: an Arrow stream with the schema and no batches, or with the next batch. A length of 0
is the end of the file, and a negative one is the length of an error message.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import struct
import sys
from collections.abc import Iterator
from typing import IO, Any

MEMORY_BYTES_MAX = 4 << 30  # the most memory that a file can make this process use, if the system can enforce that
BATCH_ROWS = 65_536

_RUST_ERROR = re.compile(r'.*Err` value: \w+\("(.*)"\)', re.DOTALL)  # within the text of a panic


class _Open:
    """An open file, the schema of its rows, and the remaining batches."""

    def __init__(self, path: str, format: str) -> None:
        from arro3.core import RecordBatchReader

        self.file: IO[bytes] = open(path, "rb")  # noqa: SIM115 - `drop` closes it
        reader: Any = _reader(self.file, format)
        self.schema: Any = reader.schema
        self.batches: Iterator[Any] = iter(reader)
        self._empty = RecordBatchReader.from_batches

    def head(self) -> bytes:
        return _written(self._empty(self.schema, []))


def _reader(file: IO[bytes], format: str) -> Any:
    from arro3.io import read_ipc, read_ipc_stream, read_parquet

    if format == "parquet":
        return read_parquet(file, batch_size=BATCH_ROWS)
    return read_ipc(file) if format == "arrow" else read_ipc_stream(file)


def _written(data: Any) -> bytes:
    from arro3.io import write_ipc_stream

    out = io.BytesIO()
    write_ipc_stream(data, out, compression=None)
    return out.getvalue()


def _answer(files: dict[int, _Open], request: dict[str, Any]) -> tuple[int, int, bytes]:
    if "open" in request:
        opened = _Open(request["path"], request["format"])
        files[request["open"]] = opened
        data = opened.head()
        return len(data), 0, data
    opened = files[request["next"]]
    batch = next(opened.batches, None)
    data = b"" if batch is None else _written(batch)
    return len(data), opened.file.tell(), data


def _problem(error: BaseException) -> bytes:
    text = " ".join(str(error).split()) or type(error).__name__
    found = _RUST_ERROR.fullmatch(text)
    return (found[1] if found is not None else text).encode("utf-8", "replace")[:2_000]


def main() -> None:
    """Answer requests until there are no more."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    files: dict[int, _Open] = {}
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "drop" in request:
            dropped = files.pop(request["drop"], None)
            if dropped is not None:
                dropped.file.close()
            continue
        try:
            size, offset, data = _answer(files, request)
        except BaseException as error:  # noqa: BLE001 - a panic in Rust does not derive from Exception
            data = _problem(error)
            size, offset = -len(data), 0
        out.write(struct.pack("<qq", size, offset))
        out.write(data)
        out.flush()


if __name__ == "__main__":
    main()
