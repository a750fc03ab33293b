"""Attacks on what listens outside, and on memory and keys that processes share."""

import ctypes
import os
import socket

from kernel_calls import call, libc

IPC_RDONLY = 0o10000
KEYCTL_READ, KEYCTL_SEARCH, USER_KEYRING = 11, 10, -4


def said_by(kind: int, address: object) -> str:
    with socket.socket(kind, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        connection.connect(address)
        return connection.recv(100).decode()


def socket_on_loopback(outside):
    return said_by(socket.AF_INET, ("127.0.0.1", outside["port"]))


def socket_on_interface(outside):
    """What listens on another address of the machine."""
    return said_by(socket.AF_INET, (outside["address_of_machine"], outside["port"]))


def socket_by_path(outside):
    return said_by(socket.AF_UNIX, outside["socket"])


def socket_abstract(outside):
    return said_by(socket.AF_UNIX, "\0" + outside["abstract"])


def memory_shared_by_number(outside):
    libc.shmat.restype = ctypes.c_void_p
    number = libc.shmget(outside["shared"], 0, 0)
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    address = libc.shmat(number, None, IPC_RDONLY)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "shmat")
    return ctypes.string_at(address, 24).decode()


def memory_shared_by_name(outside):
    with open(f"/dev/shm/{outside['shared_name']}") as file:
        return file.read()


def key_of_kernel(outside):
    name = outside["key"].encode()
    key = call("keyctl", KEYCTL_SEARCH, USER_KEYRING, b"user", name, 0)
    buffer = ctypes.create_string_buffer(100)
    size = call("keyctl", KEYCTL_READ, key, buffer, 100)
    return buffer.raw[:size].decode()


def terminal_typed_into(outside):
    """Its own standard input is somebody's terminal."""
    import fcntl
    import termios

    if os.getsid(0) != os.getpid():
        os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    fcntl.ioctl(0, termios.TIOCSTI, b"x")
    return "typed for the one before the terminal"
