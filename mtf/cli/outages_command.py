"""`mtf outages`: when feeds were down, according to the log."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.output import json_line, plain, say
from mtf.cli.times import clock_text, time_of
from mtf.data import open_data
from mtf.units import SECOND_NS

__all__ = ["outages"]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--start", type=time_of, metavar="TIME", help="Outages that end at this time or later: ISO 8601, or ns.")
@click.option("--end", type=time_of, metavar="TIME", help="Outages that begin before this time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per line.")
def outages(directory: Path, start: int | None, end: int | None, as_json: bool) -> None:
    """Print when feeds of DIR were down, and what is missing."""
    with open_data(directory) as reader:
        for each in reader.outages(start=start, end=end):
            if as_json:
                json_line(attrs.asdict(each))
            else:
                length_s = (each.until_ns - each.since_ns) / SECOND_NS
                span = f"{clock_text(each.since_ns):<27} to {clock_text(each.until_ns):<27}"
                say(f"{each.seq:>10}  {span} {length_s:>12,.3f} s  {plain(each.reason)}")
