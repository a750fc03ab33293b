"""Attacks on processes outside: their memory, environment, descriptors, and lives."""

import ctypes
import os
import signal
import time

from kernel_calls import call, libc

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_PEEKDATA, PTRACE_DETACH = 0x4206, 0x4207, 2, 17
WALL_OF_CHILDREN = 0x40000000  # __WALL: also what is traced and is no child
SECRET_BYTES = 24


class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def process_seen(outside):
    for name in os.listdir("/proc"):
        if name == str(outside["pid"]):
            return "saw it in /proc"
    raise ProcessLookupError(3, "it is not in /proc")


def variable(pid: int) -> str:
    with open(f"/proc/{pid}/environ") as file:
        for text in file.read().split("\0"):
            if text.startswith("CANARY="):
                return text.removeprefix("CANARY=")
    raise OSError(61, "it is not among its variables")  # ENODATA


def environment_of_process(outside):
    return variable(outside["pid"])


def environment_of_parent(outside):
    return variable(os.getppid())


def memory_by_proc(outside):
    with open(f"/proc/{outside['pid']}/mem", "rb") as memory:
        memory.seek(outside["address"])
        return memory.read(SECRET_BYTES).decode()


def memory_by_process_vm(outside):
    secret = ctypes.create_string_buffer(SECRET_BYTES)
    here = Piece(ctypes.addressof(secret), SECRET_BYTES)
    there = Piece(outside["address"], SECRET_BYTES)
    call("process_vm_readv", outside["pid"], ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    return secret.raw.decode()


def memory_by_ptrace(outside):
    pid = outside["pid"]
    call("ptrace", PTRACE_SEIZE, pid, 0, 0)
    call("ptrace", PTRACE_INTERRUPT, pid, 0, 0)
    os.waitpid(pid, WALL_OF_CHILDREN)
    words = b""
    for at in range(0, SECRET_BYTES, 8):
        word = ctypes.c_long()
        call("ptrace", PTRACE_PEEKDATA, pid, outside["address"] + at, ctypes.byref(word))
        words += bytes(word)
    call("ptrace", PTRACE_DETACH, pid, 0, 0)
    return words.decode()


def process_signalled(outside):
    os.kill(outside["pid"], signal.SIGCONT)  # one that does no harm
    return "sent a signal"


def descriptor_taken(outside):
    process = call("pidfd_open", outside["pid"], 0)
    taken = call("pidfd_getfd", process, outside["descriptor"], 0)
    return os.pread(taken, 100, 0).decode()


def namespaces_joined(outside):
    """What an attacker would do who has found out the number of a process outside."""
    namespace = os.open(f"/proc/{outside['pid']}/ns/uts", os.O_RDONLY)
    if os.geteuid() == 0:
        call("setns", namespace, 0)
    return "could join its namespaces"


def parent_stopped(outside):
    """Not by a signal that stops: by one that only asks whether it may be sent."""
    if os.getppid() == 1:  # bubblewrap's, inside; ours is the whole world then
        raise ProcessLookupError(3, "the parent is the first process inside")
    os.kill(os.getppid(), 0)
    return "could signal what started it"


def daemon_left_behind(outside):
    """A process in a session of its own, whose parents have ended, and that hears no SIGTERM."""
    here, there = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            libc.prctl(15, outside["daemon"].encode(), 0, 0, 0)  # PR_SET_NAME: to be found again
            os.write(there, b"!")
            for descriptor in range(64):
                try:
                    os.close(descriptor)
                except OSError:
                    continue
            time.sleep(30)
        os._exit(0)
    os.read(here, 1)
    return "left a process behind"
