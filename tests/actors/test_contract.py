"""The contract of consumers: all names that one may have, checked when it is added.

What mtf would call and cannot, or would never call although it looks like it, is an error that says what to do; every
other name is the user's.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import AsyncMock, Mock

import attrs
import pytest

import mtf
from mtf.actors.contract import callbacks_of
from mtf.errors import ActorFailed, ConfigError
from tests.builders import ticks

TICKS = ticks("10:00@1 10:01@2 10:02@3")
CALLBACKS: Final = {
    "on_start": 0,
    "on_bar": 2,
    "on_tick": 2,
    "on_clock": 2,
    "on_reject": 3,
    "on_frame": 1,
    "on_stop": 0,
    "save": 0,
    "load": 1,
    "committed_seq": 0,
    "on_rollback": 1,
}
PARTNERS: Final = {"load": "save", "on_rollback": "committed_seq"}


def consumer_of(**members: Any) -> mtf.Consumer:
    """Return a consumer with these members in its class."""
    made: mtf.Consumer = type("Mine", (mtf.Consumer,), members)()
    return made


def with_partner(name: str, callback: Any) -> dict[str, Any]:
    """Return the members of a consumer that has *callback*, and what it needs beside it."""
    partner = PARTNERS.get(name)
    return {name: callback} | ({} if partner is None else {partner: lambda self: None})


def taking(count: int) -> Callable[..., None]:
    """Return a function of *count* parameters."""
    parameters = ", ".join(f"p{k}" for k in range(count))
    namespace: dict[str, Any] = {}
    exec(f"def callback({parameters}): pass", namespace)
    made: Callable[..., None] = namespace["callback"]
    return made


def pipeline(**settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(**{"calendar": "crypto", "clock": "ticks", "timeframes": ["1m"], **settings})


def test_all_names_of_the_base_class_are_here() -> None:
    """A callback that is added later has to be added to the tests, and to the contract."""
    names = {name for name in vars(mtf.Consumer) if not name.startswith("_")}
    assert names == {*CALLBACKS, "name"}
    for name, count in CALLBACKS.items():
        assert len(inspect.signature(getattr(mtf.Consumer, name)).parameters) == count + 1


# What works


@pytest.mark.parametrize("name", CALLBACKS)
def test_every_callback_may_be_overridden_in_each_natural_way(name: str) -> None:
    """As a method, inherited, static, of a class, with defaults or `*args`, or set on the instance."""
    count = CALLBACKS[name]
    plain = taking(count + 1)
    ways: list[mtf.Consumer] = [
        consumer_of(**with_partner(name, plain)),
        type("Sub", (type(consumer_of(**with_partner(name, plain))),), {})(),
        consumer_of(**with_partner(name, staticmethod(taking(count)))),
        consumer_of(**with_partner(name, classmethod(plain))),
        consumer_of(**with_partner(name, lambda *args: None)),
        consumer_of(**with_partner(name, lambda self, *args, **more: None)),
        consumer_of(**with_partner(name, functools.partialmethod(taking(count + 2), "bound"))),
    ]
    for value in (
        taking(count),
        functools.partial(taking(count + 1), "bound"),
        consumer_of(on_bar=plain).on_bar if count == 2 else lambda *args: None,
        Called(),
        Mock(),
    ):
        members = with_partner(name, value)
        consumer = consumer_of(**{key: member for key, member in members.items() if key != name})
        setattr(consumer, name, value)
        ways.append(consumer)
    for consumer in ways:
        assert not callbacks_of(consumer).is_async


class Called:
    """An object that is called like a function."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *arguments: Any) -> None:
        self.calls += 1


class AsyncCalled(Called):
    async def __call__(self, *arguments: Any) -> None:  # type: ignore[override]
        self.calls += 1


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate *function* as a library may: a plain function that gives back what it returns."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    return wrapper


async def test_async_callbacks_are_known_in_whatever_form_they_come() -> None:
    """Each is awaited, so that none raises only with the first event."""
    seen: list[str] = []

    class Mine(mtf.Consumer):
        @logged
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            seen.append(f"decorated {view.seq}")

    async def on_tick(prefix: str, tick: mtf.Tick, view: mtf.View) -> None:
        seen.append(f"{prefix} {view.seq}")

    called, mock, partial = AsyncCalled(), AsyncMock(return_value=None), consumer_of()
    partial.on_tick = functools.partial(on_tick, "partial")  # type: ignore[method-assign]
    async with pipeline() as p:
        p.add(Mine())
        p.add(partial, name="partial")
        for name, callback in (("object", called), ("mock", mock)):
            consumer = consumer_of()
            consumer.on_tick = callback  # type: ignore[method-assign, assignment]
            p.add(consumer, name=name)
        await p.run(TICKS[:1])
    assert sorted(seen) == ["decorated 1", "partial 1"]
    assert (called.calls, mock.await_count) == (1, 1)


