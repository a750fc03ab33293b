"""The process that has Python's modules loaded and forks what is asked for: how it is started."""

import atexit
import functools
import gc
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUEST_BYTES_MAX = 2**18


def channel() -> tuple[socket.socket, socket.socket]:
    """Both ends of what requests are sent over."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * REQUEST_BYTES_MAX)
    return ends


@functools.cache
def forker(module: str) -> socket.socket:
    """Start ``module`` as what forks, once for this process and until it ends.

    Args:
        module: Its last argument is the descriptor of a socket, over which it is asked.

    Returns:
        The other end of that: a request is one message, with its descriptors.
    """
    ours, theirs = channel()
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


# ---- in the process that forks, and in what it has forked


def about_to_fork() -> None:
    """Have the collector of garbage pass over all that is loaded, in this process and its forks.

    It would touch, and so copy, every page of it when a fork ends: a quarter of a second for each.
    """
    gc.collect()
    gc.freeze()


def run_and_end(run: Callable[[], object]) -> None:
    """Call ``run``, and end this process as an interpreter does, but for its taking itself apart.

    That takes longer than most commands. Threads are waited for, and what is to be done at the end
    is done; a process that ends with an exception, or cannot write any more, ends as any other.
    """
    try:
        result = run()
    except SystemExit as leaving:
        result = leaving.code
    if result is not None and not isinstance(result, int):
        sys.exit(str(result))
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()  # what an interpreter calls
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(result)
    os._exit((result or 0) & 0xFF)
