"""What an indicator in plain Python remembers between steps: plain values, bounded, archived as what they are.

A value is an int, a float, a bool, None, a text, or a list, a tuple or a dict of values. Nothing else is kept, so that
what a step finds after a restart is what it would have found without one. For the same reason each step is given a copy
without shared parts: a list that stands in two places of a state is two lists, as it would be after a load.
"""

from __future__ import annotations

from typing import Any, Final

from mtf.archive import Archive
from mtf.errors import ConfigError, CorruptCheckpoint

__all__ = ["BYTES_MAX", "DEPTH_MAX", "VALUES_MAX", "Remembered", "archived", "is_flat"]

VALUES_MAX: Final = 65_536  # on all levels together
BYTES_MAX: Final = 1 << 20  # of texts and large ints
DEPTH_MAX: Final = 16  # lists, tuples and dicts in each other

I64_MAX: Final = (1 << 63) - 1

FLAT: Final = frozenset({float, bool, type(None)})
FLOATS: Final = frozenset({float})
KEYS: Final = frozenset({int, float, bool, str, tuple, type(None)})

# In an archive: the number of floats if there is nothing else, or MIXED and then each value behind its kind.
MIXED: Final = -1
NONE, FALSE, TRUE, FLOAT, INT, LARGE_INT, TEXT, LIST, TUPLE, DICT = range(10)


