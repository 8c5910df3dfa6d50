"""`mtf cluster`: partitions on a NATS server: created, written, computed and shown."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from mtf.cli.cluster_care_command import mirror, repair, resume, verify
from mtf.cli.cluster_dev_command import dev
from mtf.cli.cluster_options import cluster_config, settings_in
from mtf.cli.cluster_query_command import query
from mtf.cli.exits import DATA, DONE, signal_code
from mtf.cli.loop import run_async, signals_heard, stop_on_signals
from mtf.cli.output import document, note, plain, say, show
from mtf.cli.source_options import (
    StoppableSource,
    open_named,
    order_option,
    reorder_option,
    sort_option,
    source_options,
)
from mtf.errors import ConfigError, LogLocked

__all__ = ["cluster"]

GATEWAY_PATIENCE_S: Final = 120.0  # with a broker that is away


@click.group
def cluster() -> None:
    """Run partitions on a NATS server: gateway, workers and maintenance (extra `cluster`)."""


for _command in (dev, query, mirror, verify, repair, resume):
    cluster.add_command(_command)


@cluster.command
@cluster_config
def init(file: Path) -> int:
    """Create the cluster that FILE describes on its broker; if FILE does not exist, write a template and stop.

    What decides results, and the number of partitions, are fixed from then on.
    """
    from mtf.cluster.broker import Broker
    from mtf.cluster.cluster_settings import TEMPLATE
    from mtf.cluster.membership import make_cluster

    if not file.exists():
        file.write_text(TEMPLATE, encoding="utf-8")
        say(plain(f"{file}: written; edit it, start a NATS server, and run this again"))
        return DONE
    settings = settings_in(file)

    async def make() -> None:
        async with Broker.connected(settings.servers, name="mtf init") as broker:
            made = await make_cluster(broker, settings.names, settings.definition())
            count = made.partitioning.count
            say(plain(f"{settings.name} at {settings.servers}: {count} partitions, replicas {made.replicas}"))

    run_async(make())
    return DONE


@cluster.command
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@cluster_config
@click.option("--push", is_flag=True, help="Take what programs push, after SOURCE, until it is stopped.")
@click.option("--standby", is_flag=True, help="While another gateway writes, wait, and take over when it ends.")
@source_options
@sort_option
@reorder_option
@order_option
@click.option("--json", "as_json", is_flag=True, help="Print what was read as JSON.")
def gateway(
    sources: tuple[str, ...],
    file: Path,
    push: bool,
    standby: bool,
    sort: bool,
    reorder: int,
    order: str,
    as_json: bool,
    **options: Any,
) -> int:
    """Write SOURCE into the partitions, to its end; run again, it continues where the logs end.

    With --push also what programs send with `mtf.Cluster.push`. With --standby a second one waits for the first to end
    or die, and continues.
    """
    from mtf.cluster.gateway import Gateway
    from mtf.cluster.link import Link
    from mtf.cluster.membership import definition_of
    from mtf.cluster.partition_writer import ReadSoFar

    settings = settings_in(file)
    if not sources and not push:
        raise ConfigError("nothing to write: name a SOURCE, or give --push")
    opened = StoppableSource(open_named(sources, options, resumable=True, sort=sort), reorder_ns=reorder, sort=sort)
    is_waiting = False

    def waits() -> bool:
        nonlocal is_waiting
        if standby and not is_waiting:
            is_waiting = True
            note("another gateway writes: waiting for its end")
        return standby and not opened.stopped_by

    with (
        signals_heard(opened.stop),
        closing(opened),
        closing(Link(settings.servers, name="mtf gateway", patience_s=GATEWAY_PATIENCE_S)) as link,
    ):
        definition = link.call(definition_of(link.broker, settings.names))
        try:
            made = Gateway(link, settings.names, definition, waits=waits)
        except LogLocked:
            if opened.stopped_by:
                return signal_code(opened.stopped_by)
            raise
        with closing(made) as writing:
            read = writing.run(opened, order) if sources else ReadSoFar("pushes", 0, 0)
            if push and not opened.stopped_by:
                pushed = writing.take_pushes(lambda: bool(opened.stopped_by))
                read = read._replace(rows=read.rows + pushed)
            seqs = writing.seqs
    if as_json:
        document({"source": read.source, "events": read.rows, "malformed": read.malformed, "seqs": seqs})
    else:
        say(plain(f"{read.source}: {read.rows:,} events in {len(seqs)} partitions, {read.malformed:,} malformed rows"))
    return signal_code(opened.stopped_by) if opened.stopped_by else DONE


@cluster.command
@cluster_config
def worker(file: Path) -> int:
    """Compute bars, states and checkpoints of a share of the partitions until it is stopped."""
    from mtf.cluster.broker import Broker
    from mtf.cluster.cluster_worker import ClusterWorker
    from mtf.cluster.membership import definition_of

    settings = settings_in(file)
    heard: list[int] = []

    async def work() -> None:
        async with Broker.connected(settings.servers, name="mtf worker") as broker:
            definition = await definition_of(broker, settings.names)
            working = ClusterWorker(
                broker, settings.names, definition, lease_s=settings.worker.lease_s, cadence=settings.cadence
            )

            def stop(number: int) -> bool:
                heard.append(number)
                working.stop()
                return True

            with stop_on_signals(stop):
                await working.run()

    try:
        run_async(work())
    except asyncio.CancelledError:
        note("stopped at once: its partitions are taken by others after the lease")
    return signal_code(heard[0]) if heard else DONE


@cluster.command
@cluster_config
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(file: Path, as_json: bool) -> int:
    """Show workers and partitions: owner, seq, checkpoint, and which are halted; exit code 1 if one is."""
    from mtf.cluster.broker import Broker
    from mtf.cluster.membership import cluster_status

    settings = settings_in(file)

    async def look() -> dict[str, Any]:
        async with Broker.connected(settings.servers, name="mtf status") as broker:
            return await cluster_status(broker, settings.names)

    found = run_async(look())
    halted = [each for each in found["partitions"] if each["halted"]]
    if as_json:
        document(found)
    else:
        table = Table("partition", "owner", "seq", "checkpoint", "messages", "bytes", box=None, pad_edge=False)
        for each in found["partitions"]:
            seq = "" if each["seq"] is None else f"{each['seq']:,}"
            owner = "halted" if each["halted"] else each["owner"] or "nobody"
            cells = (f"{each['checkpoint_seq']:,}", f"{each['messages']:,}", f"{each['bytes']:,}")
            table.add_row(str(each["partition"]), plain(owner), seq, *cells)
        gateway = found["gateway"] or "none"
        say(plain(f"{found['cluster']} at {found['servers']}: gateway {gateway}, {len(found['workers'])} workers"))
        show(table, fold=False)
        for each in halted:
            note(f"partition {each['partition']} is halted: {each['halted']}")
    return DATA if halted else DONE
