"""The files of the page, read and compressed once, and the page itself with what its first paint needs.

URLs of files contain a digest of all files, so that a browser caches them until another release is installed. The page
lists every module needed for the charts, so that they load in parallel instead of one after another.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.resources
import re
from importlib.resources.abc import Traversable
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

__all__ = ["StaticFile", "StaticFiles"]

FOLDER: Final = "static"
FIRST: Final = "main.js"
KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
SMALL_BYTES: Final = 1_000  # smaller files are not compressed
FOREVER: Final = "public, max-age=31536000, immutable"
IMPORT: Final = re.compile(rb'^(?:import|export|\}) [^"]*from "\./([^"]+)";|^\} from "\./([^"]+)";', re.MULTILINE)


class StaticFile(NamedTuple):
    """One file, as it is and compressed."""

    body: bytes
    packed: bytes | None  # by gzip; None if it is too small for that
    kind: str


class StaticFiles:
    """Every file of the page by its path under `/static/`."""

    def __init__(self) -> None:
        self.files: Final = dict(_read(importlib.resources.files("mtf.web") / FOLDER, ""))
        digest = hashlib.sha256(b"".join(name.encode() + each.body for name, each in sorted(self.files.items())))
        self.version: Final = digest.hexdigest()[:12]
        html = self.files.pop("index.html").body.replace(b"/static/", f"/static/{self.version}/".encode())
        preloads = [f'<link rel="modulepreload" href="/static/{self.version}/{name}">' for name in self.modules()]
        self._before, self._after = html.replace(b"<!--modules-->", "\n".join(preloads).encode()).split(b"<!--start-->")

    def modules(self) -> list[str]:
        """Return the modules that the first paint needs, each after the one that imports it."""
        found = [FIRST]
        for name in found:
            for match in IMPORT.finditer(self.files[name].body):
                imported = (match[1] or match[2]).decode()
                if imported not in found:
                    found.append(imported)
        return found

    def page(self, start: dict[str, Any]) -> Response:
        """Return the page; *start* is data for its scripts."""
        # In a script element, "<" may begin its end, or a comment.
        body = self._before + orjson.dumps(start).replace(b"<", b"\\u003c") + self._after
        return Response(body, media_type="text/html", headers={"cache-control": "no-store"})

    async def answer(self, request: Request) -> Response:
        """Answer a request for `{path}`; the version may be its first part."""
        path: str = request.path_params["path"]
        version, _, rest = path.partition("/")
        current = version == self.version
        file = self.files.get(rest if current else path)
        if file is None and _is_version(version):
            file = self.files.get(rest)  # requested by a page that another release served
        if file is None:
            return PlainTextResponse("not found\n", status_code=404)
        headers = {"cache-control": FOREVER if current else "no-cache", "vary": "accept-encoding"}
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(file.packed, headers=headers, media_type=file.kind)
        return Response(file.body, headers=headers, media_type=file.kind)


def _is_version(text: str) -> bool:
    return len(text) == 12 and all(letter in "0123456789abcdef" for letter in text)


def _read(folder: Traversable, prefix: str) -> list[tuple[str, StaticFile]]:
    found: list[tuple[str, StaticFile]] = []
    for each in folder.iterdir():
        name = prefix + each.name
        if each.is_dir():
            found += _read(each, f"{name}/")
            continue
        kind = KINDS.get(name.rpartition(".")[2])
        if kind is None:
            continue
        body = each.read_bytes()
        packed = gzip.compress(body, 9, mtime=0) if len(body) > SMALL_BYTES else None
        found.append((name, StaticFile(body, packed, kind)))
    return found
