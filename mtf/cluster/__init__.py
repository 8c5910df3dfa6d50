"""Past one machine: partitions of a market on NATS JetStream, each with its own log, digest and owner.

A gateway gives events their seqs and writes them; workers take partitions by lease, run the same cores as a pipeline,
and publish bars and snapshots. docs/cluster.md says what is promised. Needs the extra `cluster`; nothing but the
command line, and `mtf.Cluster` on first use, imports it.
"""
