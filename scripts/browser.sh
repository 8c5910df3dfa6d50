#!/usr/bin/env bash
# Installs the browser that the tests of the page drive, if there is none: Debian's Chromium, or the one of MTF_CHROMIUM.
set -euo pipefail

if [[ -n "${MTF_CHROMIUM:-}" ]] || command -v chromium >/dev/null || command -v google-chrome >/dev/null; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "mtf: no Chromium here: install one, or say where it is with MTF_CHROMIUM=/path/to/chromium" >&2
    exit 1
fi
as_root=()
if [[ $(id -u) -ne 0 ]]; then
    as_root=(sudo -n)
fi
echo "mtf: installing Chromium ..."
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
    { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
