"""The alternate screen: what is written to the terminal when lines change."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from mtf.cli.live_screen import LiveScreen
from mtf.cli.terminal import Look

LOOK = Look(width=5, height=3)


class Written:
    """A screen on a terminal of its own, and what was written since the last look."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.screen = LiveScreen(Console(file=self._file, force_terminal=True, color_system=None, legacy_windows=False))

    def draw(self, *lines: str, look: Look = LOOK) -> str:
        self.screen.draw([Text(line) for line in lines], look)
        return self.new()

    def new(self) -> str:
        text = self._file.getvalue()
        self._file.seek(0)
        self._file.truncate()
        return text


def test_only_lines_that_changed_are_written() -> None:
    """Ten frames a second, over a slow line too."""
    written = Written()
    assert written.draw("a", "b") == "\x1b[2J\x1b[1;1Ha\x1b[K\x1b[2;1Hb\x1b[K"
    assert written.draw("a", "b") == ""
    assert written.draw("a", "c") == "\x1b[2;1Hc\x1b[K"
    assert written.draw("a") == "\x1b[2;1H\x1b[J"


def test_a_line_as_wide_as_the_terminal_keeps_its_last_character() -> None:
    """The cursor stays on it, so that an erasure of the rest would begin there."""
    assert written_line("12345") == "\x1b[2J\x1b[1;1H12345"


def test_what_does_not_fit_is_not_written() -> None:
    written = Written()
    assert written.draw("a", "b", "c", "d").count("\x1b[K") == 3


def test_another_size_is_drawn_from_the_start() -> None:
    written = Written()
    written.draw("a")
    assert written.draw("a", look=Look(width=6, height=3)) == "\x1b[2J\x1b[1;1Ha\x1b[K"


def test_markup_in_a_name_is_text() -> None:
    """A symbol may be called [red]."""
    assert written_line("[b]") == "\x1b[2J\x1b[1;1H[b]\x1b[K"


def test_the_screen_is_left_after_an_error() -> None:
    written = Written()

    def fail() -> None:
        with written.screen:
            assert written.new() == "\x1b[?1049h\x1b[H\x1b[?25l"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert written.new() == "\x1b[?25h\x1b[?1049l"


def written_line(line: str) -> str:
    return Written().draw(line)
