"""The process that has Python's modules loaded and forks what is asked for: how it is started."""

import atexit
import functools
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUEST_BYTES_MAX = 2**18


@functools.cache
def forker(module: str) -> socket.socket:
    """Start ``module`` as what forks, once for this process and until it ends.

    Args:
        module: Its last argument is the descriptor of a socket, over which it is asked.

    Returns:
        The other end of that: a request is one message, with its descriptors.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in (ours, theirs):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * REQUEST_BYTES_MAX)
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(theirs.fileno())],
        cwd=ROOT,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
