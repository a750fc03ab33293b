"""Attacks on files outside: a canary, and an actor's database."""

import contextlib
import ctypes
import os
import sqlite3
import threading
from pathlib import Path

from kernel_calls import call, may_mount

AT_FDCWD = -100
OPEN_TREE_CLONE = 1
MS_BIND = 4096
MS_PRIVATE_ALL = (1 << 18) | 16384


def read(path: str) -> str:
    with open(path) as file:
        return file.read()


def canary_by_path(outside):
    return read(outside["canary"])


def canary_by_dots(outside):
    return read("../" * 30 + outside["canary"].lstrip("/"))


def canary_by_symlink(outside):
    os.symlink(outside["canary"], "link")
    try:
        return read("link")
    finally:
        os.unlink("link")


def canary_by_raced_symlink(outside):
    """As one does with a checker: what is harmless when looked at is swapped before it is used."""
    Path("harmless").write_text("harmless")
    os.symlink("harmless", "raced")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for target in (outside["canary"], "harmless"):
                os.symlink(target, "next")
                os.replace("next", "raced")

    swapping = threading.Thread(target=swap)
    swapping.start()
    last: OSError | None = None
    try:
        tries = 0
        while tries < 3000 or last is None:  # whoever swaps may not have begun for long
            tries += 1
            try:
                if (text := read("raced")) != "harmless":
                    return text
            except OSError as error:
                last = error
        raise last
    finally:
        done.set()
        swapping.join()
        for name in ("raced", "next", "harmless"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def canary_by_hard_link(outside):
    os.link(outside["canary"], "hard")
    try:
        return read("hard")
    finally:
        os.unlink("hard")


def canary_by_root_of_process(outside):
    return read(f"/proc/{outside['pid']}/root{outside['canary']}")


def canary_by_folder_of_process(outside):
    return read(f"/proc/{outside['pid']}/cwd/canary")


def canary_by_descriptor_of_process(outside):
    return read(f"/proc/{outside['pid']}/fd/{outside['descriptor']}")


def canary_by_root_of_parent(outside):
    return read(f"/proc/{os.getppid()}/root{outside['canary']}")


def canary_by_descriptors_of_parent(outside):
    """What started this has the canary's folder open."""
    for descriptor in os.listdir(f"/proc/{os.getppid()}/fd"):
        with contextlib.suppress(OSError):
            return read(f"/proc/{os.getppid()}/fd/{descriptor}/canary")
    raise FileNotFoundError(2, "no descriptor leads to it")


def canary_by_bind_mount(outside):
    may_mount()
    folder = os.path.dirname(outside["canary"])
    os.mkdir("bound")
    try:
        call("mount", b"none", b"/", None, MS_PRIVATE_ALL, None)
        call("mount", folder.encode(), b"bound", None, MS_BIND, None)
        text = read("bound/canary")
        ctypes.CDLL(None).umount2(b"bound", 2)
        return text
    finally:
        os.rmdir("bound")


def canary_by_open_tree(outside):
    with contextlib.suppress(PermissionError):
        may_mount()  # refused already; this looks at the call after it
    folder = os.path.dirname(outside["canary"]).encode()
    tree = call("open_tree", AT_FDCWD, folder, OPEN_TREE_CLONE)
    return read(f"/proc/self/fd/{tree}/canary")


def device_by_mknod(outside):
    """The kernel's log; a disk would do as well."""
    os.mknod("device", 0o20600, os.makedev(1, 11))
    try:
        os.close(os.open("device", os.O_RDONLY | os.O_NONBLOCK))
        return "opened the kernel's log"
    finally:
        os.unlink("device")


def system_changed(outside):
    path = "/usr/perdure-was-here"
    Path(path).write_text("")
    os.unlink(path)
    return "wrote to /usr"


def kernel_setting_changed(outside):
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
    return "could have set what the kernel runs when a process crashes"


def actor_database(outside):
    try:
        database = sqlite3.connect(f"file:{outside['database']}?mode=ro", uri=True)
        return database.execute("SELECT value FROM kv").fetchone()[0]
    except sqlite3.OperationalError as error:
        raise FileNotFoundError(2, str(error)) from None


def core_file(outside):
    """A crash leaves the memory of a process where the machine wants it: in its folder, mostly."""
    import resource
    import signal

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGQUIT)
    _, status = os.waitpid(child, 0)
    if not os.WCOREDUMP(status):
        raise OSError(27, "it ended without a core file")
    for path in Path(".").glob("core*"):
        path.unlink()
    return "left a core file"
