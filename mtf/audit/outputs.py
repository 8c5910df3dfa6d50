"""Outputs of a consumer: what it returns, and changes of its public attributes, each with its event.

Owns the comparison of values: by a text that is the same for equal values in every run, floats by their bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Set
from itertools import islice
from typing import Any, Final, NamedTuple

import xxhash

__all__ = ["Output", "Watched", "text_of"]

SHORT: Final = 120  # characters of a value that are shown
DEEP: Final = 20  # levels of nested containers that are compared
UNCOMPARABLE: Final = ""

# Kinds of attributes: those whose new items are outputs, and those whose value is one.
_GROWING: Final = (list, dict, deque)


class Output(NamedTuple):
    """One output: the event being shown, where it came from, and its value as shortened text with a hash."""

    seq: int
    channel: str  # `on_bar() returned`, or the name of an attribute
    shown: str
    hash: int

    @classmethod
    def of(cls, seq: int, channel: str, text: str) -> Output:
        shown = text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."
        return cls(seq, channel, shown, xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")))


class Watched:
    """The public attributes of *consumer*, watched from callback to callback."""

    def __init__(self, consumer: object) -> None:
        self._consumer: Final = consumer
        self.ignored: Final[set[str]] = set()  # attributes whose values cannot be compared
        self.growing: Final[set[str]] = set()  # attributes whose new items are outputs
        self._appended: Final[dict[str, dict[int, Output]]] = {}  # the new items, by index, of lists that only grow
        self._shrunk: Final[set[str]] = set()  # lists that have not only grown
        self._known: dict[str, Any] = {}  # by attribute: the number of items, or the text of the value
        _ = self.changes(0)

    def changes(self, seq: int) -> list[Output]:
        """Return the changes since the last call, new items and new values, as outputs of the event *seq*."""
        found: list[Output] = []
        for name, value in list(vars(self._consumer).items()):
            if name.startswith("_") or name == "name" or callable(value):
                continue
            if isinstance(value, _GROWING):
                known = self._known.get(name)
                before = known if isinstance(known, int) and known <= len(value) else 0
                if len(value) != known:
                    self.growing.add(name)
                    items = value.items() if isinstance(value, dict) else value
                    new = self._outputs(seq, name, islice(items, before, None))
                    found += new
                    if isinstance(known, int) and known > len(value):
                        self._shrunk.add(name)
                    elif isinstance(value, list) and known is not None and len(new) == len(value) - before:
                        self._appended.setdefault(name, {}).update(enumerate(new, before))
                    self._known[name] = len(value)
                continue
            text = text_of(value)
            if text == UNCOMPARABLE:
                self.ignored.add(name)
            elif text != self._known.get(name):
                self._known[name] = text
                found.append(Output.of(seq, name, text))
        return found

    def repainted(self, seq: int) -> tuple[Output, Output] | None:
        """Return the first item, in lists that only grow, that was changed later: as it was, and as it is."""
        for name, outputs in self._appended.items():
            value = getattr(self._consumer, name, None)
            if name in self._shrunk or not isinstance(value, list):
                continue
            for place, output in outputs.items():
                now = Output.of(seq, name, text_of(value[place])) if place < len(value) else output
                if now.hash != output.hash:
                    return output, now
        return None

    def state(self, seq: int) -> list[Output]:
        """Return the complete value of each attribute after the event *seq*."""
        values = {name: text_of(value) for name, value in vars(self._consumer).items() if not name.startswith("_")}
        return [Output.of(seq, name, text) for name, text in sorted(values.items()) if text != UNCOMPARABLE]

    def _outputs(self, seq: int, name: str, values: Any) -> list[Output]:
        texts = [text_of(value) for value in values]
        if UNCOMPARABLE in texts:
            self.ignored.add(name)
        return [Output.of(seq, name, text) for text in texts if text != UNCOMPARABLE]


def text_of(value: Any, level: int = 0) -> str:
    """Return *value* as a text that is the same for an equal value in any run; "" if there is no such text."""
    if isinstance(value, float):
        return value.hex() if value == value else "nan"
    if value is None or isinstance(value, bool | int | str | bytes):
        return repr(value)
    if level == DEEP:
        return UNCOMPARABLE
    if isinstance(value, Mapping):
        pairs = [(text_of(key, level + 1), text_of(each, level + 1)) for key, each in value.items()]
        return _joined("{", [f"{key}: {each}" if key and each else UNCOMPARABLE for key, each in pairs])
    if isinstance(value, Set):  # its order has no meaning
        return _joined("set(", sorted(text_of(each, level + 1) for each in value))
    if isinstance(value, list | tuple | deque):
        return _joined("[", [text_of(each, level + 1) for each in value])
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return text_of(value.tolist(), level + 1)
    if callable(getattr(value, "to_dict", None)):  # a bar, a snapshot
        return text_of(value.to_dict(), level + 1)
    text = repr(value)
    return UNCOMPARABLE if " at 0x" in text else text  # an address differs from run to run


def _joined(opening: str, texts: list[str]) -> str:
    return UNCOMPARABLE if UNCOMPARABLE in texts else f"{opening}{', '.join(texts)}"
