"""Which system calls are refused inside, and why: what container runtimes refuse by default."""

# Pure: it imports nothing that does anything.

import errno

# Names of libseccomp. Each is refused with EPERM, whatever its arguments are; one that an
# architecture has not got, or that libseccomp does not know yet, is refused by number or not there.
REFUSED = {
    "mounts": (
        *("mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount"),
        *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "swapon", "swapoff"),
        *("quotactl", "quotactl_fd", "open_by_handle_at", "fanotify_init"),
    ),
    "namespaces": ("setns", "unshare"),
    "other processes": (
        *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise"),
        *("pidfd_getfd", "kcmp"),
    ),
    "keyrings": ("add_key", "request_key", "keyctl"),
    "the kernel's own": (
        *("bpf", "perf_event_open", "userfaultfd", "lookup_dcookie", "syslog", "_sysctl", "sysfs"),
        *("uselib", "ustat", "nfsservctl", "acct", "vhangup", "iopl", "ioperm", "modify_ldt"),
        *("kexec_load", "kexec_file_load", "reboot", "init_module", "finit_module"),
        *("delete_module", "create_module", "query_module", "get_kernel_syms"),
        *("settimeofday", "clock_settime", "stime", "sethostname", "setdomainname"),
    ),
    "asynchronous input and output past the filter": (
        *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    ),
    "memory of other nodes": (
        *("mbind", "set_mempolicy", "set_mempolicy_home_node", "migrate_pages", "move_pages"),
    ),
}

# Since 424 new calls have the same number on all architectures: those that older libseccomps do
# not know by name.
NUMBERS = {
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "set_mempolicy_home_node": 450,
}
# They answer as if this kernel were older, which programs are made for: libc then takes clone,
# whose flags can be looked at, while those of clone3 lie in memory.
UNKNOWN = ("clone3",)
# Calls that are newer than this list are not there either: nobody has looked at them.
NUMBERS_NOT_LOOKED_AT = range(463, 512)

# linux/sched.h. As flags of clone; CLONE_NEWTIME is none, it is among the bits of the signal.
NAMESPACES = {
    "CLONE_NEWNS": 0x00020000,
    "CLONE_NEWCGROUP": 0x02000000,
    "CLONE_NEWUTS": 0x04000000,
    "CLONE_NEWIPC": 0x08000000,
    "CLONE_NEWUSER": 0x10000000,
    "CLONE_NEWPID": 0x20000000,
    "CLONE_NEWNET": 0x40000000,
}
# asm-generic/ioctls.h: what puts input into a terminal, as if somebody had typed it.
TERMINAL_INPUT = {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C}
# linux/personality.h: what container runtimes allow is none, UNAME26, PER_LINUX32 and both; and to
# ask, which is to set all 32 bits. No flag has the topmost bit, so it tells asking from setting.
PERSONALITY_ALLOWED = 0x20000 | 0x8
PERSONALITY_TOP = 1 << 31
# Families of sockets that reach out of a network namespace (vsock: the hypervisor), or into parts
# of the kernel that few programs need and many holes were found in.
FAMILIES = {
    "AF_AX25": 3,
    "AF_NETROM": 6,
    "AF_KEY": 15,
    "AF_RDS": 21,
    "AF_CAN": 29,
    "AF_TIPC": 30,
    "AF_BLUETOOTH": 31,
    "AF_RXRPC": 33,
    "AF_ALG": 38,
    "AF_NFC": 39,
    "AF_VSOCK": 40,
    "AF_KCM": 41,
    "AF_QIPCRTR": 42,
    "AF_SMC": 43,
    "AF_XDP": 44,
}
FAMILY_REFUSED = errno.EAFNOSUPPORT
