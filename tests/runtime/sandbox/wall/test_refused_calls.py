"""The lists of refused calls."""

from perdure.runtime.sandbox.wall.refused_calls import (
    NAMESPACES,
    NUMBERS,
    NUMBERS_NOT_LOOKED_AT,
    REFUSED,
)

# What the default profiles of container runtimes refuse to a process without capabilities.
CONTAINERS_REFUSE = [
    "acct",
    "add_key",
    "bpf",
    "clock_settime",
    "create_module",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_kernel_syms",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mbind",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "query_module",
    "quotactl",
    "reboot",
    "request_key",
    "set_mempolicy",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "sysfs",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "ustat",
]


def test_what_containers_are_refused_is_refused() -> None:
    refused = {name for names in REFUSED.values() for name in names}
    assert set(CONTAINERS_REFUSE) - refused == set()


def test_no_call_is_named_twice() -> None:
    names = [name for names in REFUSED.values() for name in names]
    assert len(names) == len(set(names))


def test_those_given_by_number_are_among_those_named() -> None:
    refused = {name for names in REFUSED.values() for name in names}
    assert set(NUMBERS) <= refused
    assert all(number not in NUMBERS_NOT_LOOKED_AT for number in NUMBERS.values())


def test_each_flag_of_a_namespace_is_one_bit() -> None:
    assert all(flag.bit_count() == 1 for flag in NAMESPACES.values())
