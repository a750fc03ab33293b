"""Runs a filter of system calls as the kernel does: a machine of a few instructions."""

import struct
from collections.abc import Sequence

ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003}
X32 = 0x40000000


def decide(program: bytes, architecture: str, number: int, arguments: Sequence[int] = ()) -> int:
    """What the kernel would do: ALLOW, KILL_PROCESS, or ERRNO plus a number."""
    words = [*arguments, *[0] * (6 - len(arguments))]
    masked = [word & 0xFFFFFFFFFFFFFFFF for word in words]
    data = struct.pack("<iIQ6Q", number, ARCHITECTURES[architecture], 0, *masked)
    code = list(struct.iter_unpack("<HBBI", program))
    accumulator = at = 0
    while True:
        operation, yes, no, k = code[at]
        at += 1
        match operation:
            case 0x20:  # load a word of the data
                accumulator = struct.unpack_from("<I", data, k)[0]
            case 0x54:  # and
                accumulator &= k
            case 0x05:  # jump
                at += k
            case 0x15:  # jump if equal
                at += yes if accumulator == k else no
            case 0x25:  # if greater
                at += yes if accumulator > k else no
            case 0x35:  # if greater or equal
                at += yes if accumulator >= k else no
            case 0x06:  # return
                return int(k)
            case _:
                raise AssertionError(f"instruction {operation:#x}")
