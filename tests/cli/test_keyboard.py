"""Keys as a terminal sends them."""

from __future__ import annotations

import pytest

from mtf.cli.keyboard import KeyDecoder


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA\x1bOB", ["up", "down"]),
        (b"\x1b[5~\x1b[6~", ["page up", "page down"]),
        (b"\x1b[H\x1b[F\x1b[1~\x1b[4~", ["home", "end", "home", "end"]),
        (b"/eu\r", ["/", "e", "u", "enter"]),
        (b"\x7f\x08", ["backspace", "backspace"]),
        ("平".encode(), ["平"]),
        (b"\x1b[D\x1b[C\x1bOD\x1bOC", ["left", "right", "left", "right"]),
        (b"\x1b[1;2D\x1b[1;2C", ["shift left", "shift right"]),
        (b"\x1b[1;5Cq", ["q"]),  # one that has no name here
        (b"\x00\x01", []),
    ],
)
def test_keys_are_known_however_they_are_cut(sent: bytes, keys: list[str]) -> None:
    """A terminal may send a key in pieces, and several at once."""
    assert KeyDecoder().feed(sent) == keys
    decoder = KeyDecoder()
    assert [key for byte in sent for key in decoder.feed(bytes([byte]))] == keys


def test_escape_is_a_key_if_nothing_follows() -> None:
    """It is how every other sequence begins, too."""
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.pause() == ["esc"]
    assert decoder.pause() == []
    assert decoder.feed(b"\x1b\x1b[A") == ["esc", "up"]
    assert decoder.feed(b"\x1b[") == []
    assert decoder.pause() == []
    assert decoder.feed(b"a") == ["a"]
