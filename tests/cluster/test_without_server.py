"""Clusters without a server: what loads them, how symbols are divided, and what a file may say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mtf.cluster.broker_process import OUTGOING, free_port
from mtf.cluster.cluster_settings import read_cluster_settings
from mtf.cluster.owner import steps_of
from mtf.cluster.partitioning import Partitioning
from mtf.cluster.subjects import ClusterNames, symbol_token
from mtf.config import Config
from mtf.errors import ConfigError
from mtf.log.event_log import LoggedBlock
from tests.cli.builders import mtf
from tests.log.builders import blocks


def test_import_mtf_loads_no_part_of_it() -> None:
    """Nor does the command line, until a cluster is asked for."""
    code = (
        "import sys, mtf, mtf.cli; found = [name for name in sys.modules if name.split('.')[0] in ('nats', 'dask') "
        "or name.startswith('mtf.cluster')]; assert not found, found; mtf.Cluster; assert 'nats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_ports_are_distinct_and_none_that_an_outgoing_connection_gets() -> None:
    ports = [free_port() for _ in range(300)]
    assert len(set(ports)) == 300
    first = int(OUTGOING.read_text().split()[0]) if OUTGOING.exists() else 0
    if first > 30_000:  # the default of Linux is 32,768
        assert max(ports) < first


def test_partitions_are_in_their_bounds() -> None:
    with pytest.raises(ConfigError, match="between 1 and 4,096, got 0"):
        Partitioning(0)
    with pytest.raises(ConfigError, match="its partition must be between 0 and 1"):
        Partitioning(2, {"EURUSD": 2})
    assert Partitioning(8, {"EURUSD": 5}).of("EURUSD") == 5


def test_what_is_wrong_in_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text('partitions = "many"\nreplica = 1\n[worker]\nlease_s = 0.0\n')
    found = mtf("cluster", "status", "--config", str(file))
    assert found.exit_code == 2
    for wrong in ("partitions: must be a whole number", "replica: unknown", "lease_s must be between 0.1 and 600"):
        assert wrong in found.output


def test_a_file_decides_results_as_a_configuration_does(tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text('[results]\ntimeframes = ["5m", "100t"]\noverfill = "whole"\novernight = "carry"\n')
    config = read_cluster_settings(file).definition().config
    assert config == Config.make(timeframes=["5m", "100t"], overfill="whole", overnight="carry")
    file.write_text("")
    assert read_cluster_settings(file).definition().config == Config.make()


def test_blocks_that_wait_are_computed_in_bigger_steps() -> None:
    made = blocks(*[40] * 60, ids=True)
    steps = list(steps_of([LoggedBlock(each, {}, 0, 0) for each in made]))
    assert [each.count for each in steps] == [1_000, 1_000, 400]
    assert [each.first_seq for each in steps] == [1, 1_001, 2_001]
    for part in ("rows", "heap"):
        assert b"".join(getattr(each, part) for each in steps) == b"".join(getattr(each, part) for each in made)
    assert [each.count for each in steps_of([LoggedBlock(each, {}, 0, 0) for each in blocks(3_000, 40)])] == [3_000, 40]
    assert list(steps_of([])) == []


def test_every_symbol_is_one_token_of_a_subject() -> None:
    """A dot, a space or a star in it would be taken for something else."""
    assert symbol_token("EUR-USD_1") == "EUR-USD_1"
    assert symbol_token("BRK.B") == "BRK=2e=B"
    assert symbol_token("*") == "=2a="
    assert len({symbol_token(each) for each in ("a.b", "a=2e=b", "a b", ">", "é")}) == 5
    with pytest.raises(ConfigError, match="use up to 32 letters"):
        ClusterNames("a.b")
