"""The page of a pipeline that runs in this process, served by a separate process, like that of a service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from mtf.clock import SystemClock
from mtf.errors import ConfigError
from mtf.pipeline import Pipeline

__all__ = ["page_of"]


@contextlib.asynccontextmanager
async def page_of(
    pipeline: Pipeline,
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int,
    token: str | None = None,
    allow_hosts: Sequence[str] = (),
    or_any_port: bool = False,
) -> AsyncIterator[tuple[str, str | None]]:
    """A context in which the page of *directory*, which *pipeline* writes, is served; gives its address and token.

    With *or_any_port*, a port that is in use is replaced by a free one.
    """
    from mtf.service.page_process import PageProcess  # needs an extra
    from mtf.service.readiness import health_report

    def health() -> dict[str, Any]:
        return health_report(pipeline.statistics(), {}, [])

    setup = {
        "data": str(directory),
        "host": host,
        "port": port,
        "token": token,
        "allow_hosts": list(allow_hosts),
        "page": True,
    }
    answers: dict[str, Callable[[], Any]] = {"ready": list, "health": health, "metrics": lambda: None}
    page = PageProcess(setup, answers, SystemClock())
    try:
        await page.start()
    except ConfigError:
        if not or_any_port:
            raise
        page = PageProcess({**setup, "port": 0}, answers, SystemClock())
        await page.start()
    try:
        yield page.url, page.token
    finally:
        await page.stop()
