"""Showing: which callbacks of a pipeline are open, and at which step. The only guard of what a callback may learn.

Before a pipeline answers a query, it checks here where the query comes from. A plain callback has the loop's thread to
itself, so a query in that thread meanwhile is from inside it. An async one lets others run: its own queries, and those
of tasks and threads that it starts with its context, are recognized by that context; so are those of a callback that
runs in its own thread. A thread without a context may be working for any open callback.
"""

from __future__ import annotations

import contextlib
import threading
from contextvars import ContextVar, Token
from typing import Final, TypeAlias

from mtf.frames.cursor import Cursor

__all__ = ["Showing"]

# The async callbacks around the current code, innermost last, each with the generation of its view. A task that a
# callback starts inherits this and may outlive it: it counts as inside only until that very callback is over.
_Inside: TypeAlias = tuple[tuple[Cursor, int], ...]
_inside: ContextVar[_Inside] = ContextVar("mtf_inside", default=())


class Showing:
    """The open callbacks of one pipeline; made in its loop's thread. A cursor is `alive` as long as its callback is."""

    __slots__ = ("_abandoned", "_opened", "_plain", "_thread_id")

    def __init__(self) -> None:
        self._plain: Cursor | None = None  # of the running plain callback, if it is alive
        self._opened: Final[set[Cursor]] = set()  # of async callbacks, if they are alive
        self._abandoned: Final[set[Cursor]] = set()  # of callbacks that never returned and are no longer awaited
        self._thread_id: Final = threading.get_ident()

    def begin(self, cursor: Cursor) -> Cursor | None:
        """Note that plain callbacks are shown *cursor*; return the argument for `end`."""
        before = self._plain
        self._plain = cursor
        return before

    def end(self, before: Cursor | None) -> None:
        self._plain = before

    def begin_async(self, cursor: Cursor) -> Token[_Inside]:
        """Note that an async callback is shown *cursor* at its current step; return the token for `end_async`."""
        self._opened.add(cursor)
        return _inside.set((*_inside.get(), (cursor, cursor.generation)))

    def end_async(self, cursor: Cursor, token: Token[_Inside]) -> None:
        self._opened.discard(cursor)
        self._abandoned.discard(cursor)
        # An abandoned task is closed in another context, that of the code that collects it.
        with contextlib.suppress(ValueError):
            _inside.reset(token)

    def abandon(self, cursor: Cursor) -> None:
        """Stop assuming that other threads work for the callback that is shown *cursor*: it hangs."""
        if cursor in self._opened:
            self._abandoned.add(cursor)
            self._opened.discard(cursor)

    def cursor(self) -> Cursor | None:
        """Return the cursor that the caller is shown, the earliest possible one; None outside all callbacks."""
        plain = self._plain
        if plain is None and not self._opened and not self._abandoned:
            return None
        is_elsewhere = threading.get_ident() != self._thread_id
        if plain is not None and plain.alive and not is_elsewhere:
            return plain
        if self._opened or self._abandoned:
            for cursor, generation in reversed(_inside.get()):
                is_here = cursor in self._opened or cursor in self._abandoned
                if cursor.alive and generation == cursor.generation and is_here:
                    return cursor
        if is_elsewhere:
            opened = [cursor for cursor in (plain, *self._opened) if cursor is not None and cursor.alive]
            return min(opened, key=_seq, default=None)
        return None


def _seq(cursor: Cursor) -> int:
    return cursor.seq
