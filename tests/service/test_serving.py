"""`mtf serve CONFIG.toml` as a process: HTTP, signals, and the commands that check and describe its file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mtf.cli import main
from mtf.clock import SystemClock
from mtf.errors import ConfigError
from mtf.service.page_process import PageProcess
from mtf.service.parts import pipeline_of
from tests.service.builders import configured, eventually

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
pytest.importorskip("prometheus_client")

CONFIG = """
[pipeline]
data = "run"
calendar = "crypto"
timeframes = ["1m"]
[web]
port = 0
token_file = "token"
[metrics]
enabled = true
[[consumers]]
class = "parts_of_test:Quiet"
on_error = "restart"
"""
PARTS = """
import mtf
class Quiet(mtf.Consumer):
    def on_tick(self, tick, view): pass
def silent(name):
    async def connect(resume): raise OSError("nobody there")
    return mtf.feeds.Feed(name, lambda resume: Refused())
class Refused:
    async def __aenter__(self): raise OSError("nobody there")
    async def __aexit__(self, *error): pass
"""
TOKEN = "a token of some length"


class Running:
    """A service as a process; its log is read as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""

    async def event(self, name: str) -> dict[str, Any]:
        """Return the next record of the event *name*."""
        assert self.process.stderr is not None
        seen = []
        async with asyncio.timeout(60):
            while raw := await self.process.stderr.readline():
                seen.append(raw.decode())
                record: dict[str, Any] = json.loads(raw)
                if record["event"] == name:
                    return record
        raise AssertionError(f"no {name} in {seen}")

    async def ask(self, path: str, token: str = TOKEN) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {token}"} if token else {})

        def answer() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(request, timeout=30) as found:
                    return found.status, found.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

        return await asyncio.to_thread(answer)


@contextlib.asynccontextmanager
async def started(folder: Path, more: str = "") -> AsyncGenerator[Running, None]:
    (folder / "c.toml").write_text(CONFIG + more)
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "parts_of_test.py").write_text(PARTS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mtf", "serve", "c.toml"),
        cwd=folder,
        env={**os.environ, "MTF_LOG__FORMAT": "json"},
        stderr=asyncio.subprocess.PIPE,
    )
    running = Running(process)
    try:
        running.url = str((await running.event("page_started"))["url"])
        await running.event("service_ready")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_health_metrics_and_page_are_on_one_address_until_the_end(tmp_path: Path) -> None:
    async with started(tmp_path) as service:
        assert await service.ask("healthz", token="") == (200, "ok\n")
        assert await service.ask("readyz", token="") == (200, "ready\n")
        assert (await service.ask("metrics", token=""))[0] == 401
        status, text = await service.ask("metrics")
        assert status == 200
        assert re.search(r"^mtf_up 1\.0$", text, re.MULTILINE)
        while (await service.ask("api/v1/config"))[0] == 503:
            pass  # it is being loaded
        config = json.loads((await service.ask("api/v1/config"))[1])
        assert [each["name"] for each in config["timeframes"]] == ["1m"]
        service.process.send_signal(signal.SIGTERM)
        await service.event("pipeline_stopped")
        assert await service.process.wait() == 0
    with pytest.raises(OSError):  # noqa: PT011 - refused or reset
        await service.ask("healthz")


async def test_sighup_reads_the_file_and_the_token_again(tmp_path: Path) -> None:
    """A feed that is added and cannot connect makes it unready; the new token counts, and the old one does not."""
    async with started(tmp_path) as service:
        more = '[[feeds]]\nname = "f"\nkind = "parts_of_test:silent"\nnot_ready_after_s = 0.0\n'
        (tmp_path / "c.toml").write_text(CONFIG.replace('"1m"', '"5m"') + more)
        (tmp_path / "token").write_text("another token of some length")
        service.process.send_signal(signal.SIGHUP)
        service.url = str((await service.event("page_started"))["url"])
        kept = await service.event("service_kept")
        assert kept["message"].startswith("pipeline.timeframes has a different value in the file")
        assert (await service.ask("metrics"))[0] == 401
        while (found := await service.ask("readyz"))[0] == 200:
            pass  # the first look at the feed is to come
        assert found[0] == 503
        assert found[1].startswith("feed f has been without a connection for ")
        assert (await service.ask("metrics", "another token of some length"))[0] == 200
        (tmp_path / "c.toml").write_text("[pipeline")
        service.process.send_signal(signal.SIGHUP)
        assert "nothing was changed: c.toml: invalid TOML" in (await service.event("service_kept"))["message"]
        service.process.send_signal(signal.SIGINT)
        assert await service.process.wait() == 0


async def test_the_process_that_serves_is_started_again_and_ends_with_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtf.service.page_process.END_S", 60.0)
    settings = configured(tmp_path)
    setup = {"data": settings.pipeline.data, "host": "127.0.0.1", "port": 0, "token": None, "allow_hosts": []}
    async with pipeline_of(settings.pipeline):
        page = PageProcess({**setup, "page": False}, {"ready": list}, SystemClock())
        await page.start()
        first, process = page.url, page._process
        assert process is not None
        process.kill()
        await eventually(lambda: page.url != first)
        again = page._process
        assert again is not None
        await page.stop()
        assert again.returncode == 0


async def test_an_address_that_is_taken_is_an_error(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    setup = {"data": settings.pipeline.data, "host": "203.0.113.1", "port": 1, "token": "x" * 16, "allow_hosts": []}
    with pytest.raises(ConfigError, match=r"web: cannot listen on 203\.0\.113\.1 port 1"):
        await PageProcess({**setup, "page": False}, {}, SystemClock()).start()


def test_config_check_prints_every_error_or_that_there_are_none(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[pipeline]\ndata = "x"\nhistory = 0\n[[consumers]]\nclass = "no:Thing"\n')
    found = CliRunner().invoke(main, ["config", "check", str(file)], standalone_mode=False)
    assert found.return_value == 2
    assert found.stdout.splitlines() == [
        f"{file}: pipeline: history must be between 1 and 1000000 bars, got 0",
        f"{file}: consumers[0]: class: no:Thing: ModuleNotFoundError: No module named 'no'",
    ]
    assert not (tmp_path / "x").exists()
    without = CliRunner().invoke(main, ["config", "check", "--no-import", "--json", str(file)], standalone_mode=False)
    assert json.loads(without.stdout) == {"file": str(file), "errors": []}


def test_config_schema_prints_every_table() -> None:
    found = CliRunner().invoke(main, ["config", "schema"], standalone_mode=False)
    assert re.findall(r"^\[+([a-z.]+)\]+$", found.stdout, re.MULTILINE) == [
        *("pipeline", "feeds", "feeds.backoff", "consumers", "web", "log", "metrics")
    ]


def test_options_of_the_page_are_not_for_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[pipeline]\ndata = "x"\n')
    with pytest.raises(ConfigError, match=r"--port: not supported with a configuration file; use its .web. table"):
        main.commands["serve"].main([str(tmp_path / "c.toml"), "--port", "1"], standalone_mode=False, obj=None)
