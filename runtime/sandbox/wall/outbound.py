"""The way out of a sandbox with network "outbound": slirp4netns, a network stack in user space.

It is one process for each such sandbox, outside the wall, as the sandbox's user; it makes an
interface in the sandbox's network, and ordinary connections of what arrives there. This machine's
loopback is not reachable through it, nor are a cloud's services for its machines (`routes.py`);
other addresses of this machine and of its networks are.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
from dataclasses import dataclass

from .cgroups import ControlGroup
from .child import Start, become
from .errors import WallRefused
from .routes import close_routes

NS_GET_USERNS = 0xB701  # linux/nsfs.h: the user namespace that a namespace belongs to
READY_WITHIN_S = 5.0
INSTALL = (
    "Install slirp4netns (Debian: apt-get install slirp4netns) and let its user open "
    '/dev/net/tun, or write network = "none" or network = "host" under [perdure.sandbox]'
)


def find_slirp() -> str:
    """Where slirp4netns is.

    Raises:
        WallRefused: It is not installed.
    """
    path = shutil.which("slirp4netns")
    if path is None:
        raise WallRefused('network = "outbound" needs slirp4netns, which is not here', INSTALL)
    return path


@dataclass(frozen=True, slots=True)
class Outbound:
    """A running slirp4netns; it ends when ``leash`` is closed, with this process at the latest."""

    pid: int
    leash: int

    def end(self) -> None:
        os.close(self.leash)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def open_way_out(pid: int, uid: int | None, group: ControlGroup | None) -> Outbound:
    """Give the network of process ``pid`` a way out, and return once it is there.

    Raises:
        WallRefused: slirp4netns is missing, or could not do it.
    """
    path = find_slirp()
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    user = fcntl.ioctl(network, NS_GET_USERNS)
    ready, ready_there = os.pipe()
    leash_there, leash = os.pipe()
    failure, failure_there = os.pipe()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    there = {0: null, 1: null, 2: failure_there, 3: ready_there, 4: leash_there}
    there |= {5: network, 6: user}
    start = Start(
        argv=(
            *(path, "--configure", "--mtu=65520", "--disable-host-loopback"),
            *("--enable-seccomp", "--ready-fd=3", "--exit-fd=4", "--netns-type=path"),
            *("--userns-path=/proc/self/fd/6", "/proc/self/fd/5", "tap0"),
        ),
        environment={},
        descriptors=there,
        failure=failure_there,
        parent=os.getpid(),
        group=group,
        uid=uid,
        tunnels=True,
    )
    child = os.fork()
    if child == 0:
        become(start)
    for descriptor in (null, ready_there, leash_there, failure_there):
        os.close(descriptor)
    way = Outbound(child, leash)
    try:
        if select.select([ready], [], [], READY_WITHIN_S)[0] and os.read(ready, 1):
            close_routes(user, network)
            return way
        way.end()
        said = os.read(failure, 4096).decode(errors="replace").strip()
        raise WallRefused(f"slirp4netns made no network: {said or 'it did not say why'}", INSTALL)
    except OSError as error:
        way.end()
        raise WallRefused(f"routes could not be set: {error}", INSTALL) from error
    finally:
        for descriptor in (ready, failure, user, network):
            os.close(descriptor)
