"""A bounded cache that threads can share without a lock.

A calendar is a value, and values are shared. So entries are never removed from a dict, and dicts are never iterated:
the newest entries are in one dict, and once it has half of the capacity, it replaces the older dict, which is dropped.
At worst two threads make the same entry; the first one stays.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

__all__ = ["Cache"]

_Value = TypeVar("_Value")


class Cache(Generic[_Value]):
    """Keeps about *most* values by integer keys; never fewer than the newest half of that."""

    __slots__ = ("_half", "_pair")

    def __init__(self, most: int) -> None:
        self._half: Final = most // 2
        self._pair: tuple[dict[int, _Value], dict[int, _Value]] = ({}, {})  # newest, older; replaced as one

    def find(self, key: int) -> _Value | None:
        """Return the value kept for *key*; None if there is none."""
        newest, older = self._pair
        found = newest.get(key)
        if found is None:
            found = older.get(key)
            if found is not None:
                return self.keep(key, found)
        return found

    def keep(self, key: int, value: _Value) -> _Value:
        """Keep *value* for *key* and return it, or the value that another thread kept first."""
        newest, _ = self._pair
        if len(newest) >= self._half:
            self._pair = ({}, newest)
            newest = self._pair[0]
        return newest.setdefault(key, value)

    def __len__(self) -> int:
        return sum(map(len, self._pair))
