"""The state of an indicator in plain Python between steps: plain values, bounded, and saved with their types.

A value is an int, a float, a bool, None, a str, or a list, a tuple or a dict of values. Nothing else is kept, so that a
step finds the same state after a restart as without one. For the same reason each step gets a copy without shared
parts: a list that occurs twice in a state becomes two lists, as it would after a load.
"""

from __future__ import annotations

from typing import Any, Final

from mtf.archive import Archive
from mtf.errors import ConfigError, CorruptCheckpoint

__all__ = ["BYTES_MAX", "DEPTH_MAX", "VALUES_MAX", "StateCopier", "archived", "is_flat"]

VALUES_MAX: Final = 65_536  # in total, at all depths
BYTES_MAX: Final = 1 << 20  # of texts and large ints
DEPTH_MAX: Final = 16  # nesting of lists, tuples and dicts

I64_MAX: Final = (1 << 63) - 1

FLAT: Final = frozenset({float, bool, type(None)})
FLOATS: Final = frozenset({float})
KEYS: Final = frozenset({int, float, bool, str, tuple, type(None)})

# In an archive: the number of values if all are floats, or MIXED, followed by each value preceded by its kind.
MIXED: Final = -1
NONE, FALSE, TRUE, FLOAT, INT, LARGE_INT, TEXT, LIST, TUPLE, DICT = range(10)


class _Unfit(Exception):
    """Raised for a value that cannot be kept; callers build up its place as it propagates."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.place = ""


class StateCopier:
    """Copies the state of the indicator *owner*, and rejects values that cannot be kept."""

    __slots__ = ("_bytes", "_count", "_owner")

    def __init__(self, owner: str) -> None:
        self._owner: Final = owner
        self._count = 0  # values copied so far
        self._bytes = 0  # of strs and large ints copied so far

    def copy(self, state: list[Any]) -> list[Any]:
        """Return a copy of *state* that shares no part with it; ConfigError names the indicator and the fault.

        An instance of a subclass of float, such as NumPy's, becomes a plain float.
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
    """Return whether a shallow copy of *state* suffices, and all of its values have a fixed size."""
    return FLAT.issuperset(map(type, state))


def archived(archive: Archive, owner: str, state: list[Any]) -> list[Any]:
    """Save *state*, a copy made by `StateCopier`, and return it; or load one, equal in values and types.

    CorruptCheckpoint if the loaded bytes are not a valid state.
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
            return StateCopier(owner).copy(loaded)
    except ConfigError as error:
        raise CorruptCheckpoint(f"saved state: {error}") from error
    raise CorruptCheckpoint(f"saved state: the state of {owner} is not a list")


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
    if depth > DEPTH_MAX + 1:  # a scalar may be inside the deepest list
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
        raise CorruptCheckpoint("saved state: invalid UTF-8") from error


def _mark(archive: Archive, kind: int) -> None:
    archive.int64(kind, NONE, DICT)


def _type_of(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
