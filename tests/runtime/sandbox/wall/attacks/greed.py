"""Attacks on the machine's memory, processors, processes and disks; each with an end of its own."""

import contextlib
import os
import resource
import signal
import tempfile
import time

MIB = 1 << 20


def fork_bomb(outside):
    """As many processes as it can get, 150 at most; they all wait."""
    children = []
    try:
        for _ in range(150):
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
    return f"had {len(children)} processes"


def memory_hog(outside):
    """160 MiB, in a child, so that somebody is left to tell."""
    child = os.fork()
    if child == 0:
        pieces = []
        with contextlib.suppress(MemoryError):
            for _ in range(40):
                pieces.append(b"x" * (4 * MIB))
            os._exit(0)
        os._exit(12)
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError(12, f"it ended with {os.waitstatus_to_exitcode(status)}")
    return "had 160 MiB"


def cpu_hog(outside):
    """Two processes that compute: how much of a processor do they get?"""
    best = 0.0
    for _ in range(2):
        began, used = time.monotonic(), processor_time()
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                end = time.process_time() + 0.03
                while time.process_time() < end:
                    pass
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        best = max(best, (processor_time() - used) / (time.monotonic() - began))
        if best > outside["cores"] * 2:
            return f"had {best:.2f} processors"
    raise OSError(11, f"had {best:.3f} processors")


def processor_time() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def fill(folder: str) -> str:
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(24):
            file.write(b"x" * MIB)
            file.flush()
    return "wrote 24 MiB"


def temporary_folder_filled(outside):
    return fill("/tmp")


def shared_memory_filled(outside):
    return fill("/dev/shm")


def large_file(outside):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    return fill(".")


def descriptors_hoarded(outside):
    descriptors = []
    try:
        for _ in range(600):
            descriptors.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return "had 600 descriptors"
