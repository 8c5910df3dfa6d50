"""`mtf cluster query`: the state of a cluster, now or at a moment, with the seq of each partition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mtf.cli.cluster_options import cluster_config, settings_in
from mtf.cli.loop import run_async
from mtf.cli.output import document, plain, say
from mtf.cli.times import moment_of
from mtf.data.moments import Moment
from mtf.errors import ConfigError

__all__ = ["query"]


@click.command
@cluster_config
@click.option("--symbol", help="Only this one; all by default.")
@click.option(
    "--at",
    type=moment_of,
    metavar="TIME|SEQ",
    help="With --symbol: a seq of its partition, or a time. Now by default.",
)
@click.option("--bars", type=click.IntRange(0), default=5, show_default=True, help="Last bars of each timeframe.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def query(file: Path, symbol: str | None, at: Moment | None, bars: int, as_json: bool) -> None:
    """Ask the owners of all partitions at once; the answer has the seq of each."""
    from mtf.cluster.cluster_client import Cluster

    if at is not None and symbol is None:
        raise ConfigError("--at needs --symbol: partitions have no seq in common")
    settings = settings_in(file)

    async def ask() -> dict[str, Any]:
        async with Cluster(settings.servers, name=settings.name) as cluster:
            if symbol is None:
                found = await cluster.snapshots(bars=bars)
                return {"partitions": [found[partition] for partition in sorted(found)]}
            partition = cluster.partition_of(symbol)
            if at is None:
                state = await cluster.snapshot(symbol, bars=bars)
            else:
                state = (await cluster.state_at(symbol, seq=at.seq, time_ns=at.ts_ns)).to_dict(bars)
            return {"partitions": [{"partition": partition, "seq": state["seq"], "symbols": {symbol: state}}]}

    answer = run_async(ask())
    if as_json:
        document(answer)
        return
    for each in answer["partitions"]:
        say(f"partition {each['partition']}: seq {each['seq']:,}, {len(each['symbols'])} symbols")
        for name, state in each["symbols"].items():
            closes = [
                f"{timeframe} {_close(found)}" for timeframe, found in state["timeframes"].items() if _close(found)
            ]
            say(plain(f"  {name}: {', '.join(closes) or 'no bar yet'}"))


def _close(state: dict[str, Any]) -> str:
    """Return the newest price of a timeframe: of its forming bar, else of its last one."""
    bar = state["partial"] or (state["bars"][-1] if state["bars"] else None)
    return "" if bar is None else f"{bar['close']:g}"
