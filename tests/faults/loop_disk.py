"""A disk that can lose its power: ext4 on a loop device over a file.

What has reached the backing file is what a disk would hold that does what a flush says; whatever
is still in the page cache of the mounted file system alone is lost in a copy of that file. It
models neither a disk that lies about its cache nor a torn sector. Needs root.
"""

import contextlib
import errno
import gc
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_PATIENCE_S = 30.0
# ext4 would write a file out that is made in the place of another, for programs that do not sync.
_OPTIONS = "noauto_da_alloc"
_QUIET_S = 0.01


class LoopDisk:
    """A mounted file system of its own; use it in a ``with``.

    Attributes:
        mount_point: Where it is mounted.
    """

    def __init__(self, directory: Path, name: str, size_mib: int) -> None:
        """Make the file system, and mount it."""
        self._image = directory / f"{name}.img"
        self.mount_point = directory / name
        with self._image.open("wb") as file:
            file.truncate(size_mib << 20)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self._device = ""
        self._mount()

    def __enter__(self) -> "LoopDisk":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.unmount()
        self._image.unlink()

    def _mount(self) -> None:
        self.mount_point.mkdir(exist_ok=True)
        self._device = _run("losetup", "--find", "--show", str(self._image))
        try:
            _run("mount", "-o", _OPTIONS, self._device, str(self.mount_point))
        except BaseException:
            _run("losetup", "--detach", self._device)
            raise

    def unmount(self) -> None:
        gc.collect()  # an error that was caught may still hold on to a file that was mapped
        _run("umount", str(self.mount_point))
        _run("losetup", "--detach", self._device)

    def grow(self, size_mib: int) -> None:
        """Make it larger; nobody may have anything of it open."""
        # Not while it is mounted: that needs one more privilege, which containers withhold.
        _run("umount", str(self.mount_point))
        self._wait_until_free()
        os.truncate(self._image, size_mib << 20)
        _run("losetup", "--set-capacity", self._device)
        _run("e2fsck", "-f", "-p", self._device)
        _run("resize2fs", self._device)
        _run("mount", "-o", _OPTIONS, self._device, str(self.mount_point))

    def _wait_until_free(self) -> None:
        """A sandbox that another test starts has for a moment all that was mounted by then."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                os.close(os.open(self._device, os.O_RDONLY | os.O_EXCL))
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > until:
                    raise
            else:
                return
            time.sleep(_QUIET_S)

    @contextlib.contextmanager
    def after_power_loss(self) -> Iterator[Path]:
        """Mount a copy of what the device holds now; whoever writes has to be stopped."""
        copy, mount_point = self._image.with_suffix(".cut"), self.mount_point.with_suffix(".after")
        self._copy_while_quiet(copy)
        mount_point.mkdir()
        try:
            _run("mount", "-o", "loop", str(copy), str(mount_point))
            try:
                yield mount_point
            finally:
                gc.collect()  # as in unmount
                _run("umount", str(mount_point))
        finally:
            mount_point.rmdir()
            copy.unlink()

    def lose_power(self) -> None:
        """Go on with what the device holds now; nobody may have anything of it open."""
        copy = self._image.with_suffix(".cut")
        self._copy_while_quiet(copy)
        self.unmount()
        copy.replace(self._image)
        self._mount()

    def _copy_while_quiet(self, target: Path) -> None:
        """Copy the backing file; again, if the kernel has written to the device meanwhile."""
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            before = self._activity()
            _run("cp", "--sparse=always", str(self._image), str(target))
            if self._activity() == before and self._in_flight() == ["0", "0"]:
                return
            time.sleep(_QUIET_S)
        raise TimeoutError("the kernel writes to the device all the time")

    def _activity(self) -> list[str]:
        return (
            (self._block_dir / "stat").read_text().split()[4:7]
        )  # writes, of them merged, sectors

    def _in_flight(self) -> list[str]:
        return (self._block_dir / "inflight").read_text().split()

    @property
    def _block_dir(self) -> Path:
        return Path("/sys/block") / Path(self._device).name


def why_no_loop_disk(directory: Path) -> str:
    """Return why there can be no such disk here; "" if there can."""
    if os.geteuid() != 0:
        return "loop devices need root: run the tests as root"
    try:
        with LoopDisk(directory, "trial", size_mib=8):
            return ""
    except FileNotFoundError as error:
        return f"loop devices need {error.filename}: `.ci/run packages` installs it"
    except subprocess.CalledProcessError as error:
        return f"there are no loop devices here: {error.stderr.strip()}"


def _run(*command: str) -> str:
    try:
        run = subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)
        raise
    return run.stdout.strip()
