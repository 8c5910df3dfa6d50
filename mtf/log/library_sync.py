"""A sync of a file that a thread of the C library carries out (POSIX `aio_fsync`), without Python's global lock.

A thread of Python wants that lock as soon as its sync is over. Until a busy event loop hands it over, up to 5 ms later,
each tick wakes that thread in vain, and half of all ticks took 1.4 times as long (`make bench ARGS=latency`). A thread
of the C library never needs the lock; the loop looks from time to time whether the sync has ended.

Only on 64-bit Linux, with glibc or musl; elsewhere there is none, and a thread of Python does it. Neither is there one
in a forked child: the C library goes on to count on threads that only the parent has.
"""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from typing import Any, Final

__all__ = ["LibrarySync", "begin_library_sync", "load_library"]

# Of `struct aiocb`, which both libraries lay out alike as far as an `aio_fsync` reads it. The rest stays zero.
BLOCK_BYTES: Final = 512  # more than either has
FILE_AT: Final = 0  # aio_fildes, an int
NOTIFY_AT: Final = 44  # aio_sigevent.sigev_notify, an int
SIGEV_NONE: Final = 1  # nobody is notified


class LibrarySync:
    """A sync in the background; `begin_library_sync` makes it. Its file stays open until it has ended."""

    def __init__(self, library: _Library, address: int) -> None:
        self._library: Final = library
        self._address = address  # of the control block, to which the library writes until the end; 0 after it

    def ended(self) -> bool:
        """Return whether `wait` would return, or raise, at once."""
        return not self._address or _is_child() or self._library.aio_error(self._address) != errno.EINPROGRESS

    def wait(self) -> None:
        """Return once the file's bytes and its length would survive a power failure; OSError if it failed.

        One thread at a time; the first call that ends is the one that raises.
        """
        library, address = self._library, self._address
        if not address:
            return
        if _is_child():
            self._address = 0
            raise OSError(errno.ECANCELED, "the sync is that of the parent process")
        error = errno.EINPROGRESS
        while error == errno.EINPROGRESS:
            # At least once: it waits for the lock under which the library does the last of its work with the block. A
            # signal can end it early.
            library.aio_suspend(library.list_of_one(address), 1, None)
            error = library.aio_error(address)
        self._address = 0
        library.aio_return(address)
        library.free(address)
        if error:
            raise OSError(error, os.strerror(error))


def begin_library_sync(file: int) -> LibrarySync | None:
    """Begin to sync *file*; None if the system cannot do it, or not now."""
    library = load_library()
    if library is None or _is_child():
        return None
    address = library.calloc(1, BLOCK_BYTES)  # not Python's memory, which may go while the library still writes there
    if not address:
        return None
    library.set_int(address + FILE_AT, file)
    library.set_int(address + NOTIFY_AT, SIGEV_NONE)
    if library.aio_fsync(os.O_DSYNC, address):
        library.free(address)
        return None
    return LibrarySync(library, address)


@cache
def load_library() -> _Library | None:
    """Return the functions of the C library, or None if they are not there."""
    if sys.platform != "linux" or sys.maxsize < 1 << 32:
        return None
    try:
        import ctypes
    except ImportError:  # a Python without it
        return None
    for name in (None, "librt.so.1"):  # glibc before 2.34 has them in a library of their own
        try:
            return _Library(ctypes, name)
        except (OSError, AttributeError):
            continue
    return None


class _Library:
    """The functions with the types of their arguments; only the one that waits releases Python's global lock."""

    def __init__(self, ctypes: Any, name: str | None) -> None:
        pointer, integer = ctypes.c_void_p, ctypes.c_int
        quick, memory = ctypes.PyDLL(name), ctypes.PyDLL(None)
        self.aio_fsync, self.aio_error, self.aio_return = quick.aio_fsync, quick.aio_error, quick.aio_return
        self.aio_suspend = ctypes.CDLL(name).aio_suspend
        self.calloc, self.free = memory.calloc, memory.free
        self.aio_fsync.argtypes = [integer, pointer]
        self.aio_error.argtypes = self.aio_return.argtypes = self.free.argtypes = [pointer]
        self.aio_return.restype = ctypes.c_ssize_t
        self.aio_suspend.argtypes = [pointer, integer, pointer]
        self.calloc.argtypes, self.calloc.restype = [ctypes.c_size_t, ctypes.c_size_t], pointer
        self.free.restype = None
        self._int: Final = integer
        self._list: Final = pointer * 1

    def set_int(self, address: int, value: int) -> None:
        self._int.from_address(address).value = value

    def list_of_one(self, address: int) -> Any:
        return self._list(address)


_forks: Final[list[bool]] = []  # of this process from its parent, in which mtf was loaded


def _is_child() -> bool:
    return bool(_forks)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _forks.append(True))
