"""The capabilities of a terminal: its width and height, characters and colours.

Colours mean one thing each: blue rises and orange falls, violet is the past, yellow is what was rejected; everything
else has the terminal's own. They are readable on dark and on light backgrounds, and nothing depends on colour alone.
`NO_COLOR` and `TERM=dumb` are respected, and letters replace blocks and arrows that the encoding lacks.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Final

import attrs
from rich.console import Console
from rich.style import Style

__all__ = ["ASCII", "BLOCKS", "COLOURS", "COLOURS_16", "Colours", "Glyphs", "Look", "look_at_stdout"]

WIDTH_PIPED: Final = 120  # columns, if no terminal says how many there are
HEIGHT_PIPED: Final = 30


@attrs.frozen(kw_only=True)
class Glyphs:
    """The characters that a screen is drawn with."""

    levels: str  # of a sparkline, low to high
    split: str  # between the completed bars and the forming one
    up: str
    down: str
    same: str
    over: str  # the elapsed part of a bar's time
    ahead: str
    ends: tuple[str, str]  # around that
    minus: str
    cut: str  # in place of text that does not fit


BLOCKS: Final = Glyphs(
    levels="▁▂▃▄▅▆▇█",
    split="│",
    up="▲",
    down="▼",
    same="=",
    over="━",
    ahead="╌",
    ends=("", ""),
    minus="−",
    cut="…",
)
ASCII: Final = Glyphs(
    levels="_.-:=+*#",
    split="|",
    up="^",
    down="v",
    same="=",
    over="#",
    ahead=".",
    ends=("[", "]"),
    minus="-",
    cut="~",
)


DIM: Final = Style(dim=True)
BOLD: Final = Style(bold=True)


@attrs.frozen(kw_only=True)
class Colours:
    """The styles of a screen, by what they mean."""

    up: Style
    down: Style
    past: Style
    warn: Style
    dim: Style = DIM
    bold: Style = BOLD


COLOURS: Final = Colours(
    up=Style(color="#2f7fd6"),
    down=Style(color="#cc6122"),
    past=Style(color="#8d6be0"),
    warn=Style(color="#a37800"),
)
COLOURS_16: Final = Colours(  # the terminal's own, which suit its background
    up=Style(color="bright_blue"),
    down=Style(color="yellow"),
    past=Style(color="magenta"),
    warn=Style(color="yellow", bold=True),
)


@attrs.frozen(kw_only=True)
class Look:
    """How a screen is drawn: *width* columns, *height* lines, these glyphs and colours.

    *coloured* is false if colours are not shown: then up and down must be distinguished in another way.
    """

    width: int
    height: int = HEIGHT_PIPED
    glyphs: Glyphs = BLOCKS
    colours: Colours = COLOURS
    coloured: bool = True


def look_at_stdout() -> Look:
    """Return how to draw on stdout."""
    terminal = sys.stdout.isatty()
    dumb = terminal and os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    console = Console()
    many = console.color_system in ("256", "truecolor")
    size = shutil.get_terminal_size()
    return Look(
        width=size.columns if terminal else WIDTH_PIPED,
        height=size.lines if terminal else HEIGHT_PIPED,
        coloured=terminal and not dumb and not console.no_color,
        glyphs=BLOCKS if not dumb and _can_write(BLOCKS) else ASCII,
        colours=COLOURS if many else COLOURS_16,
    )


def _can_write(glyphs: Glyphs) -> bool:
    """Return whether stdout's encoding has all characters of *glyphs*."""
    try:
        "".join(map("".join, attrs.astuple(glyphs))).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
