#!/usr/bin/env bash
# Make a virtual environment in the directory $1, on a machine that has no more than Python 3.11 or later.
#
# PYTHON names the interpreter; without it the first usable one of python3, python3.13 ... is taken. What Debian and its
# kin leave out of Python (venv, the C headers) and the C compiler are installed with apt-get where that is possible.
# Without a compiler mtf runs in pure Python; without venv there is nothing to be done but to say so.
set -euo pipefail

venv=${1:?usage: bootstrap.sh DIRECTORY}

say() { printf 'mtf: %s\n' "$*" >&2; }

usable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys, sqlite3, ssl, zlib; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        usable "$PYTHON" && { echo "$PYTHON"; return; }
        say "PYTHON=$PYTHON is no Python 3.11 or later with sqlite3, ssl and zlib"
        return 1
    fi
    for candidate in python3 python3.13 python3.12 python3.14 python3.11; do
        usable "$candidate" && { echo "$candidate"; return; }
    done
    say "no Python 3.11 or later found (with sqlite3, ssl and zlib): install one, or name it with PYTHON=..."
    return 1
}

install() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        return 1
    fi
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends "$@"; } >&2 </dev/null
}

# True if a C file that includes Python.h compiles.
compiles() {
    local include
    include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    echo '#include <Python.h>' | "${CC:-cc}" -I"$include" -fsyntax-only -x c - >/dev/null 2>&1
}

python=$(find_python)
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    install "$version-venv" || true
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        say "$python cannot make virtual environments: install the package $version-venv (Debian, Ubuntu) and try again"
        exit 1
    fi
fi

if [ "${MTF_PURE:-0}" = 0 ] && ! compiles; then
    install gcc libc6-dev "$version-dev" || true
    compiles || say "no C compiler with the headers of $version: mtf will run in pure Python (same results, slower)"
fi

"$python" -m venv --clear "$venv"