class _Unfit(Exception):
    """A value that cannot be kept; its place is put together on the way out."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.place = ""


class Remembered:
    """Copies the state of the indicator *owner*, and refuses what cannot be kept."""

    __slots__ = ("_bytes", "_count", "_owner")

    def __init__(self, owner: str) -> None:
        self._owner: Final = owner
        self._count = 0  # values of the state that is being copied
        self._bytes = 0  # of its texts and ints

    def copy(self, state: list[Any]) -> list[Any]:
        """Return a copy of *state* that shares no part with it; ConfigError names the indicator and what is wrong.

        A float of a subclass, as NumPy has them, becomes the float that it is.
        """
        if len(state) <= VALUES_MAX and is_flat(state):
            return state[:]
        self._count = self._bytes = 0
        try:
            return self._copy_items(state, 0)
        except _Unfit as unfit:
            raise ConfigError(f"{self._owner}: state{unfit.place} {unfit}") from None

    def _copy_items(self, values: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        self._enter(len(values), depth)
        copies = []
        for i, value in enumerate(values):
            try:
                copies.append(self._copy(value, depth))
            except _Unfit as unfit:
                unfit.place = f"[{i}]{unfit.place}"
                raise
        return copies

    def _copy_pairs(self, values: dict[Any, Any], depth: int) -> dict[Any, Any]:
        self._enter(2 * len(values), depth)
        copies = {}
        for key, value in values.items():
            try:
                if type(key) not in KEYS or key != key:
                    raise _Unfit(f"has a key of type {_type_of(key)}: {ALLOWED_KEYS}")
                copies[self._copy(key, depth)] = self._copy(value, depth)
            except _Unfit as unfit:
                unfit.place = f"[{key!r:.40}]{unfit.place}"
                raise
        return copies

    def _copy(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is float or kind is bool or value is None:
            return value
        if kind is int:
            self._weigh(value.bit_length() // 8)
            return value
        if kind is str:
            self._weigh(len(value))
            return value
        if kind is list:
            return self._copy_items(value, depth + 1)
        if kind is tuple:
            return tuple(self._copy_items(value, depth + 1))
        if kind is dict:
            return self._copy_pairs(value, depth + 1)
        if isinstance(value, float):
            return float(value)
        raise _Unfit(f"is of type {_type_of(value)}: {ALLOWED}")

    def _enter(self, values: int, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise _Unfit(f"is nested more than {DEPTH_MAX} deep")
        self._count += values
        if self._count > VALUES_MAX:
            raise _Unfit(f"keeps more than {VALUES_MAX} values: delete what no later step needs")

    def _weigh(self, size: int) -> None:
        self._bytes += size
        if self._bytes > BYTES_MAX:
            raise _Unfit(f"keeps more than {BYTES_MAX} bytes of text and large ints: delete what no later step needs")


ALLOWED: Final = "a step may keep int, float, bool, None, str, and lists, tuples and dicts of these"
ALLOWED_KEYS: Final = "keys may be int, float but not NaN, bool, None, str, and tuples of these"


def is_flat(state: list[Any]) -> bool:
    """Return whether a shallow copy of *state* is a whole one, and each value has a size of its own."""
    return FLAT.issuperset(map(type, state))


def archived(archive: Archive, owner: str, state: list[Any]) -> list[Any]:
    """Save *state*, which was copied by `Remembered`, and return it; or return the one loaded, equal in value and type.

    CorruptCheckpoint if what is loaded is not such a state.
    """
    if not archive.loading:
        if FLOATS.issuperset(map(type, state)):
            archive.int64(len(state), 0, VALUES_MAX)
            for value in state:
                archive.float64(value)
        else:
            archive.int64(MIXED, MIXED, MIXED)
            _save(archive, state)
        return state
    size = archive.int64(0, MIXED, VALUES_MAX)
    if size != MIXED:
        return [archive.float64(0.0) for _ in range(size)]
    loaded = _load(archive, 0)
    try:
        if type(loaded) is list:
            return Remembered(owner).copy(loaded)
    except ConfigError as error:
        raise CorruptCheckpoint(f"saved state: {error}") from error
    raise CorruptCheckpoint(f"saved state: that of {owner} is not a list")


def _save(archive: Archive, value: Any) -> None:
    kind = type(value)
    if value is None:
        _mark(archive, NONE)
    elif kind is bool:
        _mark(archive, TRUE if value else FALSE)
    elif kind is float:
        _mark(archive, FLOAT)
        archive.float64(value)
    elif kind is int and abs(value) <= I64_MAX:
        _mark(archive, INT)
        archive.int64(value, -I64_MAX, I64_MAX)
    elif kind is int:
        _mark(archive, LARGE_INT)
        archive.blob(value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))
    elif kind is str:
        _mark(archive, TEXT)
        archive.blob(value.encode("utf-8", "surrogatepass"))
    elif kind is dict:
        _mark(archive, DICT)
        archive.count(len(value), 16)
        for key, each in value.items():
            _save(archive, key)
            _save(archive, each)
    else:
        _mark(archive, TUPLE if kind is tuple else LIST)
        archive.count(len(value), 8)
        for each in value:
            _save(archive, each)


def _load(archive: Archive, depth: int) -> Any:
    if depth > DEPTH_MAX + 1:  # a scalar may lie in the deepest list
        raise CorruptCheckpoint(f"saved state: nested more than {DEPTH_MAX} deep")
    kind = archive.int64(0, NONE, DICT)
    if kind == NONE:
        return None
    if kind in (FALSE, TRUE):
        return kind == TRUE
    if kind == FLOAT:
        return archive.float64(0.0)
    if kind == INT:
        return archive.int64(0, -I64_MAX, I64_MAX)
    if kind == LARGE_INT:
        return int.from_bytes(archive.blob(b""), "little", signed=True)
    if kind == TEXT:
        return _load_text(archive)
    if kind == DICT:
        return _load_pairs(archive, depth)
    items = [_load(archive, depth + 1) for _ in range(archive.count(0, 8))]
    return tuple(items) if kind == TUPLE else items


def _load_pairs(archive: Archive, depth: int) -> dict[Any, Any]:
    count = archive.count(0, 16)
    pairs: dict[Any, Any] = {}
    for _ in range(count):
        key = _load(archive, depth + 1)
        try:
            pairs[key] = _load(archive, depth + 1)
        except TypeError as error:
            raise CorruptCheckpoint(f"saved state: a dict has an invalid key: {error}") from error
    if len(pairs) != count:
        raise CorruptCheckpoint("saved state: a dict has the same key twice")
    return pairs


def _load_text(archive: Archive) -> str:
    try:
        return archive.blob(b"").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CorruptCheckpoint("saved state: bytes that are not a text") from error


def _mark(archive: Archive, kind: int) -> None:
    archive.int64(kind, NONE, DICT)


def _type_of(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
