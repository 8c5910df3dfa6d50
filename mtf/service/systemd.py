"""Notifications to the service manager, like those of `sd_notify`: a datagram to the socket in NOTIFY_SOCKET."""

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
    """Sends notifications to the service manager, if there is one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address: Final = environment.get("NOTIFY_SOCKET", "")
        microseconds = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # How long this process may be silent; None: it is not watched.
        self.watchdog_s: Final = int(microseconds) / US_PER_S if microseconds.isdecimal() and is_ours else None

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str) -> None:
        self._send(f"STOPPING=1\nSTATUS={status}")

    def alive(self) -> None:
        """Notify that this process works."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def takes_longer(self, seconds: float) -> None:
        """Request this much more time to start or stop."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * US_PER_S)}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        kinds = socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)
        # A manager that is gone or busy is no reason to stop.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kinds) as out:
            out.setblocking(False)
            out.sendto(message.encode(), address)
