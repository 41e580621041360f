"""Whether what the engine says it has stored is on the disk.

The engine does not tell when the write of a part fails, on a full disk or a bad one: it answers that the rows are
stored, and so does a merge, whose sources go minutes later. It counts such writes, though. A node that finds one ends
at once, before anybody hears of the rows: a start sets parts aside that are shorter than they should be, and takes the
sources of a merge back. Nor does the engine have to fsync: one `syncfs` covers the fifty files of an insert.
"""

import asyncio
import ctypes
import itertools
import logging
import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from .engine import Engine
from .errors import NodeError

_FAILED_WRITES = "SELECT value FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWriteFailed'"
_LOOK_SECONDS = 1.0
_LOOKS_TO_A_SYNC = 30  # for merges; their sources stay for eight minutes
_TORN_SECONDS = 86_400
_EX_IOERR = 74  # of sysexits.h

log = logging.getLogger("spanbook.storage")


class Disk:
    """The file system under an engine; it ends the process when it has not taken something."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    async def settle(self) -> None:
        """Return when all that was written until now is on the disk; raises NodeError when the engine cannot say."""
        await self._look()
        await asyncio.to_thread(self._sync)

    async def watch(self) -> None:
        """Look after merges, which answer nobody, until cancelled."""
        for looks in itertools.count(1):
            await asyncio.sleep(_LOOK_SECONDS)
            with suppress(NodeError, RuntimeError):  # no memory or no thread for it, or the engine is closed
                await (self._look() if looks % _LOOKS_TO_A_SYNC else self.settle())

    async def _look(self) -> None:
        if await self._engine.ask(lambda handle: handle.value(_FAILED_WRITES, {}).strip()) not in ("", "0"):
            _end("the engine could not write")

    def _sync(self) -> None:
        with self._lock:  # a failure is told to one caller alone, before whom no other may answer
            try:
                _sync(self._descriptor)
            except OSError as error:
                _end(str(error.strerror))


def forget_torn(data: Path) -> None:
    """Delete what starts have set aside of torn parts, a day after that; nothing reads it."""
    before = time.time() - _TORN_SECONDS
    for part in data.glob("store/store/*/*/detached/broken-on-start_*"):
        with suppress(OSError):
            if part.stat().st_ctime < before:
                shutil.rmtree(part)
                log.info("deleted a torn part that a start had set aside: %s", part.name)


def _end(reason: str) -> None:
    log.critical("the disk is full or failing (%s): the node ends, for a start to set aside what is torn", reason)
    os._exit(_EX_IOERR)


def _sync(descriptor: int) -> None:
    """Write the file system's buffers to the disk.

    Raises OSError, from Linux 5.8 on, for a write that failed since the last time.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):  # not Linux
        os.sync()
    elif libc.syncfs(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
