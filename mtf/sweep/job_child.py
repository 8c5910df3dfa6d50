"""The process of one job: `python -m mtf.sweep.job_child`. It plays a log once and answers with the outcome.

The job is a line of JSON on stdin, and the answer one on stdout: `{"summary": ..., "result": ..., "seconds": ...}`, or
`{"error": ...}`. What the consumer prints on stdout goes nowhere. It ends when its stdin does, so that no job outlives
the sweep.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
import threading
import time
from typing import IO, Any, Final

from mtf.actors.consumer import Consumer
from mtf.build import VERSION
from mtf.config import Config
from mtf.errors import ConfigError, MtfError
from mtf.pipeline import Pipeline
from mtf.storage.datadir import DataDir
from mtf.summary import Summary
from mtf.sweep.scalars import Scalar, scalars_of
from mtf.workers.user_indicators import class_at, register_paths

__all__ = ["main"]

LEFT_OUT: Final = ("symbols", "rows", "seconds", "events_per_second", "new_events")  # of a summary: not of the outcome


async def played(task: dict[str, Any]) -> dict[str, Any]:
    """Play the log of *task* and return the answer; whatever goes wrong is raised."""
    if task["mtf"] != VERSION:
        raise ConfigError(f"here is mtf {VERSION}, and the sweep was started by mtf {task['mtf']}: install the same")
    sys.path[:0] = [place for place in task["path"] if place not in sys.path]
    register_paths(task["own"])
    consumer = _consumer(task["consumer"], task["options"])
    _check_log(task)
    begun = time.perf_counter()
    pipeline = Pipeline(config=Config.from_json(task["config"].encode()), clock="ticks")
    if consumer is not None:
        pipeline.add(consumer)
    async with pipeline:
        summary = await pipeline.replay(task["log"], until=task["last_seq"], changed=True)
    seconds = time.perf_counter() - begun
    return {"summary": _counts(summary), "result": await _result(consumer), "seconds": round(seconds, 6)}


def _consumer(path: str, options: dict[str, Any]) -> Consumer | None:
    if not path:
        return None
    made = class_at(path)(**options)
    if not isinstance(made, Consumer):
        raise ConfigError(f"{path} is not a subclass of mtf.Consumer")
    return made


def _check_log(task: dict[str, Any]) -> None:
    """ConfigError unless the log is still the one that the sweep was planned with."""
    log = DataDir(task["log"]).read_log()
    try:
        found = (log.run_id.hex(), max(1, log.first_seq))
    finally:
        log.close()
    if found != (task["run_id"], task["first_seq"]):
        raise ConfigError(f"{task['log']}: this is another log than when the sweep began, or its first events are gone")


async def _result(consumer: Consumer | None) -> dict[str, Scalar]:
    result = getattr(consumer, "result", None)
    if result is None:
        return {}
    if not callable(result):
        raise ConfigError(f"{type(consumer).__name__}.result must be a method that returns a dict, got {result!r}")
    found = result()
    return scalars_of(await found if inspect.isawaitable(found) else found, "result()")


def _counts(summary: Summary) -> dict[str, Any]:
    return {name: value for name, value in summary.to_dict().items() if name not in LEFT_OUT}


def _end_with_parent(control: IO[bytes]) -> None:
    while control.read(1):
        pass
    os._exit(1)


def main() -> None:
    """Take the job from stdin, play it, and answer; ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a sweep that is interrupted ends its jobs itself
    control, answers = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for file in (0, 1):  # a consumer that reads or prints takes nothing away and adds nothing to the answer
        os.dup2(nowhere, file)
    line = bytearray()
    while not line.endswith(b"\n"):
        more = control.read(1 << 16)
        if not more:
            os._exit(1)
        line += more
    threading.Thread(target=_end_with_parent, args=(control,), daemon=True).start()
    try:
        answer = asyncio.run(played(json.loads(line)))
    except BaseException as error:  # noqa: BLE001 - whatever a consumer raises is the outcome of its job
        text = str(error) or type(error).__name__
        answer = {"error": text if isinstance(error, MtfError) else f"{type(error).__name__}: {text}"}
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()
    os._exit(0)  # without waiting for threads that a consumer has left behind


if __name__ == "__main__":
    main()
