"""What the commands of a cluster have in common: its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mtf.errors import ConfigError

if TYPE_CHECKING:
    from mtf.cluster.cluster_settings import ClusterSettings

__all__ = ["cluster_config", "partition_argument", "settings_in"]

cluster_config: Final = click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("cluster.toml"),
    show_default=True,
    help="The configuration of the cluster.",
)
partition_argument: Final = click.argument("partition", metavar="PARTITION", type=click.IntRange(0))


def settings_in(file: Path) -> ClusterSettings:
    """Return the settings in the configuration *file*; ConfigError if it is missing or invalid."""
    from mtf.cluster.cluster_settings import read_cluster_settings  # needs a library that takes long to import

    if not file.exists():
        raise ConfigError(f"{file}: there is no such file: make one with mtf cluster init, or name it with --config")
    return read_cluster_settings(file)
