"""A service from its start to its end: what it runs, what it takes over while it runs, and what it says meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ActorFailed, ConfigError
from mtf.feeds import FeedStatistics
from mtf.service.parts import problems_of
from mtf.service.readiness import Readiness
from mtf.service.service import Service
from mtf.service.service_settings import LogSettings, ServiceSettings
from mtf.service.settings_file import read_settings
from mtf.units import SECOND_NS
from tests.builders import at
from tests.fake_clock import FakeClock
from tests.service.builders import Counting, configured, eventually, line

HERE = "tests.service.builders"
FEED = '[[feeds]]\nname = "{0}"\nkind = "' + HERE + ':feed"\n'
COUNTING = f'[[consumers]]\nclass = "{HERE}:Counting"\n'


@pytest.fixture(autouse=True)
def _fresh() -> None:
    line.clear()
    Counting.made.clear()


def tick(second: int, symbol: str = "X") -> mtf.Tick:
    return mtf.Tick.trade(symbol, at("10:00") + second * SECOND_NS, 1.0, 1.0)


@contextlib.asynccontextmanager
async def running(settings: ServiceSettings, *files: Any, **options: Any) -> AsyncGenerator[Service, None]:
    """Run a service until the end of the block; *files* are what its file says each time that it is read again."""
    said = iter(files)

    def reread() -> ServiceSettings:
        found = next(said)
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, ServiceSettings)
        return found

    service = Service(settings, reread=reread, **options)
    task = asyncio.create_task(service.run())
    await service.ready.wait()
    try:
        yield service
    finally:
        service.stop()
        await task


async def until(service: Service, seq: int) -> None:
    """Return once the event *seq* is published; each turn lets feeds and pipeline do something."""
    await eventually(lambda: service._pipeline.seq >= seq)
    await service._pipeline.drain()


async def test_what_comes_is_shown_logged_and_kept_at_the_end(tmp_path: Path) -> None:
    """Stopping shows consumers everything and writes a checkpoint, so that the next start continues from there."""
    settings = configured(tmp_path, FEED.format("a") + FEED.format("b") + COUNTING + "options = { start = 100 }\n")
    async with running(settings) as service:
        for k in range(5):
            line["a"].put_nowait([tick(k)])
            line["b"].put_nowait([tick(k, "Y")])
        await until(service, 10)
        assert Counting.made[0].count == 110
    assert any((tmp_path / "run" / "checkpoints").glob("checkpoint-*"))
    async with running(settings) as service:
        assert service._pipeline.seq == 10
        line["a"].put_nowait([tick(9)])
        await until(service, 11)
    assert Counting.made[1].count == 111
    with mtf.open(tmp_path / "run") as reader:
        assert [each.tick.symbol for each in reader.ticks()].count("X") == 6


async def test_reading_again_adds_removes_and_replaces_feeds_and_consumers(tmp_path: Path) -> None:
    first = configured(tmp_path, FEED.format("a") + FEED.format("b") + COUNTING)
    second = configured(tmp_path, FEED.format("b") + FEED.format("c") + COUNTING + 'name = "other"\n')
    async with running(first, second) as service:
        for name in "ab":
            line[name].put_nowait([tick(0)])
        await until(service, 2)
        assert await service.reloaded() == []
        assert set(service._feeds.names) == {"b", "c"}
        line["a"].put_nowait([tick(1)])
        line["c"].put_nowait([tick(1, "Z")])
        line["b"].put_nowait([tick(2)])
        await until(service, 4)
        assert [each.count for each in Counting.made] == [2, 2]
        assert [each.name for each in service._pipeline.consumers if each.name in ("Counting", "other")] == ["other"]
    assert line["a"].qsize() == 1


async def test_what_cannot_be_taken_over_is_kept_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = configured(tmp_path, COUNTING)
    second = configured(
        tmp_path,
        COUNTING
        + 'policy = "drop"\n[[consumers]]\nclass = "no_such:Thing"\n[[feeds]]\nname = "x"\nkind = "json:loads"\n'
        + "[metrics]\nenabled = true\n",
        {"MTF_PIPELINE__HISTORY": "7"},
    )
    failed = "kind: json:loads fails with TypeError: loads() missing 1 required positional argument: 's'"
    nothing = "ModuleNotFoundError: No module named 'no_such'"
    levels: list[str] = []

    def choose(settings: LogSettings) -> None:
        levels.append(settings.level)

    with caplog.at_level(logging.INFO, "mtf.service"):
        async with running(first, second, ConfigError("no file"), second, choose_log=choose) as service:
            kept = [
                "pipeline.history has a different value in the file: it applies from the next start on",
                f"feed x is not running: {failed}",
                f"consumer {HERE}:Counting has different settings in the file: they apply from the next start on",
                f"consumer no_such:Thing was not added: class: no_such:Thing: {nothing}",
            ]
            found = await service.reloaded()
            assert found == kept
            assert service._settings.metrics.enabled
            assert await service.reloaded() == ["nothing was changed: no file"]
            assert await service.reloaded() == kept
    assert levels == ["info", "info", "info"]
    assert kept[0] in [each.getMessage() for each in caplog.records if each.name == "mtf.service"]


async def test_a_feed_that_fails_makes_the_service_unready_and_the_last_one_ends_it(tmp_path: Path) -> None:
    """The other goes on; reading the configuration again starts it again."""
    settings = configured(tmp_path, FEED.format("a") + FEED.format("b"))
    service = Service(settings, reread=lambda: settings)
    task = asyncio.create_task(service.run())
    await service.ready.wait()
    line["a"].put_nowait([tick(0)])
    await until(service, 1)
    line["a"].put_nowait(ValueError("a mistake"))
    await eventually(lambda: bool(service._reasons()))
    assert service._reasons() == ["feed a has ended: a mistake"]
    line["b"].put_nowait([tick(0, "Y")])
    await until(service, 2)
    assert await service.reloaded() == []
    assert service._reasons() == []
    for name in "ab":
        line[name].put_nowait(ValueError("both"))
    with pytest.raises(ValueError, match="both"):
        await task


async def test_a_consumer_that_stops_the_pipeline_ends_the_service_with_its_error(tmp_path: Path) -> None:
    settings = configured(tmp_path, FEED.format("a") + f'[[consumers]]\nclass = "{HERE}:Failing"\n')
    service = Service(settings, reread=lambda: settings)
    task = asyncio.create_task(service.run())
    await service.ready.wait()
    line["a"].put_nowait([tick(0)])
    with pytest.raises(ActorFailed) as caught:
        await task
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_a_data_directory_that_cannot_be_used_ends_the_start(tmp_path: Path) -> None:
    async with running(configured(tmp_path)):
        with pytest.raises(mtf.errors.LogLocked):
            await Service(configured(tmp_path), reread=lambda: configured(tmp_path)).run()


async def test_the_service_manager_hears_of_each_step(tmp_path: Path) -> None:
    """Over a real socket: more time while it catches up, ready, alive twice in the time that it is given, stopping."""
    address = tmp_path / "notify"
    wall = FakeClock(at("10:00"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.setblocking(False)

        def heard() -> list[str]:
            lines: list[str] = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    lines += manager.recv(4096).decode().splitlines()
            return lines

        def is_ready() -> bool:
            found.extend(heard())
            return "READY=1" in found

        found: list[str] = []
        settings = configured(tmp_path)
        environment = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "1000000"}
        async with running(settings, settings, environment=environment, wall=wall) as service:
            await eventually(is_ready)
            assert found == ["EXTEND_TIMEOUT_USEC=30000000", "WATCHDOG=1", "READY=1", "STATUS=running"]
            for _ in range(4):
                wall.pass_ns(SECOND_NS // 2)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert heard() == ["WATCHDOG=1"] * 4
            await service.reloaded()
            again = heard()
            assert again[0] == "RELOADING=1"
            assert again[1].startswith("MONOTONIC_USEC=")
            assert again[2:] == ["READY=1", "STATUS=the configuration was read again"]
        assert heard() == ["STOPPING=1", "STATUS=writing the last checkpoint"]


def test_a_feed_may_be_down_for_a_while() -> None:
    """Longer than that and the service is not ready, until the feed has a connection again."""
    readiness = Readiness()
    limits = {"a": 60.0}
    assert readiness.reasons(limits, 0) == ["catching up with the log"]
    readiness.caught_up = True
    readiness.look({"a": feed_statistics(connected=False)}, 0)
    readiness.look({"a": feed_statistics(connected=False)}, 60 * SECOND_NS)
    assert readiness.reasons(limits, 60 * SECOND_NS) == []
    assert readiness.reasons(limits, 61 * SECOND_NS) == ["feed a has been without a connection for 61 s"]
    readiness.look({"a": feed_statistics(connected=True)}, 62 * SECOND_NS)
    assert readiness.reasons(limits, 62 * SECOND_NS) == []
    readiness.stopping = True
    assert readiness.reasons(limits, 62 * SECOND_NS) == ["stopping"]


def feed_statistics(*, connected: bool) -> FeedStatistics:
    return FeedStatistics(
        name="a",
        connected=connected,
        connections=0,
        failures=0,
        stalls=0,
        messages=0,
        events=0,
        duplicates=0,
        malformed=0,
        missing=0,
        outages=0,
        last_message_ns=None,
        last_error="",
    )


async def test_a_file_that_grows_is_a_feed(tmp_path: Path) -> None:
    """Its options are those of a source, and it counts as any other feed does."""
    path = tmp_path / "ticks.ndjson"
    path.write_text(f'{{"t": {at("10:00")}, "p": 1.5}}\n{{"t": {at("10:01")}, "p": 1.6}}\n')
    feed = f'[[feeds]]\nname = "f"\nkind = "file"\npath = "{path}"\nlook_s = 0.001\n'
    settings = configured(tmp_path, feed + 'options = {symbol = "X", columns = "time=t,price=p"}\n')
    async with running(settings) as service:
        await until(service, 2)
        with path.open("a") as file:
            file.write(f'{{"t": {at("10:02")}, "p": 1.7}}\n')
        await until(service, 3)
        assert service._feeds.statistics()["f"].events == 3
    with mtf.open(tmp_path / "run") as reader:
        assert [each.tick.price for each in reader.ticks("X")] == [1.5, 1.6, 1.7]
    wrong = configured(tmp_path, feed + 'options = {symbl = "X"}\n')
    fault = "feeds[0]: options: file fails with ConfigError: feed f: unknown option symbl"
    assert problems_of(wrong)[0].startswith(fault)


def test_a_relative_path_of_a_file_is_that_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[pipeline]\ndata = "d"\n[[feeds]]\nname = "f"\nkind = "file"\npath = "x.csv"\n')
    assert read_settings(tmp_path / "c.toml", {}).feeds[0].path == str(tmp_path / "x.csv")


async def test_the_first_start_reads_history_and_later_ones_do_not(tmp_path: Path) -> None:
    """The file may be gone by then: what it had is in the log."""
    file = tmp_path / "history.csv"
    rows = [f"{at('09:00') + k * 60 * SECOND_NS},1,2,0.5,1.5,3" for k in range(30)]
    file.write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    history = f'[[warm_up]]\npath = "{file}"\noptions = {{ symbol = "X", timeframe = "1m" }}\n'
    settings = configured(tmp_path, history + FEED.format("a") + COUNTING)
    async with running(settings) as service:
        assert service._pipeline.seq == 30 * 4 + 1
        line["a"].put_nowait([tick(1)])
        await until(service, 30 * 4 + 2)
    assert Counting.made[0].count == 1
    file.unlink()
    async with running(settings) as service:
        assert service._pipeline.seq == 30 * 4 + 2
