"""Limits on what a file may demand. A file that exceeds one is refused with `HostileFile`, and the message names it."""

from __future__ import annotations

import attrs

__all__ = ["DEFAULT_LIMITS", "Limits"]

MIB = 1024 * 1024


@attrs.frozen(kw_only=True)
class Limits:
    """Generous for real data: tick files compress 5 to 20 times, quiet ones 100 times, bombs 1,000 times and more.

    None of this costs memory: files are read in chunks, never extracted. The limits end a read that could otherwise
    continue for hours without yielding anything.
    """

    line_bytes: int = 64 * 1024  # of one line of text
    expanded_bytes: int = 1024 * 1024 * MIB  # of the content of one compressed file: 1 TiB
    ratio: int = 250  # expanded to compressed, once `ratio_from_bytes` have come out
    ratio_from_bytes: int = 64 * MIB
    members: int = 100_000  # of one archive, or files in one folder
    window_bytes: int = 256 * MIB  # the most that a decompressor may use for its window


DEFAULT_LIMITS = Limits()
