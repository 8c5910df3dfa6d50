"""`mtf cluster mirror`, `verify`, `repair` and `resume`: copies of partitions, and what they are used for."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import click

from mtf.cli.cluster_options import cluster_config, partition_argument, settings_in
from mtf.cli.exits import DATA, DONE, signal_code
from mtf.cli.loop import signals_heard
from mtf.cli.output import document, note, plain, say

__all__ = ["mirror", "repair", "resume", "verify"]

LOOK_S: Final = 0.1  # between looks at a log that says nothing
_MIRROR: Final = click.Path(path_type=Path, file_okay=False)


@click.command
@click.argument("directory", metavar="DIR", type=_MIRROR)
@cluster_config
@click.option("--partition", "only", multiple=True, type=click.IntRange(0), help="Only this one; repeatable.")
@click.option("--once", is_flag=True, help="Copy what is stored by now, and stop.")
def mirror(directory: Path, file: Path, only: tuple[int, ...], once: bool) -> int:
    """Copy the logs of partitions into DIR, a data directory each, until it is stopped."""
    from mtf.cluster.link import Link
    from mtf.cluster.membership import definition_of
    from mtf.cluster.mirror import Mirror

    settings = settings_in(file)
    heard: list[int] = []
    stopping = threading.Event()

    def stop(number: int) -> None:
        heard.append(number)
        stopping.set()

    with signals_heard(stop), closing(Link(settings.servers, name="mtf mirror")) as link, ExitStack() as opened:
        definition = link.call(definition_of(link.broker, settings.names))
        copies = [
            opened.enter_context(closing(Mirror(link, settings.names, partition, directory)))
            for partition in only or range(definition.partitioning.count)
        ]
        while not stopping.is_set():
            copied = sum(each.copy() for each in copies)
            if once:
                break
            if not copied:
                stopping.wait(LOOK_S)
        events = sum(each.last_seq for each in copies)
        say(plain(f"{directory}: {events:,} events of {len(copies)} partitions"))
    return signal_code(heard[0]) if heard else DONE


@click.command
@cluster_config
@click.option("--mirror", "directory", metavar="DIR", type=_MIRROR, help="Compare with the mirrors in DIR.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def verify(file: Path, directory: Path | None, as_json: bool) -> int:
    """Read every log of the cluster, with all checks; exit code 1 if something is wrong."""
    from mtf.cluster.link import Link
    from mtf.cluster.membership import definition_of
    from mtf.cluster.mirror import verify_partition

    settings = settings_in(file)
    with closing(Link(settings.servers, name="mtf verify")) as link:
        definition = link.call(definition_of(link.broker, settings.names))
        partitions = range(definition.partitioning.count)
        found = [verify_partition(link, settings.names, partition, directory) for partition in partitions]
    wrong = [each for each in found if each.error]
    if as_json:
        document([each._asdict() for each in found])
    else:
        for each in wrong:
            note(plain(each.error))
        say(f"{len(found)} partitions, {sum(each.seq for each in found):,} events, {len(wrong)} damaged")
    return DATA if wrong else DONE


@click.command
@partition_argument
@click.argument("directory", metavar="DIR", type=_MIRROR)
@cluster_config
def repair(partition: int, directory: Path, file: Path) -> int:
    """Write the log of PARTITION again from its mirror in DIR; stop the gateway first."""
    from mtf.cluster.link import Link
    from mtf.cluster.membership import definition_of
    from mtf.cluster.mirror import repair_partition

    settings = settings_in(file)
    with closing(Link(settings.servers, name="mtf repair")) as link:
        definition = link.call(definition_of(link.broker, settings.names))
        if partition >= definition.partitioning.count:
            last = definition.partitioning.count - 1
            raise click.BadParameter(f"there are partitions 0 to {last}, got {partition}", param_hint="PARTITION")
        seq = repair_partition(link, settings.names, partition, directory, replicas=definition.replicas)
    say(f"partition {partition}: {seq:,} events written again; workers take it up within their lease")
    return DONE


@click.command
@partition_argument
@cluster_config
def resume(partition: int, file: Path) -> int:
    """Let workers take a halted PARTITION again once its cause is fixed; if it is not, it is halted again."""
    from mtf.cluster.keys import Keys
    from mtf.cluster.link import Link

    settings = settings_in(file)
    with closing(Link(settings.servers, name="mtf resume")) as link:
        link.call(Keys(link.broker, settings.names).put(f"halt.{partition}", b""))
    say(f"partition {partition}: workers take it up within their lease")
    return DONE
