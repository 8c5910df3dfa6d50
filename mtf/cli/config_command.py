"""`mtf config`: checks the configuration of a service, and prints its schema."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mtf.cli.exits import CALL, DONE
from mtf.cli.output import document, plain, say
from mtf.cli.plugin_names import import_from_here

__all__ = ["config"]


@click.group
def config() -> None:
    """Check the configuration of a service, or print its schema."""


@config.command
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--no-import", is_flag=True, help="Do not import the pkg:name entries of FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def check(file: Path, no_import: bool, as_json: bool) -> int:
    """Check FILE, with MTF_* of the environment, and print every error; nothing is started.

    Classes and functions named in FILE are imported, and consumers are created: that runs their code.
    """
    from mtf.service.parts import problems_of  # needs a library that takes long to import
    from mtf.service.settings_file import WrongSettings, read_settings

    import_from_here()
    try:
        settings = read_settings(file, os.environ)
        found = [] if no_import else problems_of(settings)
    except WrongSettings as error:
        found = error.lines
    if as_json:
        document({"file": str(file), "errors": found})
    else:
        for line in found:
            say(plain(f"{file}: {line}"))
        if not found:
            say(plain(f"{file}: correct"))
    return CALL if found else DONE


@config.command
def schema() -> None:
    """Print every table and setting of the file, with type, default and meaning, as TOML."""
    from mtf.service.settings_schema import schema_text

    say(schema_text().rstrip())
