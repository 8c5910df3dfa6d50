"""The recorder: takes the place of a consumer, calls it, and records the outputs of each call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from mtf.actors.consumer import Consumer
from mtf.actors.contract import callbacks_of
from mtf.audit.file_reads import inside
from mtf.audit.outputs import UNCOMPARABLE, Output, Watched, text_of
from mtf.errors import ConfigError

__all__ = ["SAVED", "Recorder"]

OUTPUTS_MAX: Final = 2_000_000  # recorded in one run
CALLBACKS: Final = ("on_start", "on_bar", "on_tick", "on_clock", "on_reject", "on_frame", "on_stop")
SAVED: Final = "save()"


class Recorder(Consumer):
    """Is called in place of *consumer*. At each of the seqs *looks*, its complete state is recorded too."""

    def __init__(self, consumer: Consumer, looks: Sequence[int] = ()) -> None:
        callbacks = callbacks_of(consumer)  # also checks what a pipeline checks
        self.name = consumer.name or type(consumer).__name__
        self.outputs: list[Output] = []
        self.states: dict[int, list[Output]] = {}  # by the seq after which they were recorded
        self.repainted: tuple[Output, Output] | None = None  # an output as it was, and as it is in the end
        self.frame_ends: list[int] = []  # last events of the frames that it was shown
        self.frame_channels: Final[set[str]] = set()  # channels with outputs for single rows of a frame
        self.has_frame: Final = callbacks.has_frame
        self.has_save: Final = _overrides(consumer, "save")
        self._saves_async: Final = inspect.iscoroutinefunction(inspect.unwrap(consumer.save))
        self._inner: Final = consumer
        self._watched: Final = Watched(consumer)
        self._looks: Final = sorted(looks, reverse=True)  # those still to come, the next one last
        self._shown_seq = 0  # the event being shown, or shown last
        self._ended = False  # from now on nothing is an output
        for name in CALLBACKS:
            if _overrides(consumer, name):
                callback = getattr(consumer, name)
                is_async = inspect.iscoroutinefunction(inspect.unwrap(callback))
                wrap = self._call_async if is_async else self._call
                vars(self)[name] = _of_kind(functools.partial(wrap, name, callback), is_async=is_async)

    @property
    def ignored(self) -> set[str]:
        """Attributes whose values cannot be compared."""
        return self._watched.ignored

    async def saved(self) -> bytes | None:
        """Return the state that the consumer saves now."""
        state = self._inner.save()
        found = await state if inspect.isawaitable(state) else state
        if found is not None and not isinstance(found, bytes):
            raise ConfigError(f"{self.name}.save() must return bytes or None, got {type(found).__name__}")
        return found

    async def load_saved(self, state: bytes) -> None:
        """Restore the consumer from *state*, before it is shown anything."""
        loaded = self._inner.load(state)
        if inspect.isawaitable(loaded):
            await loaded
        self._watched.changes(0)  # restored values are not outputs

    async def end(self, seq: int) -> None:
        """Record the state at the end of the run, after the event *seq*, including what it saves."""
        self._look(seq + 1)
        self.states[seq] = self._watched.state(seq)
        self.repainted = self._watched.repainted(seq)
        if self.has_save:
            self.states[seq].append(Output.of(seq, SAVED, text_of(await self.saved())))
        self._ended = True

    def _call(self, name: str, callback: Callable[..., Any], *arguments: Any) -> None:
        self._begin(name, arguments)
        with inside(self._shown_seq, name):
            result = callback(*arguments)
        self._take(name, result)

    async def _call_async(self, name: str, callback: Callable[..., Any], *arguments: Any) -> None:
        self._begin(name, arguments)
        with inside(self._shown_seq, name):
            result = await callback(*arguments)
        self._take(name, result)

    def _begin(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "on_frame":
            self.frame_ends.append(arguments[0].last_seq)
            seq = arguments[0].last_seq
        elif len(arguments) > 1:
            seq = arguments[-1].seq
        else:
            return
        self._look(seq)
        self._shown_seq = seq

    def _look(self, seq: int) -> None:
        """Record the state for each look before the event *seq*, which is about to be shown."""
        while self._looks and self._looks[-1] < seq:
            at = self._looks.pop()
            self.states[at] = self._watched.state(at)
            if self.has_save and not self._saves_async:
                self.states[at].append(Output.of(at, SAVED, text_of(self._inner.save())))

    def _take(self, name: str, result: Any) -> None:
        if self._ended:
            return
        seq = self._shown_seq
        channel = f"{name}() returned"
        for value in result if isinstance(result, list) else () if result is None else (result,):
            text = text_of(value)
            if text == UNCOMPARABLE:
                self.ignored.add(channel)
            else:
                self.outputs.append(Output.of(seq, channel, text))
        changed = self._watched.changes(seq)
        self.outputs += changed
        if name == "on_frame":
            growing = self._watched.growing
            self.frame_channels.update(each.channel for each in changed if each.channel in growing)
            if isinstance(result, list):
                self.frame_channels.add(channel)
        if len(self.outputs) > OUTPUTS_MAX:
            raise ConfigError(
                f"{self.name} has more than {OUTPUTS_MAX:,} outputs by seq {seq}: audit it on a shorter log, or with "
                "until="
            )


def _overrides(consumer: Consumer, name: str) -> bool:
    return name in vars(consumer) or getattr(type(consumer), name) is not getattr(Consumer, name)


def _of_kind(call: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
    """Return *call* as a function that is declared async or plain."""
    if is_async:

        async def called_async(*arguments: Any) -> None:
            await call(*arguments)

        return called_async

    def called(*arguments: Any) -> None:
        call(*arguments)

    return called
