"""The whole terminal as one picture: on its alternate screen, redrawn line by line if something has changed."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.control import Control
from rich.text import Text

from mtf.cli.terminal import Look

__all__ = ["LiveScreen"]

ERASE_REST: Final = "\x1b[K"  # of the line
LINE_CELLS: Final = 1000  # rich folds wider lines; lines are cut before


class LiveScreen:
    """A context in which the terminal shows what is drawn; afterwards it shows what it showed before."""

    def __init__(self, console: Console | None = None) -> None:
        self._console: Final = console or Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._shown: list[str] = []  # the lines on the screen, as written
        self._size = (0, 0)

    def __enter__(self) -> LiveScreen:
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._console.show_cursor(True)
        self._console.set_alt_screen(False)

    def draw(self, lines: Sequence[Text], look: Look) -> None:
        """Show *lines*, as many and as wide as *look* has room for."""
        if self._size != (look.width, look.height):
            self._size = (look.width, look.height)
            self._shown = []
            self._console.control(Control.clear())
        # A line that ends in the last column is not followed by an erasure, which would take its last character.
        written = [
            self._written(line) + ("" if line.cell_len >= look.width else ERASE_REST) for line in lines[: look.height]
        ]
        parts = []
        for row, line in enumerate(written):
            if row >= len(self._shown) or self._shown[row] != line:
                parts.append(f"\x1b[{row + 1};1H{line}")
        if len(self._shown) > len(written):
            parts.append(f"\x1b[{len(written) + 1};1H\x1b[J")
        self._shown = written
        if parts:
            self._console.file.write("".join(parts))
            self._console.file.flush()

    def _written(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", width=LINE_CELLS, no_wrap=True)
        return capture.get().encode(self._console.encoding, "backslashreplace").decode(self._console.encoding)