class Broker(mtf.Consumer):
    """Uses the words of its trade."""

    name = "broker"
    position = 0.0
    orders: list[str]
    only: bool = True

    def __init__(self) -> None:
        self.orders = []
        self.on_error: Callable[[str], None] | None = None
        self.onboarding = "done"

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.position += bar.close
        self.on_fill(bar.close)

    def on_fill(self, price: float) -> None:
        self.orders.append(f"{price:g}")

    def on_order(self, order: str) -> None: ...
    def on_trade(self, price: float) -> None: ...
    def on_quote(self, bid: float, ask: float) -> None: ...
    def on_signal(self, side: str) -> None: ...
    def on_connect(self) -> None: ...
    def on_day(self, day: str) -> None: ...
    def on_stop_loss(self, price: float) -> None: ...
    def on_bar_close(self, bar: mtf.Bar) -> None: ...
    def on_market_open(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def send(self) -> None: ...
    def state(self) -> None: ...
    def seq(self) -> None: ...
    def view(self) -> None: ...
    def bars(self) -> None: ...
    def pipeline(self) -> None: ...
    def committed(self) -> None: ...

    @property
    def online(self) -> bool:
        raise ConnectionError("asked before it was connected")

    def save(self) -> bytes:
        return b"%r" % self.position

    def load(self, state: bytes) -> None:
        self.position = float(state)


class SubBroker(Broker):
    """A subclass of a subclass."""

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        super().on_bar(bar, view)


@pytest.mark.parametrize("kind", [Broker, SubBroker])
async def test_names_of_a_trade_are_the_users_over_a_restart(tmp_path: Path, kind: type[Broker]) -> None:
    """`position` is the most natural of them; a property of theirs is not asked."""
    first, second = kind(), kind()
    for broker, part in ((first, TICKS[:2]), (second, TICKS[2:])):
        async with pipeline(data=tmp_path) as p:
            p.add(broker)
            for tick in part:
                await p.push(tick)
    assert (first.position, second.position) == (1.0, 3.0)
    assert second.orders == ["2"]


def test_position_may_be_a_number_a_property_or_a_method_with_parameters() -> None:
    """What was a callback once had none."""

    class Property(mtf.Consumer):
        position = property(lambda self: 0.0)

        def on_start(self) -> None: ...

    class BySymbol(mtf.Consumer):
        def position(self, symbol: str) -> float:
            return 0.0

        def on_start(self) -> None: ...

    number = consumer_of(on_start=lambda self: None)
    number.position = 0  # type: ignore[attr-defined]
    for consumer in (Property(), BySymbol(), number):
        assert not callbacks_of(consumer).is_async


async def test_consumers_may_be_made_by_dataclasses_and_attrs() -> None:
    """They have no hash and compare by value, and are known by identity all the same."""

    @dataclasses.dataclass
    class Data(mtf.Consumer):
        name: str
        seen: int = 0

        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            self.seen += 1

    @attrs.define
    class Slots(mtf.Consumer):
        name: str
        seen: int = 0

        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            self.seen += 1

    consumers: list[Data | Slots] = [Data("a"), Data("b"), Slots("c"), Slots("d")]
    async with pipeline() as p:
        for each in consumers:
            p.add(each)
        await p.push(TICKS[0])
        await p.remove(consumers[1])
        await p.remove(consumers[3])
        await p.push(TICKS[1])
    assert [each.seen for each in consumers] == [2, 1, 2, 1]


# What is refused


@pytest.mark.parametrize("name", CALLBACKS)
def test_callback_with_wrong_parameters_is_refused_with_the_right_ones(name: str) -> None:
    """One more and one less, in the class and on the instance."""
    right = [each for each in inspect.signature(getattr(mtf.Consumer, name)).parameters if each != "self"]
    counts = [CALLBACKS[name] + 1] + [CALLBACKS[name] - 1] * (CALLBACKS[name] > 0)
    for count in counts:
        on_instance = consumer_of(**{key: value for key, value in with_partner(name, None).items() if key != name})
        setattr(on_instance, name, taking(count))
        for consumer in (consumer_of(**with_partner(name, taking(count + 1))), on_instance):
            with pytest.raises(ConfigError, match=rf"Mine\.{name}\(.*must take .*{', '.join(right)}"):
                callbacks_of(consumer)


@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize("value", [0, "text", None, True, [1.0]])
def test_data_named_like_a_callback_is_refused(name: str, value: Any) -> None:
    on_instance = consumer_of(on_start=lambda self: None)
    setattr(on_instance, name, value)
    for consumer in (consumer_of(**with_partner(name, value)), on_instance):
        with pytest.raises(ConfigError, match=rf"Mine\.{name} must be a function, got .*another name"):
            callbacks_of(consumer)


@pytest.mark.parametrize("name", CALLBACKS)
def test_generator_is_refused(name: str) -> None:
    """Its body would never run."""

    def plain(*arguments: Any) -> Iterator[int]:
        yield 1

    async def slow(*arguments: Any) -> AsyncIterator[int]:
        yield 1

    for generator in (plain, slow, functools.partial(plain, 1)):
        with pytest.raises(ConfigError, match=f"{name} is a generator"):
            callbacks_of(consumer_of(**with_partner(name, generator)))


@pytest.mark.parametrize("name", ["committed_seq", "on_rollback"])
def test_what_is_asked_before_the_start_is_plain(name: str) -> None:
    async def slow(*arguments: Any) -> int:
        return 0

    with pytest.raises(ConfigError, match=f"{name} must be a plain def"):
        callbacks_of(consumer_of(**with_partner(name, slow)))


TYPOS: Final = {
    "on_bars": "on_bar",
    "on_ticks": "on_tick",
    "onBar": "on_bar",
    "on_Tick": "on_tick",
    "onTick": "on_tick",
    "ontick": "on_tick",
    "on_clok": "on_clock",
    "on_rejected": "on_reject",
    "on_frames": "on_frame",
    "on_started": "on_start",
    "on_stopp": "on_stop",
    "on_roll_back": "on_rollback",
}


@pytest.mark.parametrize("name", TYPOS)
@pytest.mark.parametrize("wrap", [lambda function: function, staticmethod, classmethod], ids=["def", "static", "class"])
def test_misspelt_callback_is_refused_with_the_right_name(name: str, wrap: Callable[..., Any]) -> None:
    """It would be silence."""
    with pytest.raises(ConfigError, match=rf"Mine\.{name} is not a callback: did you mean {TYPOS[name]}\?"):
        callbacks_of(consumer_of(on_start=lambda self: None, **{name: wrap(lambda *args: None)}))


@pytest.mark.parametrize(("name", "partner"), PARTNERS.items())
def test_what_is_called_only_beside_another_is_refused_alone(name: str, partner: str) -> None:
    """`def sav` beside `load` keeps no state, and says nothing."""
    with pytest.raises(ConfigError, match=rf"{name}\(\) would never be called without {partner}\(\)"):
        callbacks_of(consumer_of(on_start=lambda self: None, **{name: taking(CALLBACKS[name] + 1)}))


async def test_state_that_nothing_would_take_over_is_an_error_where_it_is_saved(tmp_path: Path) -> None:
    """`save` alone may only make things durable, and returns None then."""

    class Flushing(mtf.Consumer):
        def save(self) -> None: ...

    class Forgetting(mtf.Consumer):
        def save(self) -> bytes:
            return b"1"

    async def body(consumer: mtf.Consumer) -> None:
        async with pipeline(data=tmp_path) as p:
            p.add(consumer)
            await p.push(TICKS[0])
            await p.checkpoint()

    await body(Flushing())
    with pytest.raises(ActorFailed, match=r"save\(\) returned a state, and it has no load\(\)"):
        await body(Forgetting())


def test_moved_name_is_refused_with_the_new_one() -> None:
    with pytest.raises(ConfigError, match=r"Mine\.position\(\) is no longer a callback: rename it to committed_seq"):
        callbacks_of(consumer_of(on_start=lambda self: None, position=lambda self: 0))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Broker, r"give an instance, as add\(Broker\(\)\)"),
        (object(), "must be an instance of a subclass of mtf.Consumer"),
        (None, "must be an instance of a subclass of mtf.Consumer"),
        (lambda bar, view: None, "must be an instance of a subclass of mtf.Consumer"),
        (mtf.Consumer(), "overrides no callback, so it would never be called: on_start, on_bar"),
        (consumer_of(tick=lambda self: None), "overrides no callback"),
        (consumer_of(name=5, on_start=lambda self: None), "name must be printable text, got 5"),
        (consumer_of(name="a\nb", on_start=lambda self: None), "name must be printable text"),
        (consumer_of(name="\ud800", on_start=lambda self: None), "name must be printable text"),
    ],
)
@pytest.mark.parametrize("started", [False, True])
async def test_what_is_no_consumer_is_refused_when_it_is_added(given: Any, message: str, started: bool) -> None:
    p = pipeline()
    if started:
        async with p:
            with pytest.raises(ConfigError, match=message):
                p.add(given)
    else:
        with pytest.raises(ConfigError, match=message):
            p.add(given)


@pytest.mark.parametrize("started", [False, True])
async def test_consumer_is_added_once(started: bool) -> None:
    """Under a second name it would be shown everything twice."""
    p = pipeline()
    broker = Broker()
    if not started:
        p.add(broker)
        with pytest.raises(ConfigError, match="was already added, as 'broker'"):
            p.add(broker, name="again")
        with pytest.raises(ConfigError, match="its name must be printable text, got 7"):
            p.add(Broker(), name=7)  # type: ignore[arg-type]
        return
    async with p:
        p.add(broker)
        with pytest.raises(ConfigError, match="was already added, as 'broker'"):
            p.add(broker, name="again")
