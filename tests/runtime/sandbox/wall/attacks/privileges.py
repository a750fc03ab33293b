"""Attacks that ask for more rights: user namespaces, setuid programs, control groups, the kernel."""

import ctypes
import mmap
import os
import subprocess

from kernel_calls import CLONE_NEWUSER, call

ADDR_NO_RANDOMIZE = 0x0040000
SIGCHLD = 17


class CloneArguments(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "pidfd", "child", "parent", "signal")]
    _fields_ += [(name, ctypes.c_uint64) for name in ("stack", "stack_size", "tls")]


def user_namespace_by_unshare(outside):
    call("unshare", CLONE_NEWUSER)
    return "has all capabilities in a namespace of its own"


def user_namespace_by_clone(outside):
    child = call("clone", CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "has a child with all capabilities in a namespace of its own"


def user_namespace_by_clone3(outside):
    arguments = CloneArguments(flags=CLONE_NEWUSER, signal=SIGCHLD)
    child = call("clone3", ctypes.byref(arguments), ctypes.sizeof(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "has a child with all capabilities in a namespace of its own"


def setuid_program(outside):
    """A copy of ``id`` that belongs to root and is setuid: it says as whom it runs."""
    told = subprocess.run([outside["setuid"], "-u"], capture_output=True, text=True, check=True)
    if told.stdout.strip() != "0":
        raise PermissionError(1, f"it ran as {told.stdout.strip()}")
    return "ran as root"


def control_group_left(outside):
    with open(f"{outside['group']}/cgroup.procs", "w") as file:
        file.write("0")
    return "is in another group, with its limits"


def release_agent_set(outside):
    os.close(os.open(outside["release_agent"], os.O_WRONLY))
    return "could have the kernel start a program as root"


def personality_changed(outside):
    call("personality", ADDR_NO_RANDOMIZE)
    return "what it starts has its memory at known addresses"


def io_uring(outside):
    parameters = ctypes.create_string_buffer(120)
    os.close(call("io_uring_setup", 4, parameters))
    return "can have input and output done past a filter of system calls"


def system_call_of_32_bits(outside):
    """``int 0x80`` with the number of getpid there, which a filter for 64 bits takes for another."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    if os.fork() == 0:
        pid = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        os._exit(0 if pid == os.getpid() else 1)
    _, status = os.wait()
    if os.WIFSIGNALED(status):
        raise OSError(38, f"ended by signal {os.WTERMSIG(status)}")
    if os.waitstatus_to_exitcode(status):
        raise OSError(38, "it was not there")
    return "called the kernel under another ABI"
