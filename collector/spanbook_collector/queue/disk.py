"""What it takes for bytes to be on disk: the file, its name, and its folder are three things to fsync.

The ballast is a file of zeros that is given up when the disk is full, so that cursors and journal, which must move for
the queue to drain, still find room.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .errors import QueueInUse

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_BALLAST = "ballast"
_T = TypeVar("_T")


def make_directory(path: Path) -> None:
    """Create a folder for the owner alone, and make its name durable."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    """Make the names in a folder durable: created, renamed and removed files."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that after any crash either the old or the new content is there, whole."""
    temporary = path.with_name(path.name + ".tmp")
    handle = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(temporary, path)
    fsync_directory(path.parent)


def write_all(handle: int, content: bytes) -> None:
    """Write everything at the handle's position, however many calls it takes."""
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def lock_file(path: Path, what: str) -> int:
    """Return the handle that holds something for this process until it is closed; raises QueueInUse."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise QueueInUse(
            f"cannot open {what}: another process writes to it\n"
            "hint: stop the other collector, or give this one its own `--data` directory"
        ) from error
    return handle


def free_bytes(directory: Path) -> int:
    """Return what an unprivileged process may still write on the directory's file system."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def keep_ballast(directory: Path, size: int) -> None:
    """Allocate the ballast if it is not there; without room it is tried again another time."""
    path = directory / _BALLAST
    if size <= 0 or path.exists() or free_bytes(directory) < 2 * size:
        return
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError:
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def with_ballast(directory: Path, action: Callable[[], _T]) -> _T:
    """Run an action that must not fail for lack of room; when it does, give up the ballast and run it once more."""
    try:
        return action()
    except OSError as error:
        ballast = directory / _BALLAST
        if error.errno not in NO_ROOM or not ballast.exists():
            raise
        ballast.unlink(missing_ok=True)
        return action()
