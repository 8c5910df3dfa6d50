"""The command `mtf` itself: the group of all commands, and how their errors are reported.

An error is one line on stderr and an exit code of `mtf.cli.exits`; `MTF_DEBUG=1` shows the traceback too. A closed pipe
(`mtf bars ... | head`) is not an error: the reader has what it wanted.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final

import click

from mtf.build import VERSION
from mtf.cli.exits import CALL, DONE, INTERRUPTED, exit_code
from mtf.cli.log_options import CommandLog, hoisted, log_options
from mtf.cli.output import COMMANDS, plain, prints_lines, say
from mtf.cli.spelling import option_text
from mtf.errors import MtfError

__all__ = ["WORDS", "Root", "root"]

DEBUG: Final = "MTF_DEBUG"
WORDS: Final = "mtf.words"  # in a context's meta: all arguments of `mtf`


class Root(click.Group):
    """A group that ends with an exit code whatever happens in a command."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        with CommandLog() as log:
            extra["obj"] = log
            code = self._answer(args, prog_name or "mtf", complete_var, windows_expand_args, extra)
        if standalone_mode:
            sys.exit(code)
        return code

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which one needs them

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first, args = hoisted(args)
        ctx.meta[WORDS] = list(args)
        return super().parse_args(ctx, first + args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _abandon_stdout()
            return DONE
        return result

    def _answer(
        self,
        args: Sequence[str] | None,
        prog_name: str,
        complete_var: str | None,
        windows_expand_args: bool,
        extra: dict[str, Any],
    ) -> int:
        try:
            result = super().main(
                args,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except click.ClickException as error:
            return _fail(error, _message_of(error, prog_name), CALL)
        except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is its code and one line
            text = error.worded(option_text) if isinstance(error, MtfError) else str(error)
            text = text or type(error).__name__
            if not type(error).__module__.startswith("mtf."):
                text = f"{type(error).__name__}: {text}"
            return _fail(error, f"{prog_name}: {text}", exit_code(error))
        return result if isinstance(result, int) else DONE


def _message_of(error: click.ClickException, prog_name: str) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if isinstance(context, click.Context) else prog_name
    return f"{path}: {error.format_message()}"


def _fail(error: BaseException, message: str, code: int) -> int:
    debugs = os.environ.get(DEBUG, "0") not in ("", "0")
    line = plain(" ".join(message.split()))
    if prints_lines():
        COMMANDS.error("%s", line, exc_info=error if debugs else None, extra={"event": "command_failed", "code": code})
        return code
    if debugs:
        traceback.print_exception(error)
    say(line, err=True)
    return code


def _abandon_stdout() -> None:
    """Point stdout at nothing, so that closing it at exit does not complain again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@click.group(
    "mtf",
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, "-V", "--version", prog_name="mtf", message="%(prog)s %(version)s")
@log_options
@click.pass_context
def root(context: click.Context, log_level: str | None, log_format: str | None) -> int | None:
    """Keep every timeframe of a market in one consistent state, at every tick."""
    if log_level is not None or log_format is not None:
        context.obj.choose(log_level or "warning", log_format or "text")
    if context.invoked_subcommand is not None:
        return None
    say(context.get_help(), err=True)
    return CALL
