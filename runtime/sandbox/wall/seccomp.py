"""The filter of system calls, as the program of the kernel's that bubblewrap loads.

*Promise*: what `refused_calls.py` names is refused, in each way to call it: under another ABI
(32 bits, x32) a process ends at its first call. *Assumes*: libseccomp 2.5 or newer.
"""

import errno
import functools
import os
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .errors import WallRefused
from .refused_calls import (
    FAMILIES,
    FAMILY_REFUSED,
    NAMESPACES,
    NUMBERS,
    NUMBERS_NOT_LOOKED_AT,
    PERSONALITY_ALLOWED,
    PERSONALITY_TOP,
    REFUSED,
    TERMINAL_INPUT,
    UNKNOWN,
)

if TYPE_CHECKING:
    from pyseccomp import SyscallFilter

ARCHITECTURES = ("x86_64", "aarch64")
INSTALL = "Install libseccomp (Debian: apt-get install libseccomp2)"
OPTIMIZE_BY_TREE = 2  # a binary search instead of one comparison for each call
LOW_HALF = 0xFFFFFFFF  # the kernel reads 32 bits of these arguments and passes over the others


@functools.cache
def filter_program() -> bytes:
    """This machine's filter, an array of ``struct sock_filter``; made once, in some milliseconds.

    Raises:
        WallRefused: There is no libseccomp here, or the architecture is one nobody has tried.
    """
    architecture = platform.machine()
    if architecture not in ARCHITECTURES:
        raise WallRefused(
            f"the filter of system calls is known for {' and '.join(ARCHITECTURES)}, "
            f"this is {architecture}",
            'Run it on one of those, or write isolation = "none", which is no wall',
        )
    try:
        import pyseccomp  # noqa: PLC0415 - it raises where libseccomp is missing
    except (RuntimeError, OSError) as error:
        raise WallRefused(f"libseccomp is not here ({error})", INSTALL) from error
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    add_rules(rules)
    for number in NUMBERS_NOT_LOOKED_AT:
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), number)
    for name, number in NUMBERS.items():
        if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) == UNRESOLVED:
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), number)
    return exported(rules)


UNRESOLVED = -1  # what libseccomp says of a name that it does not know


def add_rules(rules: "SyscallFilter") -> None:
    """Add all rules that are given by name, for each architecture that ``rules`` is for."""
    import pyseccomp  # noqa: PLC0415 - see filter_program

    refused = pyseccomp.ERRNO(errno.EPERM)
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    rules.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, OPTIMIZE_BY_TREE)
    for names in REFUSED.values():
        for name in names:
            if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) != UNRESOLVED:
                rules.add_rule(refused, name)
    for name in UNKNOWN:
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), name)
    for flag in NAMESPACES.values():
        rules.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    for request in TERMINAL_INPUT.values():
        # What stands in the upper half is passed over by the kernel, so it is here as well.
        rules.add_rule(refused, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, LOW_HALF, request))
    for family in FAMILIES.values():
        low = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, LOW_HALF, family)
        rules.add_rule(pyseccomp.ERRNO(FAMILY_REFUSED), "socket", low)
    for mask, value in personalities_refused():
        low = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, mask, value)
        rules.add_rule(refused, "personality", low)


def personalities_refused() -> Iterator[tuple[int, int]]:
    """(mask, value): a personality is refused if what the mask leaves of it is the value."""
    for bit in (1 << number for number in range(31)):
        if not bit & PERSONALITY_ALLOWED:
            yield PERSONALITY_TOP | bit, bit  # it sets something that is not allowed
        yield PERSONALITY_TOP | bit, PERSONALITY_TOP  # not all bits, so it does not ask


def exported(rules: "SyscallFilter") -> bytes:
    """``rules`` as the kernel takes them."""
    with open(os.memfd_create("perdure-seccomp"), "rb") as file:  # noqa: PTH123 - it has no path
        rules.export_bpf(file)
        return os.pread(file.fileno(), 1 << 20, 0)
