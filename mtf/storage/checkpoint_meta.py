"""The metadata of a pipeline's checkpoint, and the states of consumers in it.

The metadata says what a checkpoint was made with, and which consumers are left out or have an older state.
`mtf.storage.restore` decides which one a start may use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
import orjson
from xxhash import xxh3_128_hexdigest

from mtf.actors.consumer import PART
from mtf.config import Config
from mtf.indicators.catalogue import version_changes
from mtf.kernel import RESULTS
from mtf.storage.checkpoint_store import Checkpoint, CheckpointStore, newest_good
from mtf.zones import is_zones, zones_of

__all__ = [
    "CARRIED",
    "changed_formulas",
    "checkpoint_meta",
    "is_meta",
    "is_of",
    "is_of_before",
    "left_out_of",
    "newest_states",
    "other_config",
    "saved_states",
]

CARRIED: Final = "carried:"  # prefix of the name of an older state, of a consumer that was absent at the checkpoint


def checkpoint_meta(
    config: Config,
    seq: int,
    digest: str,
    newest_ns: int,
    left_out: list[str],
    *,
    oldest_ns: int,
    carried: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return a checkpoint's metadata; *left_out* are the consumers that did not answer in time.

    *carried* has the seq of each consumer's state that is older than the checkpoint.
    """
    versions = dict(config.current().versions)  # of the indicators' formulas, without first versions
    return {
        "config": _config_mark(config),
        "seq": seq,
        "digest": digest,
        "newest_ns": newest_ns,  # the latest stamp of an accepted event
        "left_out": left_out,
        "carried": dict(carried or {}),
        "zones": zones_of(config, oldest_ns, newest_ns),
    } | ({"versions": versions} if versions else {})


def saved_states(found: Checkpoint) -> dict[str, tuple[int, bytes]]:
    """Return the states of consumers in a checkpoint by name, each with its seq."""
    states = {
        name.removeprefix(PART): (found.seq, state) for name, state in found.parts.items() if name.startswith(PART)
    }
    for name, seq in _carried(found).items():
        state = found.parts.get(f"{CARRIED}{name}")
        if state is not None:
            states[name] = (seq, state)
    return states


def newest_states(store: CheckpointStore, limit: int) -> dict[str, tuple[int, bytes]]:
    """Return `saved_states` of the newest readable checkpoint up to *limit*, whether or not a start can use it."""
    found, _ = newest_good(store, limit)
    return saved_states(found) if found is not None and is_meta(found.meta) else {}


def left_out_of(found: Checkpoint) -> list[str]:
    """Return the consumers that had a state by then which is not in any checkpoint."""
    carried = _carried(found)
    return [name for name in found.meta["left_out"] if name not in carried]


def is_meta(meta: dict[str, Any]) -> bool:
    """Return whether *meta* has the form that `checkpoint_meta` makes: a file may come from a stranger."""
    left_out, carried = meta.get("left_out"), meta.get("carried", {})
    return (
        isinstance(meta.get("newest_ns"), int)
        and isinstance(meta.get("digest"), str)
        and isinstance(left_out, list)
        and all(isinstance(name, str) for name in left_out)
        and isinstance(carried, dict)
        and all(isinstance(seq, int) for seq in carried.values())
        and _is_versions(meta.get("versions", {}))
        and is_zones(meta.get("zones"))
    )


def _is_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(version, int) for version in value.values())


def changed_formulas(config: Config, found: Checkpoint) -> str:
    """Return which indicators had a different version when *found* was made, as part of a sentence; "" if none."""
    return version_changes(found.meta.get("versions", {}), dict(config.current().versions))


def is_of(config: Config, found: Checkpoint) -> bool:
    """Return whether a checkpoint was made with *config* and these results."""
    return bool(found.meta.get("config") == _config_mark(config))


def other_config(config: Config, found: Checkpoint) -> str:
    """Return why a checkpoint that was not made with *config* and these results cannot be used."""
    if is_of_before(config, found):
        return "made by an earlier mtf, whose results differ: the log is replayed instead"
    return "made with a different configuration, or by a newer mtf"


def _carried(found: Checkpoint) -> dict[str, int]:
    carried: dict[str, int] = found.meta.get("carried", {})
    return carried


def _config_mark(config: Config) -> str:
    """Return a hash of *config* and `RESULTS`; the release of tzdata is compared separately."""
    fields = orjson.loads(config.to_json())
    del fields["tzdata"]
    fields.pop("versions", None)  # is compared separately
    return str(xxh3_128_hexdigest(b"%d:%b" % (RESULTS, orjson.dumps(fields, option=orjson.OPT_SORT_KEYS))))


def _first_mark(config: Config, results: int) -> str:
    """Return the hash for *config* in the first version of checkpoints."""
    return str(xxh3_128_hexdigest(b"%d:%b" % (results, attrs.evolve(config, versions=()).to_json())))


def is_of_before(config: Config, found: Checkpoint) -> bool:
    """Return whether a checkpoint was made by an earlier mtf, whose results for the same configuration differ."""
    return found.meta.get("config") in [_first_mark(config, results) for results in range(1, RESULTS)]
