"""`mtf serve`: the page of a data directory and the HTTP API on one address; or a whole service, as a file says."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import webbrowser
from pathlib import Path

import click
from click.core import ParameterSource

from mtf.cli.directories import DIRECTORY
from mtf.cli.log_options import CommandLog
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import note
from mtf.cli.plugin_names import import_from_here
from mtf.errors import ConfigError

__all__ = ["serve"]


@click.command
@click.argument("directory", metavar="DIR|CONFIG.toml", type=DIRECTORY)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any that is free.")
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False), help="File with the token that clients need."
)
@click.option("--allow-host", multiple=True, metavar="NAME", help="A name of this server, as a proxy sends it.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.pass_context
def serve(
    context: click.Context,
    directory: Path,
    host: str,
    port: int,
    token_file: Path | None,
    allow_host: tuple[str, ...],
    open_page: bool,
) -> None:
    """Show DIR in a browser, live and at any moment; or run the service that CONFIG.toml describes.

    DIR may be one that another process writes. A service is feeds, pipeline, consumers, metrics and HTTP in one
    process: `mtf config schema` prints what its file can say.
    """
    if directory.is_file():
        _check_no_options(context)
        run_async(_run_service(directory, context.obj))
        return
    token = None
    if token_file is not None:
        token = token_file.read_text(encoding="utf-8").strip()
        if not token:
            raise ConfigError(f"{token_file}: is empty; write a token of at least 16 characters into it")
    run_async(_serve(directory, host, port, token, allow_host, open_page=open_page))


async def _serve(
    directory: Path, host: str, port: int, token: str | None, allow_hosts: tuple[str, ...], *, open_page: bool
) -> None:
    from mtf.web.server import Server  # needs an extra

    stopped = asyncio.Event()

    def stop(_number: int) -> bool:
        stopped.set()
        return True

    async with Server(directory, host=host, port=port, token=token, allow_hosts=allow_hosts) as server:
        note(f"serving {directory} on {server.url}  (Ctrl-C stops)")
        if server.token is not None and token is None:
            note(f"token: {server.token}")
        if open_page:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(server.url)
        with stop_on_signals(stop):
            await stopped.wait()


def _check_no_options(context: click.Context) -> None:
    """Raise if an option is given: a configuration file has settings for all of them."""
    given = [
        each.opts[0]
        for each in context.command.params
        if isinstance(each, click.Option)
        and context.get_parameter_source(str(each.name)) == ParameterSource.COMMANDLINE
    ]
    if given:
        raise ConfigError(f"{', '.join(given)}: not with a configuration file: use its [web] table")


async def _run_service(path: Path, log: CommandLog) -> None:
    from mtf.service.service import Service  # needs a library that takes long to import
    from mtf.service.settings_file import read_settings

    import_from_here()  # the file names classes and functions
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
