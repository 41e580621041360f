"""File systems to be broken: one whose power can be cut, one that is small.

Both need the right to mount; `why_no_mount()` says why a test has to be skipped. A power cut is `FS_IOC_SHUTDOWN`
without flushing the log: what was not fsynced is gone. It does not tear sectors, and a fsync that is in flight may
falsely succeed, so only what was acknowledged before the cut counts.
"""

import fcntl
import functools
import os
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Self

_FS_IOC_SHUTDOWN = 0x8004587D
_WITHOUT_LOG_FLUSH = 2


class PowerCutDisk:
    """An ext4 file system in an image file, mounted through a loop device, a new one each time.

    A browser that starts meanwhile keeps the mounts of that moment in a namespace of its own: what is unmounted here
    lives on there, and mounting the image through the same device would give the dead file system back.
    """

    def __init__(self, folder: Path, megabytes: int = 64) -> None:
        self._image = folder / "disk.img"
        self.path = folder / "disk"
        self.path.mkdir()
        with self._image.open("wb") as file:
            file.truncate(megabytes << 20)
        _run("mkfs.ext4", "-q", "-F", str(self._image))

    def __enter__(self) -> Self:
        self._mount()
        return self

    def __exit__(self, *_: object) -> None:
        self._unmount("--lazy")  # also when a failed test left files open

    def cut(self) -> None:
        """Cut the power: from here on nothing reaches the image."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _FS_IOC_SHUTDOWN, struct.pack("I", _WITHOUT_LOG_FLUSH))
        finally:
            os.close(handle)

    def restart(self) -> None:
        """Mount again what the cut left; no process may have files open."""
        self._unmount()
        self._mount()

    def _mount(self) -> None:
        self._device = _run("losetup", "--find", "--show", str(self._image)).strip()
        try:
            _run("mount", self._device, str(self.path))
        except subprocess.CalledProcessError:
            _run("losetup", "--detach", self._device)
            raise

    def _unmount(self, *options: str) -> None:
        _run("umount", *options, str(self.path))
        _run("losetup", "--detach", self._device)  # at the latest when nobody holds it any more


class SmallDisk:
    """A tmpfs of a few megabytes."""

    def __init__(self, folder: Path, kilobytes: int) -> None:
        self.path = folder / "small"
        self.path.mkdir()
        self._kilobytes = kilobytes

    def __enter__(self) -> Self:
        _run("mount", "-t", "tmpfs", "-o", f"size={self._kilobytes}k", "none", str(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.path))  # also when a failed test left files open

    def grow(self, kilobytes: int) -> None:
        """Give room, as an operator does who deletes something."""
        _run("mount", "-o", f"remount,size={kilobytes}k", str(self.path))


@functools.cache
def why_no_mount() -> str:
    """Return why loop devices cannot be mounted here, empty when they can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "needs root to mount file systems"
    try:
        with tempfile.TemporaryDirectory() as folder, PowerCutDisk(Path(folder), megabytes=8):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        return f"cannot mount a loop device: {reason}"


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
