"""The plan of a sweep: which jobs there are, and the key of each, by which a finished job is recognised.

A job is one log, one configuration and one consumer with its arguments. Its key is made of everything that its outcome
depends on: the log's run id with the first and the last event, the configuration, the consumer's class with the source
of its module, the arguments, and the version of mtf.
"""

from __future__ import annotations

import inspect
import itertools
import math
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import attrs
import orjson
from xxhash import xxh3_128_hexdigest

from mtf.actors.consumer import Consumer
from mtf.build import VERSION
from mtf.config import Config
from mtf.errors import ConfigError, OptionNeeded
from mtf.storage.datadir import DataDir, logged_config
from mtf.sweep.scalars import Scalar, check_names, scalars_of
from mtf.workers.user_indicators import class_paths

__all__ = ["FIXED", "Job", "Plan", "plan_of"]

# The table's own columns: before those of settings and arguments, and after them.
FIXED: Final = ("log", "run_id", "first_seq", "last_seq", "config", "consumer", "code", "mtf")
JOBS_MAX: Final = 2_000  # unless more are asked for
INSTALLED: Final = frozenset({"site-packages", "dist-packages"})

Chosen = tuple[tuple[str, Any], ...]  # a name and a value each


@attrs.frozen(kw_only=True)
class Job:
    """One replay. *invalid* says why there is no such configuration; then it is not run."""

    log: str  # the directory, as it was given
    run_id: str
    first_seq: int
    last_seq: int
    settings: dict[str, str]  # those that the sweep changes, as text
    options: dict[str, Scalar]  # arguments of the consumer
    config: Config | None
    own: tuple[str, ...]  # package.module:Class of each indicator that is the user's
    consumer: str  # package.module:Class; "" if there is none
    code: str  # of the source of its module
    invalid: str

    @property
    def mark(self) -> str:
        """A hash of the configuration; "" if it is invalid."""
        return "" if self.config is None else xxh3_128_hexdigest(self.config.to_json())

    @property
    def key(self) -> str:
        """What the outcome depends on, as one text: equal for two jobs that must give the same."""
        what = (
            *(self.run_id, self.first_seq, self.last_seq, self.mark or self.settings),
            *(self.consumer, self.code, self.options, VERSION),
        )
        return xxh3_128_hexdigest(orjson.dumps(what, option=orjson.OPT_SORT_KEYS))

    def columns(self) -> dict[str, Scalar]:
        """Return what the table says of the job itself."""
        fixed: dict[str, Scalar] = {
            "log": self.log,
            "run_id": self.run_id,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "config": self.mark or None,
            "consumer": self.consumer or None,
            "code": self.code or None,
            "mtf": VERSION,
        }
        return {**fixed, **self.settings, **self.options}

    def task(self) -> dict[str, Any]:
        """Return the job as its process is given it: plain values."""
        assert self.config is not None, "an invalid job is not run"
        return {
            "log": os.path.abspath(self.log),
            "run_id": self.run_id,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "config": self.config.to_json().decode(),
            "own": list(self.own),
            "consumer": self.consumer,
            "options": self.options,
            "path": _own_path(),
            "mtf": VERSION,
        }


@attrs.frozen(kw_only=True)
class Plan:
    """All jobs of a sweep, in the order of its table: logs, then settings, then arguments, the last one fastest."""

    jobs: tuple[Job, ...]
    sizes: tuple[tuple[str, int], ...]  # what is varied, `logs` first, and how many values each has
    same: int  # combinations that are the same as an earlier one, and left out

    @property
    def varied(self) -> tuple[str, ...]:
        """The names of the settings and arguments that have columns."""
        return tuple(name for name, _ in self.sizes[1:])

    def words(self) -> str:
        """Return how many jobs there are and why: `56 jobs: 1 log × 56 values of indicators`."""
        jobs = "1 job" if len(self.jobs) == 1 else f"{len(self.jobs):,} jobs"
        same = f", less {self.same:,} that would come twice" if self.same else ""
        return f"{jobs}: {_product(self.sizes)}{same}"


