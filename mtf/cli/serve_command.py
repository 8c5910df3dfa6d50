"""`mtf serve`: the page of a data directory, and the HTTP API, on one address."""

from __future__ import annotations

import asyncio
import contextlib
import webbrowser
from pathlib import Path

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import note
from mtf.errors import ConfigError

__all__ = ["serve"]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any that is free.")
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False), help="File with the token that clients need."
)
@click.option("--allow-host", multiple=True, metavar="NAME", help="A name of this server, as a proxy sends it.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
def serve(
    directory: Path, host: str, port: int, token_file: Path | None, allow_host: tuple[str, ...], open_page: bool
) -> None:
    """Show DIR in a browser, live and at any moment of the past; also while another process writes it."""
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
