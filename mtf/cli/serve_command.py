"""`mtf serve`: page and HTTP API of a data directory or a file, or a whole service from a configuration file."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import tempfile
import webbrowser
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from mtf.cli.directories import DIRECTORY
from mtf.cli.hints import hints
from mtf.cli.log_options import CommandLog
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import note
from mtf.cli.page_of import page_of
from mtf.cli.plugin_names import import_from_here
from mtf.cli.progress import progress_bar
from mtf.cli.source_options import StoppableSource
from mtf.errors import ConfigError
from mtf.pipeline import Pipeline
from mtf.sources import open_source

__all__ = ["serve"]

CONFIGURATION: Final = ".toml"
INDICATORS: Final = "sma:20,rsi:14"
PREFIX: Final = "mtf-serve-"  # of the temporary directory


@click.command
@click.argument("directory", metavar="DIR|FILE|CONFIG.toml", type=DIRECTORY)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any free port.")
@click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False), help="File with the token for clients.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="Additional name of this server, as sent by a proxy.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.option("--calendar", metavar="C|PATTERN=C,...", help="For a FILE, as for mtf run.  [default: fx]")
@click.option("--indicators", metavar="SPEC,...", help=f"For a FILE, as for mtf run.  [default: {INDICATORS}]")
@click.pass_context
def serve(
    context: click.Context,
    directory: Path,
    host: str,
    port: int,
    token_file: Path | None,
    allow_host: tuple[str, ...],
    open_page: bool,
    calendar: str | None,
    indicators: str | None,
) -> None:
    """Show DIR in a browser, live and at any moment; or FILE; or run the service of CONFIG.toml.

    Another process may be writing DIR. FILE is market data, as for mtf run: it is run, shown meanwhile, and discarded
    at the end. A service is feeds, pipeline, consumers, metrics and HTTP in one process: `mtf config schema` prints the
    settings of its file.
    """
    if directory.suffix.lower() == CONFIGURATION and directory.is_file():
        _check_no_options(context)
        run_async(_run_service(directory, context.obj))
        return
    token = None
    if token_file is not None:
        token = token_file.read_text(encoding="utf-8").strip()
        if not token:
            raise ConfigError(f"{token_file}: empty file; write a token of at least 16 characters into it")
    place: dict[str, Any] = {"host": host, "port": port, "token": token, "allow_hosts": allow_host}
    if directory.is_file():
        settings: dict[str, Any] = {"calendar": calendar or "fx", "indicators": indicators or INDICATORS}
        run_async(_run_file(directory, settings, place, open_page=open_page))
        return
    if calendar is not None or indicators is not None:
        raise ConfigError("--calendar and --indicators: only supported for a file; a data directory has its own")
    run_async(_serve(directory, place, open_page=open_page))


async def _serve(directory: Path, place: dict[str, Any], *, open_page: bool) -> None:
    from mtf.web.server import Server  # needs an extra

    stopped = asyncio.Event()

    def stop(_number: int) -> bool:
        stopped.set()
        return True

    async with Server(directory, **place) as server:
        with stop_on_signals(stop):
            _announce(directory, server.url, None if place["token"] else server.token, open_page=open_page)
            await stopped.wait()


async def _run_file(path: Path, settings: dict[str, Any], place: dict[str, Any], *, open_page: bool) -> None:
    """Run *path* into a temporary directory and show that until it is stopped."""
    stopped = asyncio.Event()
    source = StoppableSource([open_source(path)])

    def stop(number: int) -> bool:
        source.stop(number)
        stopped.set()
        return True

    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        pipeline = Pipeline(data=Path(folder) / "run", clock="ticks", durability="os", **settings)
        with stop_on_signals(stop):
            async with pipeline, page_of(pipeline, Path(folder) / "run", **place) as (url, token):
                _announce(path, url, None if place["token"] else token, open_page=open_page)
                async with progress_bar(lambda: (source.name, source.progress(), pipeline.seq)):
                    summary = await pipeline.run(source)
                if not stopped.is_set():
                    await pipeline.checkpoint()
                    note(f"{path}: {summary.events:,} events; mtf run {path} --data DIR keeps them")
                    for hint in hints(pipeline, summary):
                        note(hint)
                await stopped.wait()


def _announce(what: Path, url: str, token: str | None, *, open_page: bool) -> None:
    """Print its address, and the token if one was generated."""
    note(f"serving {what} on {url}  (Ctrl-C stops)")
    if token is not None:
        note(f"token: {token}")
    if open_page:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


def _check_no_options(context: click.Context) -> None:
    """Raise if an option is given: a configuration file has settings for all of them."""
    given = [
        each.opts[0]
        for each in context.command.params
        if isinstance(each, click.Option)
        and context.get_parameter_source(str(each.name)) == ParameterSource.COMMANDLINE
    ]
    if given:
        raise ConfigError(f"{', '.join(given)}: not supported with a configuration file; use its [web] table")


async def _run_service(path: Path, log: CommandLog) -> None:
    from mtf.service.service import Service  # needs a library that takes long to import
    from mtf.service.settings_file import read_settings

    import_from_here()  # the file may name classes and functions
    by_options = log.chosen
    read = functools.partial(read_settings, path, os.environ)
    service = Service(
        read(),
        reread=read,
        choose_log=lambda settings: None if by_options else log.choose(settings.level, settings.format),
        environment=os.environ,
    )

    def stop(_number: int) -> bool:
        service.stop()
        return True

    with stop_on_signals(stop, service.reload):
        await service.run()
