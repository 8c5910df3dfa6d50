"""Values by key on a broker, each changed only by whoever knows its present revision.

Owns what a lost answer means: a change is looked for before it is made again. After damage a broker may have forgotten
a key, so keys save work and never guard the truth, which the numbers of a stream's messages do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from mtf.cluster.broker import EXPECTED_KEY_SEQ, Broker, Refused
from mtf.cluster.subjects import ClusterNames

__all__ = ["Key", "Keys"]


ASKED: Final = 512  # keys at once


class Key(NamedTuple):
    """A value, and the revision at which it was set; the default is that of a key that was never set."""

    value: bytes = b""
    revision: int = 0


class Keys:
    """The keys of the cluster with these *names*."""

    def __init__(self, broker: Broker, names: ClusterNames) -> None:
        self._broker: Final = broker
        self._names: Final = names

    async def get(self, key: str) -> Key:
        """Return what *key* is now, as the leader has it."""
        found = await self._broker.newest(self._names.bucket, self._names.key_subject(key))
        return Key() if found is None else Key(found.data, found.number)

    async def change(self, key: str, value: bytes, revision: int) -> int | None:
        """Set *key*, which must be at *revision* (0: without a value); return the new one, or None if it is not."""
        subject = self._names.key_subject(key)

        async def attempt() -> int | None:
            try:
                return await self._broker.publish(subject, value, {EXPECTED_KEY_SEQ: str(revision)})
            except Refused as error:
                if not error.is_wrong_seq:
                    raise
            found = await self.get(key)  # an attempt before, of which the answer was lost?
            return found.revision if found.value == value and found.revision > revision else None

        return await self._broker.patiently(attempt)

    async def put(self, key: str, value: bytes) -> int:
        """Set *key* regardless of its revision, and return the new one."""
        return await self._broker.patiently(lambda: self._broker.publish(self._names.key_subject(key), value))

    async def all(self, prefix: str) -> dict[str, Key]:
        """Return the keys that begin with *prefix* and one more part, by that part; perhaps not the very newest."""
        subject = self._names.key_subject(prefix)
        found = await self._broker.newest_of(self._names.bucket, [f"{subject}.*"])
        return {each.subject[len(subject) + 1 :]: Key(each.data, each.number) for each in found}

    async def many(self, prefix: str, numbers: Iterable[int]) -> dict[int, Key]:
        """Return the keys that are *prefix* and one of *numbers*, by number; perhaps not the very newest."""
        found: dict[int, Key] = {}
        rest = list(numbers)
        for at in range(0, len(rest), ASKED):
            subjects = {self._names.key_subject(f"{prefix}.{number}"): number for number in rest[at : at + ASKED]}
            for each in await self._broker.newest_of(self._names.bucket, list(subjects)):
                found[subjects[each.subject]] = Key(each.data, each.number)
        return found
