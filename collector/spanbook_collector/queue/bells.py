"""How readers in other processes hear of news at once, and sleep until then.

Each waiting reader has a FIFO; after each commit the queue writes a byte into every one that somebody listens to. The
byte means nothing but "look at the watermark", so a lost or a needless one is no harm.
"""

import asyncio
import contextlib
import os
from pathlib import Path

from .disk import make_directory

_FOLDER = "bells"
_PAUSE = 0.02  # seconds between looks where the file system has no FIFOs
_LONGEST_SLEEP = 1.0  # seconds: a look now and then, whatever was heard


class Bell:
    """The listening end of one reader."""

    def __init__(self, directory: Path, name: str) -> None:
        make_directory(directory / _FOLDER)
        path = directory / _FOLDER / name
        self._handle = -1
        with contextlib.suppress(OSError):
            if not path.is_fifo():
                os.mkfifo(path, 0o600)
            # also opened for writing: a FIFO without a writer would be readable all the time
            self._handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    async def listen(self, seconds: float) -> None:
        """Wait until it rings, or a while, whichever is shorter."""
        if self._handle < 0:
            await asyncio.sleep(min(seconds, _PAUSE))
            return
        loop, rung = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._handle, rung.set)
        try:
            async with asyncio.timeout(min(seconds, _LONGEST_SLEEP)):
                await rung.wait()
        except TimeoutError:
            return
        finally:
            loop.remove_reader(self._handle)
        with contextlib.suppress(BlockingIOError):
            os.read(self._handle, 1 << 16)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def silence(directory: Path, name: str) -> None:
    """Remove the bell of a reader that is gone."""
    (directory / _FOLDER / name).unlink(missing_ok=True)


def ring(directory: Path) -> None:
    """Wake every reader that listens."""
    folder = os.path.join(directory, _FOLDER)  # no Path: one costs as much as the rest, at every commit
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        with contextlib.suppress(OSError):  # nobody listens, or has not emptied it yet
            handle = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(handle, b"!")
            finally:
                os.close(handle)
