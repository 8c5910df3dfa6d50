"""`mtf audit`: whether a consumer knows the future, is deterministic, and keeps its state over a restart."""

from __future__ import annotations

from pathlib import Path

import click

from mtf.audit.auditor import CUTS, CUTS_MAX, AuditReport, audit
from mtf.cli.directories import DIRECTORY
from mtf.cli.exits import DATA, DONE
from mtf.cli.loop import run_async
from mtf.cli.output import document, note, plain, say
from mtf.cli.plugin_names import CONSUMER, consumer_class, made_consumer

__all__ = ["audit_command"]

_CHECKS = {
    "future": "knows the future",
    "determinism": "not deterministic",
    "restart": "loses state",
}


@click.command("audit")
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--consumer", metavar=CONSUMER, required=True, help="An mtf.Consumer; takes no arguments.")
@click.option(
    "--cuts",
    type=click.IntRange(1, CUTS_MAX),
    default=CUTS,
    show_default=True,
    help="Number of beginnings of the log to run it on.",
)
@click.option("--until", type=click.IntRange(1), metavar="SEQ", help="Audit on the log up to this seq.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def audit_command(directory: Path, consumer: str, cuts: int, until: int | None, as_json: bool) -> int:
    """Run a consumer on the log of DIR and on beginnings of it: does it know the future?"""
    found = consumer_class(consumer)
    report = run_async(audit(directory, lambda: made_consumer(found, consumer), cuts=cuts, until=until))
    if as_json:
        document(report.to_dict())
    else:
        _show(report)
    return DONE if report.clean else DATA


def _show(report: AuditReport) -> None:
    for finding in report.findings:
        say(plain(f"{_CHECKS[finding.check]}: at seq {finding.seq}, {finding.channel}: {finding.sentence}"))
        say(plain(f"  expected  {finding.expected}"))
        say(plain(f"  found     {finding.found}"))
    for sentence in report.notes:
        note(sentence)
    verdict = "clean" if report.clean else f"{len(report.findings)} found"
    say(
        plain(
            f"{report.consumer}: {verdict}; {report.outputs:,} outputs on seq {report.first_seq} to {report.last_seq}, "
            f"compared with logs that end at {', '.join(map(str, report.cuts))}"
        )
    )
