"""The filter decides as its lists say, on both architectures, for each way to call."""

import errno
import platform

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.wall import seccomp
from perdure.runtime.sandbox.wall.errors import WallRefused
from perdure.runtime.sandbox.wall.refused_calls import (
    FAMILIES,
    NAMESPACES,
    NUMBERS_NOT_LOOKED_AT,
    REFUSED,
    TERMINAL_INPUT,
)

from .kernel_filter import ALLOW, ERRNO, KILL_PROCESS, X32, decide

try:
    import pyseccomp
except RuntimeError as missing:
    pytest.skip(
        f"there is no libseccomp here, to make a filter: {missing}", allow_module_level=True
    )
NATIVE = platform.machine()
BOTH = ["x86_64", "aarch64"]
EPERM = ERRNO | errno.EPERM
WORDS = st.integers(min_value=0, max_value=2**64 - 1)
ASKING, ALLOWED = 0xFFFFFFFF, {0, 0x8, 0x20000, 0x20008}


def program(architecture: str) -> bytes:
    """The rules that have names, for any architecture; for this machine's all of them."""
    if architecture == NATIVE:
        return seccomp.filter_program()
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    rules.remove_arch(pyseccomp.Arch.NATIVE)
    rules.add_arch(getattr(pyseccomp.Arch, architecture.upper()))
    seccomp.add_rules(rules)
    return seccomp.exported(rules)


PROGRAMS = {architecture: program(architecture) for architecture in BOTH}


def number(architecture: str, name: str) -> int:
    arch = getattr(pyseccomp.Arch, architecture.upper())
    return int(pyseccomp.resolve_syscall(arch, name))


def decided(architecture: str, name: str, *arguments: int) -> int:
    called = number(architecture, name)
    assert called >= 0
    return decide(PROGRAMS[architecture], architecture, called, arguments)


@pytest.mark.parametrize("architecture", BOTH)
def test_what_is_named_is_refused(architecture: str) -> None:
    for names in REFUSED.values():
        for name in names:
            if (called := number(architecture, name)) >= 0:
                assert decide(PROGRAMS[architecture], architecture, called) == EPERM, name


@pytest.mark.parametrize("architecture", BOTH)
def test_what_programs_live_by_is_allowed(architecture: str) -> None:
    for name in [
        "read",
        "write",
        "openat",
        "close",
        "mmap",
        "execve",
        "exit_group",
        "futex",
        "socket",
        "clone",
        "wait4",
        "kill",
    ]:
        assert decided(architecture, name) == ALLOW


@pytest.mark.parametrize("architecture", BOTH)
def test_clone_is_refused_with_a_flag_of_a_namespace_only(architecture: str) -> None:
    threads = 0x003D0F00
    assert decided(architecture, "clone", threads) == ALLOW
    for flag in NAMESPACES.values():
        assert decided(architecture, "clone", threads | flag) == EPERM


@pytest.mark.parametrize("architecture", BOTH)
def test_libc_is_told_that_there_is_no_clone3(architecture: str) -> None:
    assert decided(architecture, "clone3") == ERRNO | errno.ENOSYS


@pytest.mark.parametrize("architecture", BOTH)
@given(upper=st.integers(min_value=0, max_value=2**32 - 1))
def test_nothing_is_typed_into_a_terminal_whatever_the_upper_half_says(
    architecture: str, upper: int
) -> None:
    for request in TERMINAL_INPUT.values():
        assert decided(architecture, "ioctl", 0, upper << 32 | request) == EPERM
    assert decided(architecture, "ioctl", 0, upper << 32 | 0x5401) == ALLOW


@pytest.mark.parametrize("architecture", BOTH)
def test_sockets_out_of_the_network_namespace_are_refused(architecture: str) -> None:
    for family in FAMILIES.values():
        answer = decided(architecture, "socket", family)
        assert answer == ERRNO | errno.EAFNOSUPPORT
    for family in (1, 2, 10, 16):  # Unix, both of IP, netlink
        assert decided(architecture, "socket", family) == ALLOW


@pytest.mark.parametrize("architecture", BOTH)
@given(persona=st.one_of(WORDS, st.sampled_from([ASKING, *ALLOWED, 0x80040000, 0x7FFFFFFF])))
def test_only_those_personalities_are_allowed(architecture: str, persona: int) -> None:
    low = persona & 0xFFFFFFFF
    is_allowed = low == ASKING or low in ALLOWED
    assert decided(architecture, "personality", persona) == (ALLOW if is_allowed else EPERM)


@pytest.mark.parametrize("architecture", BOTH)
def test_another_abi_ends_the_process(architecture: str) -> None:
    for other in {*BOTH, "i386"} - {architecture}:
        assert decide(PROGRAMS[architecture], other, 1) == KILL_PROCESS


def test_x32_ends_the_process() -> None:
    assert decide(PROGRAMS["x86_64"], "x86_64", X32 | 1) == KILL_PROCESS


@pytest.mark.skipif(NATIVE not in BOTH, reason="there is no filter for this architecture")
def test_calls_that_nobody_has_looked_at_are_not_there() -> None:
    for called in NUMBERS_NOT_LOOKED_AT:
        assert decide(PROGRAMS[NATIVE], NATIVE, called) == ERRNO | errno.ENOSYS


def test_another_architecture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    seccomp.filter_program.cache_clear()
    with pytest.raises(WallRefused, match="riscv64"):
        seccomp.filter_program()
    seccomp.filter_program.cache_clear()