def plan_of(
    logs: Sequence[str | os.PathLike[str]],
    settings: Mapping[str, Sequence[Any]],
    consumer: type[Consumer] | None,
    options: Mapping[str, Sequence[Any]],
    jobs_max: int,
) -> Plan:
    """Return the jobs of every combination, each once.

    ConfigError if there are more than *jobs_max* or if no combination is valid; DataDirError if one of *logs* is not a
    data directory. One invalid combination among others is a job that says so.
    """
    if not logs:
        raise ConfigError("give at least one data directory")
    for what, choices in (("settings", settings), ("arguments", options)):
        if empty := [name for name, values in choices.items() if not values]:
            raise ConfigError(f"{what}: there is no value of {', '.join(empty)}")
    sizes = (("logs", len(logs)), *((name, len(values)) for name, values in [*settings.items(), *options.items()]))
    total = math.prod(count for _, count in sizes)
    if total > jobs_max:
        raise OptionNeeded(
            f"{_product(sizes)} are {total:,} jobs, and the limit is {jobs_max:,}: if that is meant, give {{max_jobs}}",
            max_jobs=total,
        )
    check_names([*settings, *options], FIXED, "settings and arguments")
    check_names(options, settings, "arguments")
    arguments = [dict(chosen) for chosen in _combinations(options)]
    code = "" if consumer is None else _code_of(consumer)
    path = "" if consumer is None else _path_of(consumer)
    for each in arguments:
        _check_call(consumer, each)
    found: dict[str, Job] = {}
    for log in logs:
        for job in _jobs_on(log, settings, arguments, path, code):
            found.setdefault(job.key, job)
    jobs = tuple(found.values())
    if all(job.invalid for job in jobs):
        raise ConfigError(jobs[0].invalid)
    return Plan(jobs=jobs, sizes=sizes, same=total - len(jobs))


def _product(sizes: Sequence[tuple[str, int]]) -> str:
    (_, logs), *rest = sizes
    factors = [f"{logs:,} {'log' if logs == 1 else 'logs'}"]
    factors += [f"{count:,} {'value' if count == 1 else 'values'} of {name}" for name, count in rest]
    return " × ".join(factors)


def _jobs_on(
    log: str | os.PathLike[str],
    settings: Mapping[str, Sequence[Any]],
    arguments: list[dict[str, Any]],
    consumer: str,
    code: str,
) -> list[Job]:
    place = Path(log)
    logged = logged_config(place)
    with closing(DataDir(place).read_log()) as readable:
        run_id, first_seq, last_seq = readable.run_id.hex(), max(1, readable.first_seq), readable.last_seq
    if last_seq < first_seq:
        raise ConfigError(f"{place}: the log has no events")
    jobs = []
    for chosen in _combinations(settings):
        invalid, config = "", logged
        own: tuple[str, ...] = ()
        try:
            config = logged.changed(**dict(chosen)) if chosen else logged
            own = tuple(class_paths(spec for specs in config.indicators for spec in specs))
        except ConfigError as error:
            invalid = str(error)
        for options in arguments:
            job = Job(
                log=str(log),
                run_id=run_id,
                first_seq=first_seq,
                last_seq=last_seq,
                settings={name: _text(value) for name, value in chosen},
                options=scalars_of(options, "arguments"),
                config=None if invalid else config,
                own=own,
                consumer=consumer,
                code=code,
                invalid=invalid,
            )
            jobs.append(job)
    return jobs


def _combinations(choices: Mapping[str, Sequence[Any]]) -> list[Chosen]:
    """Return each choice of a value for every name: the last name changes fastest."""
    named = [[(name, value) for value in values] for name, values in choices.items()]
    return list(itertools.product(*named))


def _text(value: Any) -> str:
    """Return a value of a setting as the table has it."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_text(each)}" for name, each in value.items())
    return ",".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)


def _own_path() -> list[str]:
    """Return where modules are found besides what is installed: so the processes of jobs find them, in this order."""
    standard = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    program = getattr(sys.modules["__main__"], "__file__", None)  # under -P its directory is not on the path
    places = [os.path.abspath(place) for place in [*sys.path, *([os.path.dirname(program)] if program else [])]]
    return [
        place
        for place in dict.fromkeys(places)
        if not place.startswith(standard) and not INSTALLED & set(Path(place).parts)
    ]


def _path_of(consumer: type[Consumer]) -> str:
    """Return the path by which another process imports the class; ConfigError if it cannot."""
    module = _main_name() if consumer.__module__ == "__main__" else consumer.__module__
    if not module or "<" in consumer.__qualname__:
        raise ConfigError(
            f"other processes cannot import the consumer {consumer.__module__}:{consumer.__qualname__}: "
            "define it at the top level of a module"
        )
    return f"{module}:{consumer.__qualname__}"


def _main_name() -> str:
    """Return the name by which other processes import the program that runs; "" if it is not a module."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name)
    return Path(file).stem if file is not None and Path(file).stem.isidentifier() else ""


def _code_of(consumer: type[Consumer]) -> str:
    """Return a hash of the source of the module of *consumer*; "" if it has no source."""
    try:
        source = inspect.getsourcefile(consumer)
        return "" if source is None else xxh3_128_hexdigest(Path(source).read_bytes())
    except (OSError, TypeError):
        return ""


def _check_call(consumer: type[Consumer] | None, options: dict[str, Any]) -> None:
    if consumer is None:
        if options:
            raise ConfigError(f"arguments {', '.join(options)}: there is no consumer to take them")
        return
    try:
        inspect.signature(consumer).bind(**options)
    except TypeError as error:
        given = f"called with {', '.join(options)}" if options else "called without arguments"
        raise ConfigError(f"the consumer {consumer.__name__} cannot be {given}: {error}") from error
