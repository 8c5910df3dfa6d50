"""The service: runs a configuration until it is stopped, and applies what it can of a new one.

Owns the order: the pipeline first, then HTTP, then the feeds; at the end feeds, pipeline with its last checkpoint,
HTTP. The caller handles signals (`stop`, `reload`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from mtf.actors.consumer import Consumer
from mtf.clock import SystemClock, WallClock
from mtf.errors import ConfigError, MtfError
from mtf.feeds.watchdog import sleep
from mtf.loggers import report
from mtf.pipeline import Pipeline
from mtf.service.feed_metrics import metrics_text
from mtf.service.feed_tasks import FeedTasks
from mtf.service.page_process import PageProcess
from mtf.service.parts import add_consumer, pipeline_of, warm
from mtf.service.readiness import Readiness, health_report
from mtf.service.service_settings import LogSettings, PipelineSettings, ServiceSettings, WebSettings
from mtf.service.systemd import Notices
from mtf.tasks import cancelled
from mtf.units import SECOND_NS

__all__ = ["Service", "token_of"]

LOOK_S: Final = 1.0
MORE_TIME_S: Final = 30.0


class Service:
    """Runs *settings*; *reread* returns those now in the file, for `reload`.

    *choose_log* is called with the settings of the log, now and when they change. *environment* has the service
    manager's variables. *wall* is the clock, replaceable in tests.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        reread: Callable[[], ServiceSettings],
        choose_log: Callable[[LogSettings], None] = lambda _settings: None,
        environment: Mapping[str, str] | None = None,
        wall: WallClock | None = None,
    ) -> None:
        self._settings = settings
        self._reread: Final = reread
        self._choose_log: Final = choose_log
        self._notices: Final = Notices(environment or {})
        self._wall: Final[WallClock] = SystemClock() if wall is None else wall
        self._pipeline: Final[Pipeline] = pipeline_of(settings.pipeline, wall=self._wall)
        warm(self._pipeline, settings)
        self._consumers: Final[dict[str, Consumer]] = {
            each.key: add_consumer(self._pipeline, each) for each in settings.consumers
        }
        self._readiness: Final = Readiness()
        self._feeds: Final = FeedTasks(self._pipeline, self._feed_ended)
        self._page: PageProcess | None = None
        self._token: str | None = None  # of the running page
        self._over: Final = asyncio.Event()
        self._failure: BaseException | None = None  # why it ends by itself
        self._reloading: asyncio.Task[list[str]] | None = None
        self.ready: Final = asyncio.Event()  # caught up with the log

    @property
    def url(self) -> str:
        """The address of the page; empty without HTTP."""
        return "" if self._page is None else self._page.url

    def stop(self) -> None:
        """End cleanly: `run` returns once the last checkpoint is written."""
        self._over.set()

    async def run(self) -> None:
        """Run until `stop` is called; raises the error of the pipeline, or of the last feed if none is left."""
        self._choose_log(self._settings.log)
        try:
            async with self._pipeline:
                watching = asyncio.create_task(self._watch(), name="mtf service watch")
                try:
                    if self._settings.web.enabled:
                        await self._start_page(self._settings.web)
                    for feed in self._settings.feeds:
                        self._feeds.start(feed)
                    catching_up = asyncio.create_task(self._catch_up(), name="mtf service start")
                    await self._over.wait()
                    self._readiness.stopping = True
                    self._notices.stopping("writing the last checkpoint")
                    report("service_stopping", "stopping: feeds first, then the last checkpoint")
                    await cancelled(catching_up)
                    if self._reloading is not None:
                        await cancelled(self._reloading)
                finally:
                    await self._feeds.stop(*self._feeds.names)
                    await cancelled(watching)
        finally:
            if self._page is not None:
                await self._page.stop()
        if self._failure is not None:
            raise self._failure

    # While it runs.

    async def _catch_up(self) -> None:
        try:
            await self._pipeline.applied(0)
        except MtfError as error:
            self._fail(error)
            return
        self._readiness.caught_up = True
        self.ready.set()
        self._notices.ready(f"serving on {self.url}" if self.url else "running")
        report("service_ready", "caught up with the log", seq=self._pipeline.seq, feeds=len(self._settings.feeds))

    async def _watch(self) -> None:
        """Watch feeds and pipeline, and notify the service manager that this loop runs."""
        watchdog_s = self._notices.watchdog_s
        every_s = LOOK_S if watchdog_s is None else min(LOOK_S, watchdog_s / 2)
        while True:
            self._readiness.look(self._feeds.statistics(), self._wall.now_ns())
            if not self._readiness.caught_up:
                self._notices.takes_longer(MORE_TIME_S)
            elif not self._pipeline.statistics().running:
                self._over.set()  # leaving the pipeline raises why
            self._notices.alive()
            await sleep(self._wall, round(every_s * SECOND_NS))

    def _feed_ended(self, name: str, error: BaseException | None) -> None:
        if error is None:
            return
        self._readiness.failures[name] = str(error) or type(error).__name__
        others = [each for each in self._feeds.names if each not in self._readiness.failures]
        if not others:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._over.set()

    async def _start_page(self, settings: WebSettings) -> None:
        self._token = token_of(settings)
        setup = {
            "data": self._settings.pipeline.data,
            "host": settings.host,
            "port": settings.port,
            "token": self._token,
            "allow_hosts": list(settings.allow_hosts),
            "page": settings.page,
        }
        answers = {"ready": self._reasons, "health": self._health, "metrics": self._metrics}
        self._page = PageProcess(setup, answers, self._wall)
        await self._page.start()

    # Requests from HTTP.

    def _reasons(self) -> list[str]:
        limits_s = {name: each.not_ready_after_s for name, each in self._feeds.settings().items()}
        found = self._readiness.reasons(limits_s, self._wall.now_ns())
        return found if self._pipeline.statistics().running else ["the pipeline has stopped", *found]

    def _health(self) -> dict[str, Any]:
        return health_report(self._pipeline.statistics(), self._feeds.statistics(), self._reasons())

    def _metrics(self) -> dict[str, str] | None:
        settings = self._settings.metrics
        if not settings.enabled:
            return None
        return metrics_text(self._pipeline, self._feeds.statistics(), by_symbol=settings.by_symbol)

    # Another configuration.

    def reload(self) -> None:
        """Start applying the file as it is now; what cannot be applied is logged."""
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self.reloaded(), name="mtf reload")

    async def reloaded(self) -> list[str]:
        """Apply the file as it is now, and return what is kept unchanged, and why; each is also logged.

        An invalid file changes nothing.
        """
        self._notices.reloading()
        try:
            new = self._reread()
        except (MtfError, OSError) as error:
            kept = [f"nothing was changed: {error}"]
        else:
            kept = await self._take_over(new)
        for sentence in kept:
            report("service_kept", sentence)
        report("service_reloaded", "the configuration was read again", kept=len(kept))
        self._notices.ready("the configuration was read again")
        return kept

    async def _take_over(self, new: ServiceSettings) -> list[str]:
        old, kept = self._settings, _pipeline_changes(self._settings.pipeline, new.pipeline)
        self._choose_log(new.log)
        kept += await self._reload_feeds(new)
        taken, problems = self._reload_consumers(new)
        kept += problems
        web = new.web
        try:
            if web != old.web or (web.enabled and token_of(web) != self._token):
                await self._reload_page(web)
        except (ConfigError, OSError) as error:
            kept.append(f"{error}; there is no HTTP until the next reload of the configuration")
        self._settings = attrs.evolve(new, pipeline=old.pipeline, consumers=taken)
        return kept

    async def _reload_feeds(self, new: ServiceSettings) -> list[str]:
        wanted = {each.name: each for each in new.feeds}
        running = self._feeds.settings()
        failed = self._readiness.failures
        ended = [name for name, each in running.items() if wanted.get(name) != each or name in failed]
        await self._feeds.stop(*ended)
        kept = []
        for name in ended:
            failed.pop(name, None)
        for name, each in wanted.items():
            if name in running and name not in ended:
                continue
            try:
                self._feeds.start(each)
            except MtfError as error:
                kept.append(f"feed {name} is not running: {error}")
        return kept

    def _reload_consumers(self, new: ServiceSettings) -> tuple[tuple[Any, ...], list[str]]:
        """Remove and add consumers; return the settings of those that run, and why others do not."""
        wanted = {each.key: each for each in new.consumers}
        running = {each.key: each for each in self._settings.consumers}
        kept = []
        for name, each in [*running.items()]:
            if name not in wanted:
                removing = self._pipeline.remove(self._consumers.pop(name))
                del running[name], removing  # a running callback ends by itself
            elif wanted[name] != each:
                kept.append(f"consumer {name} has different settings in the file: they apply from the next start on")
        for name, each in wanted.items():
            if name in running:
                continue
            try:
                self._consumers[name] = add_consumer(self._pipeline, each)
            except MtfError as error:
                kept.append(f"consumer {name} was not added: {error}")
            else:
                running[name] = each
        return tuple(running.values()), kept

    async def _reload_page(self, settings: WebSettings) -> None:
        if self._page is not None:
            await self._page.stop()
            self._page = None
        if settings.enabled:
            await self._start_page(settings)


def token_of(settings: WebSettings) -> str | None:
    """Return the token in the file named by *settings*; None if they name none. ConfigError if it is empty."""
    if settings.token_file is None:
        return None
    path = Path(settings.token_file)
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"web.token_file: {path} cannot be read: {error}") from error
    if not token:
        raise ConfigError(f"web.token_file: {path} is empty; write a token of at least 16 characters into it")
    return token


def _pipeline_changes(old: PipelineSettings, new: PipelineSettings) -> list[str]:
    changed = [
        each.name for each in attrs.fields(PipelineSettings) if getattr(old, each.name) != getattr(new, each.name)
    ]
    return [f"pipeline.{name} has a different value in the file: it applies from the next start on" for name in changed]
