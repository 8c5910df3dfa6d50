"""Notices to the service manager, as `sd_notify` sends them: a datagram to the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

__all__ = ["Notices"]

US_PER_S: Final = 1_000_000


class Notices:
    """Sends notices to whoever started this process, if that asked for any; else nothing happens."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address: Final = environment.get("NOTIFY_SOCKET", "")
        microseconds = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # How long this process may be silent; None: nobody watches it.
        self.watchdog_s: Final = int(microseconds) / US_PER_S if microseconds.isdecimal() and is_ours else None

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str) -> None:
        self._send(f"STOPPING=1\nSTATUS={status}")

    def alive(self) -> None:
        """Say that this process works."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def takes_longer(self, seconds: float) -> None:
        """Ask for so much more time to start or stop."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * US_PER_S)}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        kinds = socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)
        # A manager that is gone, or busy, is not a reason to stop.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kinds) as out:
            out.setblocking(False)
            out.sendto(message.encode(), address)
