"""`mtf watch`: every symbol of a data directory and the timeframes of one of them, live in the terminal."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.text import Text

from mtf.cli.directories import DIRECTORY, config_of
from mtf.cli.loop import run_async
from mtf.cli.output import note, show
from mtf.cli.terminal import look_at_stdout
from mtf.cli.watch_choice import WatchChoice
from mtf.cli.watch_screen import frame_of, watch_lines
from mtf.cli.watch_session import WatchSession, is_screen
from mtf.cli.watched import Watched

__all__ = ["watch"]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
def watch(directory: Path) -> int:
    """Show the symbols of DIR live, even while another process writes it; q quits.

    The timeframes of the selected symbol are beneath. Everything in a frame is as of one event; the arrow keys go back
    and forward in time.
    """
    config_of(directory)
    with Watched(directory) as watched:
        if not is_screen():
            choice, look = WatchChoice(), look_at_stdout()
            frame = watch_lines(frame_of(watched, choice, f"{directory}{os.sep}", look), look)
            show(*_shortened(frame), fold=False)
            note("stdout is not a terminal that can be redrawn: this is a single frame; on a terminal it is live")
            return 0
        return run_async(WatchSession(watched, f"{directory}{os.sep}").run())


def _shortened(lines: list[Text]) -> list[Text]:
    """Return the frame without the keys and without empty lines at its end."""
    lines = [Text(lines[0].plain.rstrip()), *lines[1:-1]]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines
