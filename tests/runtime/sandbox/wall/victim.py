"""A process outside that has something to be taken, in each way in which something can be had.

Arguments: a folder of its own. It writes what is known of it in JSON, and ends with its input.
"""

import ctypes
import json
import os
import selectors
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

from .attacks.kernel_calls import call, libc

IPC_PRIVATE_TO_US = 0o600 | 0o1000 | 0o2000  # IPC_CREAT, IPC_EXCL
IPC_RMID = 0
USER_KEYRING = -4
KEYCTL_SETPERM, KEYCTL_REVOKE = 5, 3
KEY_FOR_ITS_USER = 0x3F3F0000  # all rights for who possesses it, and for its user


def address_of_this_machine() -> str:
    """That of an interface other than loopback, or loopback's where there is no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return str(asking.getsockname()[0])


def main() -> None:
    folder = Path(sys.argv[1])
    secret = os.environ["CANARY"]
    os.chdir(folder)
    canary = folder / "canary"
    canary.write_text(secret)
    canary.chmod(0o600)
    database = sqlite3.connect(folder / "actor.sqlite")
    database.execute("CREATE TABLE kv (key, value)")
    database.execute("INSERT INTO kv VALUES ('a', ?)", (secret,))
    database.commit()
    held = os.open(canary, os.O_RDONLY)
    memory = ctypes.create_string_buffer(secret.encode())
    mark = secret[:8]
    abstract = f"perdure-{mark}"
    addresses: list[tuple[int, Any]] = [
        (socket.AF_INET, ("0.0.0.0", 0)),
        (socket.AF_UNIX, str(folder / "socket")),
        (socket.AF_UNIX, "\0" + abstract),
    ]
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    port = 0
    for kind, address in addresses:
        listener = socket.socket(kind)
        listener.bind(address)
        listener.listen()
        selector.register(listener, selectors.EVENT_READ)
        port = port or listener.getsockname()[1]
    key = int(mark, 16) & 0x7FFFFFFF
    shared = libc.shmget(key, 4096, IPC_PRIVATE_TO_US)
    libc.shmat.restype = ctypes.c_void_p
    ctypes.memmove(libc.shmat(shared, None, 0), memory, len(memory))
    shared_file = Path("/dev/shm", f"perdure-{mark}")
    shared_file.write_text(secret)
    kept = call("add_key", b"user", mark.encode(), secret.encode(), len(secret), USER_KEYRING)
    call("keyctl", KEYCTL_SETPERM, kept, KEY_FOR_ITS_USER)
    facts = {
        "canary": str(canary),
        "database": str(folder / "actor.sqlite"),
        "pid": os.getpid(),
        "descriptor": held,
        "address": ctypes.addressof(memory),
        "address_of_machine": address_of_this_machine(),
        "port": port,
        "socket": str(folder / "socket"),
        "abstract": abstract,
        "shared": key,
        "shared_name": shared_file.name,
        "key": mark,
        "mark": mark,
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    while True:
        for ready, _ in selector.select():
            if ready.fileobj is sys.stdin:
                libc.shmctl(shared, IPC_RMID, None)
                shared_file.unlink()
                call("keyctl", KEYCTL_REVOKE, kept)
                return
            assert isinstance(ready.fileobj, socket.socket)
            connection, _ = ready.fileobj.accept()
            connection.sendall(secret.encode())
            connection.close()


if __name__ == "__main__":
    main()
