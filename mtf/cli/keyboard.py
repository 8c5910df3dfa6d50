"""Keys of a terminal: bytes into names, and a mode in which each key is sent at once.

A key is the typed character, or one of `KEYS` in words; a lone `esc` is recognized once nothing has followed it.
"""

from __future__ import annotations

import codecs
import contextlib
import os
from collections.abc import Iterator
from typing import Final

__all__ = ["KeyDecoder", "keys_at_once"]

ESCAPE: Final = "\x1b"
SEQUENCES: Final = {
    "[A": "up", "OA": "up", "[B": "down", "OB": "down", "[5~": "page up", "[6~": "page down",
    "[C": "right", "OC": "right", "[D": "left", "OD": "left",
    "[1;2C": "shift right", "[c": "shift right", "[1;2D": "shift left", "[d": "shift left",
    "[H": "home", "OH": "home", "[1~": "home", "[F": "end", "OF": "end", "[4~": "end",
}  # fmt: skip
CHARACTERS: Final = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace"}
SEQUENCE_MAX: Final = 16  # characters; what is longer is not a key


class KeyDecoder:
    """Splits the input from a terminal into keys, however it is cut."""

    def __init__(self) -> None:
        self._decode: Final = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._begun = ""  # an escape sequence whose end has not come

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that *data* completes."""
        keys = []
        for character in self._decode(data):
            if self._begun:
                keys += self._continued(character)
            elif character == ESCAPE:
                self._begun = character
            elif character in CHARACTERS:
                keys.append(CHARACTERS[character])
            elif character.isprintable():
                keys.append(character)
        return keys

    def pause(self) -> list[str]:
        """Return the keys if nothing follows for a while: `esc`, if that was the last key."""
        begun, self._begun = self._begun, ""
        return ["esc"] if begun == ESCAPE else []

    def _continued(self, character: str) -> list[str]:
        if character == ESCAPE:
            return self.pause() + self.feed(ESCAPE.encode())
        self._begun += character
        sequence = self._begun[1:]
        if sequence in ("[", "O"):
            return []
        if sequence[0] == "[" and not "@" <= character <= "~" and len(sequence) < SEQUENCE_MAX:
            return []
        self._begun = ""
        return [SEQUENCES[sequence]] if sequence in SEQUENCES else []


@contextlib.contextmanager
def keys_at_once(descriptor: int) -> Iterator[None]:
    """A context in which the terminal *descriptor* sends each key when it is pressed, without echo.

    Ctrl-C still interrupts. Ctrl-Z does nothing: it would leave the shell on this screen.
    """
    import termios  # not on every platform

    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~(termios.ICANON | termios.ECHO)
    changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
    with contextlib.suppress(OSError, ValueError):
        changed[6][termios.VSUSP] = bytes([os.fpathconf(descriptor, "PC_VDISABLE")])
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
